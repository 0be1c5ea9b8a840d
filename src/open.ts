/**
 * The composition root: opens the parts of a home and hands them to the use cases. What a verb does not need is not
 * opened, and the network is not even loaded before somebody asks for it.
 */

import { BlockThreads } from './beam/block-threads.ts'
import { imageDeltas } from './beam/image-deltas.ts'
import { networkPorts } from './beam/network-ports.ts'
import type { Parts } from './beam/parts.ts'
import type { CallOptions } from './beam/progress.ts'
import { Records } from './beam/records.ts'
import { VERBS } from './beam/verbs.ts'
import { verifyIn } from './beam/verify.ts'
import { GlasError } from './glas/errors.ts'
import { toHex } from './glas/keys.ts'
import type { HomeFolder } from './home/folder.ts'
import { type Home, openHome, stockFolder } from './home/home.ts'
import { openIndex, readIndex } from './index/names.ts'
import type { HomeIdentity } from './net/home-swarm.ts'
import type { Network } from './net/network.ts'
import { openStock } from './stock/open.ts'

type VerbTable = typeof VERBS
export type VerbName = keyof VerbTable
type Second<Verb extends VerbName> = Parameters<VerbTable[Verb]['run']>[1]
/** A verb without arguments takes an empty object. */
export type Arguments<Verb extends VerbName> = Second<Verb> extends undefined ? object : Second<Verb>
export type Result<Verb extends VerbName> = Awaited<ReturnType<VerbTable[Verb]['run']>>

/** How long a daemon waits for a verb that writes to the same home. */
const DAEMON_LOCK_WAIT_MS = 10_000
/** How long a verb waits before StoreLocked: its caller looks then whether it is a daemon that has the lock. */
const VERB_LOCK_WAIT_MS = 1_000

export interface OpenOptions {
  /** `reading` opens beside a writer and changes nothing. */
  access: 'reading' | 'writing'
  isDaemon: boolean
  options: Pick<CallOptions, 'signal' | 'onMessage'>
}

export interface PintGlas {
  parts: Parts
  call<Verb extends VerbName>(verb: Verb, args: Arguments<Verb>, options: CallOptions): Promise<Result<Verb>>
  close(): Promise<void>
}

export function accessOf(verb: VerbName): OpenOptions['access'] {
  return VERBS[verb].access
}

/** Opens a home, and makes it when there is none. Close it again, whatever happens. */
export async function openPintGlas(folder: HomeFolder, open: OpenOptions): Promise<PintGlas> {
  const closing: Array<() => Promise<void>> = []
  try {
    const parts = await openParts(folder, open, closing)
    return {
      parts,
      call: (verb, args, options) => callVerb(parts, verb, args, options),
      close: () => closeAll(closing),
    }
  } catch (error) {
    await closeAll(closing)
    throw error
  }
}

function callVerb<Verb extends VerbName>(
  parts: Parts,
  verb: Verb,
  args: Arguments<Verb>,
  options: CallOptions,
): Promise<Result<Verb>> {
  const run = VERBS[verb].run as (parts: Parts, args: Arguments<Verb>, options: CallOptions) => Promise<Result<Verb>>
  return run(options.offline ? withoutNetwork(parts) : parts, args, options)
}

function withoutNetwork(parts: Parts): Parts {
  const network = () => {
    throw new GlasError('NotAllowed', 'This needs other peers, and --offline forbids the network.')
  }
  return { ...parts, network, running: () => undefined }
}

async function openParts(
  folder: HomeFolder,
  { access, isDaemon, options }: OpenOptions,
  closing: Array<() => Promise<void>>,
): Promise<Parts> {
  let self = await openSelf(folder)
  const lock = { waitMs: isDaemon ? DAEMON_LOCK_WAIT_MS : VERB_LOCK_WAIT_MS, signal: options.signal }
  const writable = access === 'writing'
  const known = { isKnownOwner: (owner: string) => isKnownOwner(self, owner) }
  const index = await (writable ? openIndex(folder.index, { ...lock, ...known }) : readIndex(folder.index, known))
  closing.push(() => index.close())
  // The index has the lock. Who had it until now may have changed settings, keys or the swarm: nothing of it gets lost.
  if (writable) self = await openSelf(folder)
  const { home, swarm } = self
  const { maxDeltaImageBytes: maxImageBytes } = home.config
  const images = imageDeltas(maxImageBytes)
  const threads = new BlockThreads()
  closing.push(() => threads.close())
  const verify = verifyIn(threads)
  const stock = await openStock(stockFolder(home), { writable, ...lock, images, maxImageBytes, verify })
  closing.push(() => stock.close())
  let network: Promise<Network> | undefined
  let running: Network | undefined
  const parts: Parts = {
    home,
    index,
    stock,
    threads,
    records: new Records(stock),
    isDaemon,
    isPublic: () => false, // no glas can be made public before its heap was searched for secrets
    get swarm() {
      return running?.peer.swarm ?? swarm // the network's own is the one that changes
    },
    running: () => running,
    network: () => {
      if (!writable) throw new GlasError('Internal', 'The network was asked for by a verb that only reads.')
      network ??= startNetwork(parts, options).then((started) => {
        running = started
        closing.push(() => started.close())
        return started
      })
      return network
    },
  }
  return parts
}

type Self = Pick<Parts, 'home' | 'swarm'>

async function openSelf(folder: HomeFolder): Promise<Self> {
  const home = await openHome(folder)
  const { openSwarm } = await import('./net/home-swarm.ts')
  return { home, swarm: await openSwarm(folder.swarm, identityOf(home)) }
}

function identityOf({ peer, owner, config }: Home): HomeIdentity {
  return { peer, owner: owner.publicKey, name: config.name }
}

async function startNetwork(parts: Parts, options: OpenOptions['options']): Promise<Network> {
  const { openNetwork } = await import('./net/network.ts')
  const { home } = parts
  const { listen, mdns, allow, sshCommand, remotePintglas, limitUpload, limitDownload } = home.config
  return openNetwork(
    {
      folder: home.folder.swarm,
      identity: identityOf(home),
      listen,
      mdns,
      limits: { uploadKib: limitUpload, downloadKib: limitDownload },
      ...(allow.length === 0 ? {} : { allowOnly: allow }),
      ssh: { ssh: sshCommand, pintglas: remotePintglas },
    },
    networkPorts(parts, options),
  )
}

/** Whose entries are kept without asking how many strangers' there are. */
function isKnownOwner({ home, swarm }: Self, owner: string): boolean {
  if (owner === toHex(home.owner.publicKey) || owner === home.config.owner) return true
  if (home.config.follow.some((rule) => rule.what === 'owner' && rule.id === owner)) return true
  return swarm.membership.members().some((member) => toHex(member.owner) === owner)
}

/** In the reverse order of opening; the first failure is thrown after all were tried. */
async function closeAll(closing: Array<() => Promise<void>>): Promise<void> {
  const failures: unknown[] = []
  for (const close of closing.splice(0).reverse()) await close().catch((error: unknown) => failures.push(error))
  if (failures.length > 0) throw failures[0]
}
