import type { Connection } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { GlasError, isGlasError, toGlasError } from '../glas/errors.ts'
import { type PublicKey, peerIdText, toHex } from '../glas/keys.ts'
import { type Address, addressText } from './address.ts'
import type { Node } from './node.ts'
import type { PublicNode } from './public-source.ts'

const BITSWAP = '/ipfs/bitswap/1.2.0'
/** IPFS nodes named in one call: one is usual, some more are copies. */
const MAX_NODES = 16
/** Both ends tell their protocols as soon as they are connected. */
const IDENTIFY_TIMEOUT_MS = 5_000

/**
 * Connects with the IPFS nodes at `addresses`. Those that do not answer are told to `onNotice`; when none does, that is
 * the error. Without any address the peers that are connected have to do, and NoProviders says that there are none.
 */
export async function dialPublic(
  node: Node,
  addresses: readonly Address[],
  { signal, onNotice }: { signal: AbortSignal; onNotice: (error: GlasError) => void },
): Promise<PublicNode> {
  if (addresses.length > MAX_NODES) {
    throw new GlasError('LimitExceeded', `At most ${MAX_NODES} nodes are asked at once.`, {
      data: { limit: MAX_NODES, unit: 'nodes' },
    })
  }
  if (addresses.length === 0 && node.libp2p.getConnections().length === 0) {
    throw new GlasError('NoProviders', 'Nobody is connected who could be asked. Name an IPFS node with --from.')
  }
  const dialled = new Dialled(node, addresses)
  const failures = await dialled.dial(signal)
  if (failures.length === addresses.length && failures[0] !== undefined) throw failures[0]
  for (const failure of failures) onNotice(failure)
  return dialled
}

/** The nodes of one import. */
class Dialled implements PublicNode {
  readonly #node: Node
  readonly #addresses: readonly Address[]
  /** Those that were not connected before. */
  readonly #ours = new Map<string, PublicKey>()

  constructor(node: Node, addresses: readonly Address[]) {
    this.#node = node
    this.#addresses = addresses
  }

  /** Dials those that are not connected; gives why some could not be. */
  async dial(signal: AbortSignal): Promise<GlasError[]> {
    const dials = await Promise.allSettled(this.#addresses.map((address) => this.#dialOne(address, signal)))
    signal.throwIfAborted()
    return dials.flatMap((dial) => (dial.status === 'rejected' ? [toGlasError(dial.reason)] : []))
  }

  fetchPublic(cid: CID, options: { signal: AbortSignal }): Promise<Uint8Array> {
    return this.#node.fetchPublic(cid, options)
  }

  async reconnect(signal: AbortSignal): Promise<void> {
    this.close()
    await this.dial(signal)
  }

  close(): void {
    for (const peerKey of this.#ours.values()) {
      if (this.#node.members.isMember(peerKey)) continue
      this.#node.disconnect(peerKey, new GlasError('Interrupted', 'This connection was for one import.'))
    }
  }

  async #dialOne(address: Address, signal: AbortSignal): Promise<void> {
    const before = new Set(this.#node.libp2p.getConnections())
    const peerKey = await this.#reach(address, signal)
    const [connection] = this.#node.connectionsWith(peerKey)
    if (connection !== undefined && !before.has(connection)) this.#ours.set(toHex(peerKey), peerKey)
    if (connection !== undefined && (await speaksBitswap(this.#node, connection, signal))) return
    const message = `${peerIdText(peerKey)} at ${addressText(address)} does not speak Bitswap, as IPFS nodes do.`
    throw new GlasError('PeerUnreachable', message, { retryable: false })
  }

  async #reach(address: Address, signal: AbortSignal): Promise<PublicKey> {
    try {
      return await this.#node.dial([address], { signal })
    } catch (cause) {
      if (!isGlasError(cause, 'PeerUnreachable')) throw cause
      const message = `No IPFS node answers at ${addressText(address)}. Is the address right, and open for TCP?`
      throw new GlasError('PeerUnreachable', message, { cause })
    }
  }
}

/** Waits until the peer has said what it speaks: what is wanted before that, Bitswap does not tell it. */
async function speaksBitswap({ libp2p }: Node, { remotePeer }: Connection, signal: AbortSignal): Promise<boolean> {
  const { promise: identified, resolve } = Promise.withResolvers<void>()
  const onIdentify = ({ detail }: CustomEvent<{ peerId: typeof remotePeer }>) => {
    if (detail.peerId.equals(remotePeer)) resolve()
  }
  const knows = async () => {
    const known = await libp2p.peerStore.get(remotePeer).catch(() => undefined)
    return known?.protocols.includes(BITSWAP) ?? false
  }
  const limit = AbortSignal.any([signal, AbortSignal.timeout(IDENTIFY_TIMEOUT_MS)])
  libp2p.addEventListener('peer:identify', onIdentify)
  limit.addEventListener('abort', () => resolve(), { once: true })
  try {
    if (await knows()) return true
    await identified
    signal.throwIfAborted()
    return await knows()
  } finally {
    libp2p.removeEventListener('peer:identify', onIdentify)
  }
}
