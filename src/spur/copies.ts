/** Where the units of the base go. Most addresses of an image are looked up here, so the table has to fit a cache. */
import { SPAN_NUMBERS, type Spans } from './predict.ts'

/** Units of the base, as a power of two, that share an entry of the table: at most half as many ranges begin in them. */
const BUCKET_SHIFT = 6
const NONE = -1
const BEHIND_ALL = 0x7fff_ffff

export class Copies {
  /** Ranges of the base in its order: first unit, the one behind, and how far away the copy is. */
  readonly #starts: Int32Array
  readonly #ends: Int32Array
  readonly #shifts: Int32Array
  /** By unit of the base divided by the size of a bucket: the first range that does not end before. */
  readonly #first: Int32Array
  /** By unit, for the few deltas that copy something twice; of several copies of one, the last counts. */
  readonly #each: Int32Array | undefined

  constructor(spans: Spans, baseUnits: number) {
    const order = inOrderOfTheBase(spans)
    const count = order.length
    this.#starts = new Int32Array(count + 1).fill(BEHIND_ALL)
    this.#ends = new Int32Array(count + 1).fill(BEHIND_ALL)
    this.#shifts = new Int32Array(count + 1)
    const nextUnits = startsOf(spans)
    let overlap = false
    for (let at = 0; at < count; at++) {
      const span = order[at]!
      const start = spans[span * SPAN_NUMBERS + 1]!
      this.#starts[at] = start
      this.#ends[at] = start + spans[span * SPAN_NUMBERS + 2]!
      this.#shifts[at] = nextUnits[span]! - start
      overlap ||= at > 0 && this.#ends[at - 1]! > start
    }
    this.#each = overlap ? eachOf(spans, nextUnits, baseUnits) : undefined
    this.#first = new Int32Array((baseUnits >> BUCKET_SHIFT) + 1)
    for (let bucket = 0, range = 0; bucket < this.#first.length; bucket++) {
      while (this.#ends[range]! <= bucket << BUCKET_SHIFT) range++
      this.#first[bucket] = range
    }
  }

  /** The unit of the copy of a unit of the base, or -1. */
  at(unit: number): number {
    if (this.#each !== undefined) return this.#each[unit]!
    let range = this.#first[unit >> BUCKET_SHIFT]!
    while (this.#ends[range]! <= unit) range++
    return this.#starts[range]! <= unit ? unit + this.#shifts[range]! : NONE
  }
}

/** Numbers of the spans that copy something, by where they copy from. Mostly they are in that order already. */
function inOrderOfTheBase(spans: Spans): Int32Array {
  const order = new Int32Array(spans.length / SPAN_NUMBERS)
  const from = (span: number) => spans[span * SPAN_NUMBERS + 1]!
  let count = 0
  let isSorted = true
  for (let span = 0; span < order.length; span++) {
    if (spans[span * SPAN_NUMBERS + 2] === 0) continue
    isSorted &&= count === 0 || from(order[count - 1]!) <= from(span)
    order[count++] = span
  }
  const copying = order.subarray(0, count)
  return isSorted ? copying : copying.sort((a, b) => from(a) - from(b))
}

/** By span: the unit of the new image where its copy begins. */
function startsOf(spans: Spans): Int32Array {
  const starts = new Int32Array(spans.length / SPAN_NUMBERS)
  let nextUnit = 0
  for (let span = 0; span < starts.length; span++) {
    nextUnit += spans[span * SPAN_NUMBERS]!
    starts[span] = nextUnit
    nextUnit += spans[span * SPAN_NUMBERS + 2]!
  }
  return starts
}

function eachOf(spans: Spans, nextUnits: Int32Array, baseUnits: number): Int32Array {
  const copyOf = new Int32Array(baseUnits).fill(NONE)
  for (let span = 0; span < nextUnits.length; span++) {
    const from = spans[span * SPAN_NUMBERS + 1]!
    const units = spans[span * SPAN_NUMBERS + 2]!
    for (let unit = 0; unit < units; unit++) copyOf[from + unit] = nextUnits[span]! + unit
  }
  return copyOf
}
