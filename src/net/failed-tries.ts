import { GlasError } from '../glas/errors.ts'
import { type PublicKey, toHex } from '../glas/keys.ts'
import { MAX_FAILED_PEERS } from './limits.ts'

/** How often each peer failed at something lately: bounds the work that one that means ill can cause. */
export class FailedTries {
  readonly #what: string
  readonly #maxTries: number
  readonly #windowMs: number
  /** Peer key in hex -> when it failed, by the monotonic clock; the peer that failed longest ago comes first. */
  readonly #tries = new Map<string, number[]>()

  /** `what` names the tries in the message, such as `invitations that are no good`. */
  constructor(what: string, maxTries: number, windowMs: number) {
    this.#what = what
    this.#maxTries = maxTries
    this.#windowMs = windowMs
  }

  /** LimitExceeded after too many. */
  check(peerKey: PublicKey): void {
    if (this.#recent(toHex(peerKey)).length < this.#maxTries) return
    const message = `Too many ${this.#what}. Try again in ${this.#windowMs / 1000} s.`
    throw new GlasError('LimitExceeded', message, { data: { limit: this.#maxTries, unit: 'tries' } })
  }

  add(peerKey: PublicKey): void {
    const key = toHex(peerKey)
    const recent = this.#recent(key)
    this.#tries.delete(key)
    this.#tries.set(key, [...recent, performance.now()])
    if (this.#tries.size > MAX_FAILED_PEERS) this.#tries.delete(this.#tries.keys().next().value!)
  }

  #recent(key: string): number[] {
    const sinceMs = performance.now() - this.#windowMs
    return (this.#tries.get(key) ?? []).filter((ms) => ms > sinceMs)
  }
}
