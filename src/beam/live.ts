import { peerIdText } from '../glas/keys.ts'
import type { TapRight } from '../glas/tap-right.ts'
import { peerName } from './names.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'

/** A running image, here or at another member. */
export interface ListedTap {
  name: string
  /** Empty where this home may not see it. */
  host: string
  /** The image directory there; empty as `host`. */
  path: string
  /** Names the tap at its peer, for as long as the sampler there runs. */
  id: string
  /** The machine whose sampler it is connected to, by its name in the swarm. */
  peer: string
  peerId: string
  /** Connected to this machine. */
  here: boolean
  /** The peer answered just now; otherwise only what it last said to everybody is known. */
  reached: boolean
  /** What this home may there. */
  may: TapRight
}

type Listing = Pick<Parts, 'home' | 'swarm' | 'taps' | 'network' | 'isDaemon'>

/**
 * The images that run: those that are connected here, then those of other members that share theirs, by peer. Of a
 * member that does not let this home see more, the names alone. With `--offline` those here.
 */
export async function live(
  parts: Listing,
  _args: object,
  { signal, offline, onMessage }: CallOptions,
): Promise<{ taps: ListedTap[] }> {
  if (parts.taps === undefined) {
    onMessage('Images of this machine can connect to a daemon alone, which takes them unless `http` is off.')
  }
  const own = ownTaps(parts)
  return { taps: offline ? own : [...own, ...(await otherTaps(parts, signal))] }
}

function ownTaps({ home, taps }: Listing): ListedTap[] {
  const { publicKey } = home.peer
  const at = { peer: home.config.name, peerId: peerIdText(publicKey), here: true, reached: true, may: 'snap' } as const
  return (taps?.list() ?? []).map(({ id, name, host, path }) => ({ name, host, path, id, ...at }))
}

async function otherTaps(parts: Listing, signal: AbortSignal): Promise<ListedTap[]> {
  const network = await parts.network()
  if (!parts.isDaemon) await network.settled(signal)
  const others = await network.live.others(signal)
  return others.flatMap(({ peerKey, isReached, right, taps }) => {
    const at = { peer: peerName(parts, peerKey), peerId: peerIdText(peerKey), here: false, reached: isReached }
    return taps.map(({ id, name, host = '', path = '' }) => ({ name, host, path, id, ...at, may: right }))
  })
}
