import type { Parts } from '../beam/parts.ts'
import type { CallOptions } from '../beam/progress.ts'
import { type MissingSince, replicate } from '../beam/replicate.ts'
import { toGlasError } from '../glas/errors.ts'
import type { Network } from '../net/network.ts'

/** News come in bursts: one look for all of it. */
const AFTER_NEWS_MS = 200
/** Looked at without news, too: a holder may have come back, or gone for good. */
const AT_LEAST_EVERY_MS = 60_000

/** Runs something that moves bytes where pages see it. */
export type ShownAs = <Result>(
  what: { kind: string; label: string },
  options: CallOptions,
  run: (options: CallOptions) => Promise<Result>,
) => Promise<Result>

/** Copies what is followed, whenever something may have changed. One round at a time. */
export class Copier {
  readonly #parts: Parts
  readonly #network: Network
  readonly #options: CallOptions
  readonly #shownAs: ShownAs
  readonly #missing: MissingSince = new Map()
  #timer: NodeJS.Timeout | undefined
  #round: Promise<void> | undefined
  #isStale = false
  #stopListening: () => void = () => {}

  constructor(parts: Parts, network: Network, { options, shownAs }: { options: CallOptions; shownAs: ShownAs }) {
    this.#parts = parts
    this.#network = network
    this.#options = options
    this.#shownAs = shownAs
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
    if (this.#round === undefined) this.#lookAfter(AFTER_NEWS_MS)
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#stopListening()
    await this.#round
  }

  #lookAfter(waitMs: number): void {
    clearTimeout(this.#timer)
    if (this.#options.signal.aborted) return
    this.#timer = setTimeout(() => {
      this.#round = this.#copy().then((againInMs) => {
        this.#round = undefined
        this.#lookAfter(this.#isStale ? AFTER_NEWS_MS : againInMs)
      })
    }, waitMs)
  }

  /** One round; when to begin the next one if there are no news. */
  async #copy(): Promise<number> {
    this.#isStale = false
    try {
      const what = { kind: 'copy', label: 'what is followed' }
      const round = (options: CallOptions) => replicate(this.#parts, this.#missing, options)
      const { againInMs = AT_LEAST_EVERY_MS } = await this.#shownAs(what, this.#options, round)
      return Math.min(againInMs, AT_LEAST_EVERY_MS)
    } catch (error) {
      if (!this.#options.signal.aborted) this.#options.onMessage(toGlasError(error).message)
      return AT_LEAST_EVERY_MS
    }
  }
}
