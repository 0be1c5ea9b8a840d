import { EventEmitter } from 'node:events'
import type { PeerId } from '@libp2p/interface'
import { type PublicKey, toHex } from '../glas/keys.ts'

/** The Ed25519 key of a peer; undefined for peers with other keys, which are strangers for good. */
export function peerKeyFrom(peerId: PeerId): PublicKey | undefined {
  return peerId.type === 'Ed25519' ? peerId.publicKey.raw : undefined
}

/**
 * Which of the connected peers have proved on their connection that they are members. `accepted`: proved to us, so its
 * streams are let in. `up`: we proved it to them as well, so streams can be opened. Emits `up` and `down` with the key,
 * and `decided` for each peer whose hello is over, member or not.
 */
export class LiveMembers extends EventEmitter<{ up: [PublicKey]; down: [PublicKey]; decided: [PublicKey, boolean] }> {
  readonly #accepted = new Map<string, PublicKey>()
  readonly #up = new Map<string, PublicKey>()

  constructor() {
    super()
    // One listener for each protocol and each caller that waits for a peer.
    this.setMaxListeners(0)
  }

  /** True when the peer may use the protocols of members. */
  isMember(peerKey: PublicKey): boolean {
    return this.#accepted.has(toHex(peerKey))
  }

  isUp(peerKey: PublicKey): boolean {
    return this.#up.has(toHex(peerKey))
  }

  up(): PublicKey[] {
    return [...this.#up.values()]
  }

  accept(peerKey: PublicKey): void {
    this.#accepted.set(toHex(peerKey), peerKey)
  }

  raise(peerKey: PublicKey): void {
    const key = toHex(peerKey)
    this.#accepted.set(key, peerKey)
    if (!this.#up.has(key)) {
      this.#up.set(key, peerKey)
      this.emit('up', peerKey)
    }
    this.emit('decided', peerKey, true)
  }

  /** The peer is a stranger as long as nothing else is known. */
  decline(peerKey: PublicKey): void {
    this.drop(peerKey)
    this.emit('decided', peerKey, false)
  }

  /** The peer left, or is no member any more. */
  drop(peerKey: PublicKey): void {
    const key = toHex(peerKey)
    this.#accepted.delete(key)
    if (this.#up.delete(key)) this.emit('down', peerKey)
  }

  /** True once the peer is up, false when it turns out to be a stranger; rejects when `signal` is aborted. */
  async decided(peerKey: PublicKey, signal: AbortSignal): Promise<boolean> {
    if (this.isUp(peerKey)) return true
    const key = toHex(peerKey)
    const { promise, resolve, reject } = Promise.withResolvers<boolean>()
    const onDecided = (decidedKey: PublicKey, isMember: boolean) => {
      if (toHex(decidedKey) === key) resolve(isMember)
    }
    const onAbort = () => reject(signal.reason)
    this.on('decided', onDecided)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    try {
      return await promise
    } finally {
      this.off('decided', onDecided)
      signal.removeEventListener('abort', onAbort)
    }
  }
}
