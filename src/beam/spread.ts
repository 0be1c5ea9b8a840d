import type { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import { type PublicKey, peerIdText, sameBytes } from '../glas/keys.ts'
import type { Member } from '../net/membership.ts'
import type { Network } from '../net/network.ts'
import { memberNamed, peerName } from './names.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'

/** Where a version is, besides here. */
export interface Copies {
  /** Names of the peers that have proved to hold it. */
  holders: string[]
  /** What to type to get a first copy; empty when there is one. */
  next: string
}

/**
 * Has others take copies: the members named by `to`, and as many more as it takes to reach `copies`. Each is asked,
 * pulls over the connection that there is, and counts once it has answered a challenge. PeerUnreachable, NoProviders.
 */
export async function spread(
  parts: Parts,
  record: CID,
  { to, copies }: { to: string[]; copies: number },
  options: CallOptions,
): Promise<Copies> {
  const wanted = to.map((name) => memberNamed(parts, name))
  if (wanted.length > 0 || copies > 0) {
    const network = await parts.network()
    for (const peerKey of wanted) await placeAt(network, peerKey, record, options)
    if (copies > 0) await reachNumber(parts, network, { record, copies }, options)
  }
  return copiesOf(parts, record)
}

/** Has the member pull the version from here, and prove that it holds it. PeerUnreachable, BlockMissing, its refusal. */
export async function placeAt(network: Network, peerKey: PublicKey, record: CID, options: CallOptions): Promise<void> {
  await network.reach(peerKey, options.signal)
  await network.catchUp(peerKey, options.signal)
  await network.holders.askToHold(peerKey, record, {
    signal: options.signal,
    onProgress: (doneBytes, totalBytes) => options.onProgress({ phase: 'sending', doneBytes, totalBytes }),
  })
  if (await network.holders.challenge(peerKey, record, { signal: options.signal })) return
  throw new GlasError(
    'BlockMissing',
    'The peer says that it holds the version, but could not prove it. Try another one.',
  )
}

async function reachNumber(
  parts: Parts,
  network: Network,
  { record, copies }: { record: CID; copies: number },
  options: CallOptions,
): Promise<void> {
  await network.settled(options.signal)
  await network.holders.prove(record, { signal: options.signal })
  for (const peerKey of network.membersUp()) {
    if (network.holders.copies(record) >= copies) return
    if (network.holders.holders(record).some((one) => one.proved && sameBytes(one.peerKey, peerKey))) continue
    try {
      await placeAt(network, peerKey, record, options)
    } catch (error) {
      options.signal.throwIfAborted()
      options.onMessage(`${peerName(parts, peerKey)} took no copy: ${(error as Error).message}`)
    }
  }
  const reached = network.holders.copies(record)
  if (reached >= copies) return
  const message = `The version is safe here, but has ${reached} of the ${copies} copies elsewhere. Start more peers, then push again.`
  throw new GlasError('NoProviders', message, { data: { record: String(record), copies: reached, wanted: copies } })
}

function copiesOf(parts: Parts, record: CID): Copies {
  const known = parts.running()?.holders.holders(record) ?? []
  const holders = known.filter(({ proved }) => proved).map(({ peerKey }) => peerName(parts, peerKey))
  if (holders.length > 0) return { holders, next: '' }
  const other = parts.swarm.membership.members().find(({ peerKey }) => !sameBytes(peerKey, parts.home.peer.publicKey))
  return { holders, next: other === undefined ? 'pintglas invite' : `pintglas push --to ${typedName(other)}` }
}

/** Members choose their names themselves, and users paste what they are told: what a shell might take otherwise is no name. */
function typedName({ name, peerKey }: Pick<Member, 'name' | 'peerKey'>): string {
  return /^\w[\w.-]*$/.test(name) ? name : peerIdText(peerKey)
}
