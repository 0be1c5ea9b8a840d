import type { Parts } from '../beam/parts.ts'
import type { CallOptions } from '../beam/progress.ts'
import { type MissingSince, replicate } from '../beam/replicate.ts'
import { toGlasError } from '../glas/errors.ts'
import type { Network } from '../net/network.ts'

/** News come in bursts: one look for all of it. */
const AFTER_NEWS_MS = 200
/** Looked at without news, too: a holder may have come back, or gone for good. */
const AT_LEAST_EVERY_MS = 60_000

/** Copies what is followed, whenever something may have changed. One round at a time. */
export class Copier {
  readonly #parts: Parts
  readonly #network: Network
  readonly #options: CallOptions
  readonly #missing: MissingSince = new Map()
  #timer: NodeJS.Timeout | undefined
  #round: Promise<void> | undefined
  #isStale = false
  #stopListening: () => void = () => {}

  constructor(parts: Parts, network: Network, options: CallOptions) {
    this.#parts = parts
    this.#network = network
    this.#options = options
  }

  start(): void {
    const news = () => this.#look(AFTER_NEWS_MS)
    this.#stopListening = this.#parts.index.listen(news)
    this.#network.peer.on('member:up', news)
    this.#network.peer.on('member:down', news)
    news()
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#stopListening()
    await this.#round
  }

  #look(waitMs: number): void {
    if (this.#options.signal.aborted) return
    if (this.#round !== undefined) {
      this.#isStale = true
      return
    }
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#round = this.#copy().finally(() => {
        this.#round = undefined
      })
    }, waitMs)
  }

  async #copy(): Promise<void> {
    let againInMs = AT_LEAST_EVERY_MS
    this.#isStale = false
    try {
      const done = await replicate(this.#parts, this.#missing, this.#options)
      againInMs = Math.min(againInMs, done.againInMs ?? AT_LEAST_EVERY_MS)
    } catch (error) {
      if (!this.#options.signal.aborted) this.#options.onMessage(toGlasError(error).message)
    }
    queueMicrotask(() => this.#look(this.#isStale ? AFTER_NEWS_MS : againInMs))
  }
}
