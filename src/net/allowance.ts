import { setTimeout as sleep } from 'node:timers/promises'
import { type PublicKey, toHex } from '../glas/keys.ts'

const MINUTE_MS = 60_000
/** Peers whose use is remembered; those who used nothing for a minute are forgotten when there are more. */
const MAX_REMEMBERED_PEERS = 1024

/**
 * So much work a minute for each peer. Whoever asks for more waits: an honest peer with much to tell is slowed down,
 * not thrown out, and what it may cost is bounded all the same. Up to a minute's worth can be used at once.
 */
export class Allowance {
  readonly #perMinute: number
  /** Peer key in hex -> what was left at that time; negative while it waits. */
  readonly #left = new Map<string, { amount: number; atMs: number }>()

  constructor(perMinute: number) {
    this.#perMinute = perMinute
  }

  /** Takes `amount`, then waits until it is paid off. Rejects when the signal is aborted. */
  async take(peerKey: PublicKey, amount: number, signal: AbortSignal): Promise<void> {
    const peer = toHex(peerKey)
    const nowMs = performance.now()
    const left = this.#leftOf(peer, nowMs) - amount
    this.#left.set(peer, { amount: left, atMs: nowMs })
    if (this.#left.size > MAX_REMEMBERED_PEERS) this.#forgetIdle(nowMs)
    if (left < 0) await sleep((-left / this.#perMinute) * MINUTE_MS, undefined, { signal, ref: false })
  }

  /** Takes `amount` if anything is left, be it less than that; false where nothing is. */
  tryTake(peerKey: PublicKey, amount: number): boolean {
    const peer = toHex(peerKey)
    const nowMs = performance.now()
    const left = this.#leftOf(peer, nowMs)
    if (left <= 0) return false
    this.#left.set(peer, { amount: left - amount, atMs: nowMs })
    if (this.#left.size > MAX_REMEMBERED_PEERS) this.#forgetIdle(nowMs)
    return true
  }

  #leftOf(peer: string, nowMs: number): number {
    const known = this.#left.get(peer)
    if (known === undefined) return this.#perMinute
    const earned = ((nowMs - known.atMs) / MINUTE_MS) * this.#perMinute
    return Math.min(this.#perMinute, known.amount + earned)
  }

  #forgetIdle(nowMs: number): void {
    for (const peer of this.#left.keys()) if (this.#leftOf(peer, nowMs) >= this.#perMinute) this.#left.delete(peer)
  }
}
