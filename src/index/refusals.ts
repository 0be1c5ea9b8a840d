/** Senders that are counted by name; the rest is counted together, so that new names cost nothing. */
const MAX_COUNTED_SENDERS = 1024
const OTHERS = 'others'

/** Counts what was refused, by reason and by sender. Lives in memory: it tells who misbehaves now. */
export class Refusals {
  readonly #bySender = new Map<string, Map<string, number>>()

  count(sender: string, code: string): void {
    const known = this.#bySender.has(sender) || this.#bySender.size < MAX_COUNTED_SENDERS
    const name = known ? sender : OTHERS
    const counts = this.#bySender.get(name) ?? new Map<string, number>()
    counts.set(code, (counts.get(code) ?? 0) + 1)
    this.#bySender.set(name, counts)
  }

  /** Error code -> number, over all senders. */
  byCode(): Map<string, number> {
    const total = new Map<string, number>()
    for (const counts of this.#bySender.values()) {
      for (const [code, count] of counts) total.set(code, (total.get(code) ?? 0) + count)
    }
    return total
  }

  /** Sender -> error code -> number. */
  bySender(): ReadonlyMap<string, ReadonlyMap<string, number>> {
    return this.#bySender
  }
}
