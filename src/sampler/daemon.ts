import { rmSync } from 'node:fs'
import type { CallOptions } from '../beam/progress.ts'
import { VERBS } from '../beam/verbs.ts'
import { writeFileAtomic } from '../disk/atomic.ts'
import { realFiles } from '../disk/files.ts'
import { GlasError } from '../glas/errors.ts'
import { peerIdText } from '../glas/keys.ts'
import { type HomeFolder, newSocketPath } from '../home/folder.ts'
import { accessOf, openPintGlas, type PintGlas, type VerbName } from '../open.ts'
import { Copier, type ShownAs } from './copier.ts'
import type { OpenArgs } from './open-page.ts'
import type { AcceptArgs, Sampler, SnapArgs } from './sampler.ts'
import { serveSocket } from './socket.ts'
import type { Transfers } from './transfers.ts'

export interface DaemonStatus {
  pid: number
  peerId: string
  addresses: string[]
  socket: string
  /** Where Taps, launchers and browsers find it; empty when that is off. */
  http: string
}

/** Asked over the socket like verbs, but about what only the daemon has: itself, and the images that are connected. */
const STATUS = 'daemonStatus'
const STOP = 'daemonStop'
const LIVE = 'live'
const SNAP = 'snap'
const OPEN = 'open'
const QUARANTINE = 'quarantine'
const ACCEPT = 'accept'
const REFUSE = 'refuse'

/** Longest wait for calls that go on when the daemon stops; what they have acknowledged is safe anyway. */
const STOP_LIMIT_MS = 10_000

/**
 * Keeps a peer up until `signal` is aborted or somebody asks it to stop: serves members, copies what is followed, and
 * answers the command line. `onReady` is called when all of that works.
 */
export async function runDaemon(
  folder: HomeFolder,
  options: CallOptions & { onReady: (status: DaemonStatus) => void },
): Promise<void> {
  const stopping = new AbortController()
  const signal = AbortSignal.any([options.signal, stopping.signal])
  const working = { ...options, signal }
  const socket = newSocketPath(folder.root)
  const pintglas = await openPintGlas(folder, { access: 'writing', isDaemon: true, options: working })
  let starting: Promise<Sampler | undefined> = Promise.resolve(undefined)
  try {
    const network = await pintglas.parts.network()
    starting = startSampler(pintglas, working)
    let transfers: Transfers | undefined
    starting.then((sampler) => (transfers = sampler?.transfers)).catch(() => {}) // met below, when verbs can be answered
    const shownAs: ShownAs = (what, callOptions, run) => transfers?.follow(what, callOptions, run) ?? run(callOptions)
    const calls = new Set<Promise<unknown>>()
    const status = async (): Promise<DaemonStatus> => ({
      pid: process.pid,
      peerId: peerIdText(pintglas.parts.home.peer.publicKey),
      addresses: network.addresses(),
      socket,
      http: (await starting)?.url ?? '',
    })
    const answer = async (verb: string, args: unknown, callOptions: CallOptions): Promise<unknown> => {
      if (verb === STATUS) return status()
      if (verb === STOP) {
        stopping.abort(new GlasError('Interrupted', 'The daemon was stopped.'))
        return new Promise(() => {}) // who asked waits for the end of the process, which ends the connection
      }
      const callSignal = { ...callOptions, signal: AbortSignal.any([callOptions.signal, signal]) }
      if (verb === LIVE) return needed(await starting).live()
      if (verb === SNAP) return needed(await starting).snap(args as SnapArgs, callSignal)
      if (verb === OPEN) return needed(await starting).open(args as OpenArgs)
      if (verb === QUARANTINE) return needed(await starting).quarantined()
      if (verb === ACCEPT) return needed(await starting).accept(args as AcceptArgs)
      if (verb === REFUSE) return needed(await starting).refuse(args as { id: string })
      const label = labelOf(args)
      const call = shownAs({ kind: verb, label }, callSignal, (shown) => callVerb(pintglas, verb, args, shown))
      calls.add(call)
      return call.finally(() => {
        calls.delete(call)
        if (accessOf(verb as VerbName) === 'writing') copier.look() // it may have changed rules, or made room
      })
    }
    const copier = new Copier(pintglas.parts, network, { options: working, shownAs })
    const server = await serveSocket(socket, answer)
    await writeFileAtomic(realFiles, folder.socketNote, Buffer.from(`${socket}\n`))
    copier.start()
    options.onReady(await status())
    await aborted(signal)
    server.close()
    await copier.stop()
    await Promise.race([
      Promise.allSettled(calls),
      new Promise((resolve) => setTimeout(resolve, STOP_LIMIT_MS).unref()),
    ])
    for (const path of [socket, folder.socketNote]) rmSync(path, { force: true })
  } finally {
    await (await starting.catch(() => undefined))?.close()
    await pintglas.close()
  }
}

/** Loaded only where it is wanted. */
async function startSampler(pintglas: PintGlas, options: CallOptions): Promise<Sampler | undefined> {
  if (pintglas.parts.home.config.http === 'off') return undefined
  const { openSampler } = await import('./sampler.ts')
  return openSampler(pintglas, options)
}

function needed(sampler: Sampler | undefined): Sampler {
  if (sampler !== undefined) return sampler
  throw new GlasError('NotRunning', 'The daemon takes no images that run: `pintglas config http` says off.')
}

/** What a call is about, for people. */
function labelOf(args: unknown): string {
  const { reference, path } = (args ?? {}) as { reference?: unknown; path?: unknown }
  return [reference, path].find((text) => typeof text === 'string') ?? ''
}

function callVerb(pintglas: PintGlas, verb: string, args: unknown, options: CallOptions): Promise<unknown> {
  if (!Object.hasOwn(VERBS, verb)) {
    const message = `The daemon does not know "${verb}": it is of another version. Stop it and start it again.`
    throw new GlasError('BadUsage', message)
  }
  return pintglas.call(verb as VerbName, args as never, options)
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
