import type { CID } from 'multiformats/cid'
import type { ImageDelta } from '../stock/delta-frame.ts'
import type { Parts } from './parts.ts'

/** Pairs that are being compared for others or wait for it: pushes of this home wait in the same line. */
const MAX_COMPARISONS = 4
/** Deltas that were made are kept for the next who asks: followers of one peer all want the same. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024

/** Deltas that this peer makes for others. */
export class ComputedDeltas {
  readonly #making = new Map<string, Promise<ImageDelta | string>>()
  readonly #kept = new Map<string, ImageDelta>()
  #keptBytes = 0

  /** The delta, or why there is none. It is made to its end, also when whoever asked has left: others may want it. */
  async make(
    { stock }: Pick<Parts, 'stock'>,
    wanted: { base: CID; image: CID; sizeBytes: number; mayCompare: (bytes: number) => boolean },
    signal: AbortSignal,
  ): Promise<ImageDelta | string> {
    const pair = `${wanted.base} ${wanted.image}`
    const known = this.#kept.get(pair) ?? this.#making.get(pair)
    if (known !== undefined) return known
    if (this.#making.size >= MAX_COMPARISONS) return 'it compares images for others already'
    if (!wanted.mayCompare(2 * wanted.sizeBytes)) return 'it has compared enough for you for now'
    const making = stock.deltas.make(wanted.base, wanted.image, signal).finally(() => this.#making.delete(pair))
    this.#making.set(pair, making)
    const made = await making
    if (typeof made !== 'string') this.#keep(pair, made)
    return made
  }

  #keep(pair: string, delta: ImageDelta): void {
    if (this.#kept.has(pair)) return
    this.#kept.set(pair, delta)
    this.#keptBytes += sizeOf(delta)
    for (const [oldest, other] of this.#kept) {
      if (this.#keptBytes <= MAX_KEPT_BYTES) return
      this.#kept.delete(oldest)
      this.#keptBytes -= sizeOf(other)
    }
  }
}

const sizeOf = ({ delta, digests }: ImageDelta): number => delta.length + digests.length
