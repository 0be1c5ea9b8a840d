/**
 * How many bytes should be under way on one line: twice what its delay and rate hold, so that it is never idle, and not
 * more, so that little waits behind a slow one. The rate is measured as BBR does it (Cardwell et al. 2016): what was
 * delivered between asking for a block and getting it; the delay is the shortest ever seen.
 */

/** Before anything was measured, and never less: one block of an image as it is stored. */
export const MIN_LINE_WINDOW_BYTES = 1024 * 1024
/** Twice 1 Gbit/s with 200 ms, and some more. */
export const MAX_LINE_WINDOW_BYTES = 64 * 1024 * 1024
/** On top of the delay of the line: both ends are busy with other things for moments. */
const SLACK_MS = 100
/** A rate that is not reached again counts half after so long. */
const RATE_HALF_LIFE_MS = 2_000

/** What was so when a block was asked for. */
export interface AskedAt {
  atMs: number
  deliveredBytes: number
}

export class LineWindow {
  #deliveredBytes = 0
  #roundTripMs = Number.POSITIVE_INFINITY
  #bytesPerMs = 0
  #measuredMs = 0

  asking(nowMs: number): AskedAt {
    return { atMs: nowMs, deliveredBytes: this.#deliveredBytes }
  }

  answered(asked: AskedAt, bytes: number, nowMs: number): void {
    this.#deliveredBytes += bytes
    const tookMs = Math.max(nowMs - asked.atMs, 1)
    this.#roundTripMs = Math.min(this.#roundTripMs, tookMs)
    const faded = this.#bytesPerMs * 0.5 ** ((nowMs - this.#measuredMs) / RATE_HALF_LIFE_MS)
    this.#bytesPerMs = Math.max(faded, (this.#deliveredBytes - asked.deliveredBytes) / tookMs)
    this.#measuredMs = nowMs
  }

  get bytes(): number {
    if (this.#bytesPerMs === 0) return MIN_LINE_WINDOW_BYTES
    const held = this.#bytesPerMs * (2 * this.#roundTripMs + SLACK_MS)
    return Math.min(Math.max(held, MIN_LINE_WINDOW_BYTES), MAX_LINE_WINDOW_BYTES)
  }
}
