import type { Parts } from '../beam/parts.ts'
import type { CallOptions } from '../beam/progress.ts'
import { toGlasError } from '../glas/errors.ts'
import type { Network } from '../net/network.ts'

/** News come in bursts: one look for all of it. */
const AFTER_NEWS_MS = 200
/** Looked at without news, too: a holder may have come back, or gone for good. */
const AT_LEAST_EVERY_MS = 60_000

/** Looks at everything once, and does what there is to do. `againInMs`: when there will be more without any news. */
export type Round = () => Promise<{ againInMs: number | undefined }>

/** Work that a daemon does by itself, whenever something may have changed. One round at a time. */
export class Rounds {
  readonly #parts: Parts
  readonly #network: Network
  readonly #round: Round
  readonly #options: Pick<CallOptions, 'signal' | 'onMessage'>
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #isStale = false
  #stopListening: () => void = () => {}

  constructor(parts: Parts, network: Network, round: Round, options: Pick<CallOptions, 'signal' | 'onMessage'>) {
    this.#parts = parts
    this.#network = network
    this.#round = round
    this.#options = options
  }

  start(): void {
    const news = () => this.look()
    this.#stopListening = this.#parts.index.listen(news)
    this.#network.peer.on('member:up', news)
    this.#network.peer.on('member:down', news)
    this.look()
  }

  /** Something may have changed: the index, who is there, or the rules. Cheap. */
  look(): void {
    this.#isStale = true
    if (this.#running === undefined) this.#lookAfter(AFTER_NEWS_MS)
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#stopListening()
    await this.#running
  }

  #lookAfter(waitMs: number): void {
    clearTimeout(this.#timer)
    if (this.#options.signal.aborted) return
    this.#timer = setTimeout(() => {
      this.#running = this.#run().then((againInMs) => {
        this.#running = undefined
        this.#lookAfter(this.#isStale ? AFTER_NEWS_MS : againInMs)
      })
    }, waitMs)
  }

  /** One round; when to begin the next one if there are no news. */
  async #run(): Promise<number> {
    this.#isStale = false
    try {
      const { againInMs = AT_LEAST_EVERY_MS } = await this.#round()
      return Math.min(againInMs, AT_LEAST_EVERY_MS)
    } catch (error) {
      if (!this.#options.signal.aborted) this.#options.onMessage(toGlasError(error).message)
      return AT_LEAST_EVERY_MS
    }
  }
}
