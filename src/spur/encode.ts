/** Makes a heap delta: what has to be known beside the base to rebuild an image byte for byte. */
import { type Delta, writeDelta } from './delta-file.ts'
import { readHeap, type SpurHeap } from './heap.ts'
import { matchHeaps } from './match.ts'
import { copiesOf, exchangeAddresses, type Prediction, predict, SPAN_NUMBERS, type Spans } from './predict.ts'
import { UNIT_BYTES } from './segments.ts'
import { ByteWriter } from './varint.ts'

const UNIT_WORDS = UNIT_BYTES / 4
/** Predicted words are compared in pieces of this many units, which stay in the processor's cache. */
const SCRATCH_UNITS = 8192

export type Encoding =
  | { kind: 'delta'; bytes: Uint8Array; statistics: DeltaStatistics }
  /** The image must be kept as it is: why, in words. */
  | { kind: 'unfit'; reason: string }

export interface DeltaStatistics {
  spans: number
  /** Bytes of the image that the base has nothing for. */
  literalBytes: number
  /** Bytes that are not as predicted. */
  patchedBytes: number
}

/**
 * The delta that makes `next` of `base`, two whole image files. Anything unexpected is unfit and no error. Whether the
 * delta is small enough to be worth keeping is for the caller to say. Works in memory of both files and about as much
 * again.
 */
export function encodeDelta(base: Uint8Array, next: Uint8Array): Encoding {
  const baseReading = readHeap(base)
  if (baseReading.kind === 'unfit') return { kind: 'unfit', reason: `the base: ${baseReading.reason}` }
  const nextReading = readHeap(next)
  if (nextReading.kind === 'unfit') return nextReading
  const [from, to] = [baseReading.heap, nextReading.heap]
  if (from.wordSizeBytes !== to.wordSizeBytes) return { kind: 'unfit', reason: 'another word size than the base' }
  const spans = spansOf(from, to, matchHeaps(from, to))
  const { delta, statistics } = differences(from, to, spans)
  const tail = next.subarray(to.units * UNIT_BYTES)
  const bytes = writeDelta({ ...delta, baseBytes: base.length, nextBytes: next.length, tail })
  if (bytes === undefined) return { kind: 'unfit', reason: 'too different from the base' }
  return { kind: 'delta', bytes, statistics }
}

/** Neighbours whose matches are neighbours too make one span. */
function spansOf(base: SpurHeap, next: SpurHeap, baseOf: Int32Array): Spans {
  const spans: number[] = []
  let literalFrom = 0
  for (let piece = 0; piece < next.count; ) {
    const first = piece
    const match = baseOf[piece++]!
    if (match < 0) continue
    while (piece < next.count && baseOf[piece] === match + piece - first) piece++
    const start = next.starts[first]!
    spans.push(start - literalFrom, base.starts[match]!, next.starts[piece]! - start)
    literalFrom = next.starts[piece]!
  }
  if (literalFrom < next.units) spans.push(next.units - literalFrom, spans.at(-2)! + spans.at(-1)!, 0)
  return Int32Array.from(spans)
}

type Differences = { delta: Omit<Delta, 'baseBytes' | 'nextBytes' | 'tail'>; statistics: DeltaStatistics }

function differences(base: SpurHeap, next: SpurHeap, spans: Spans): Differences {
  const { wordSizeBytes } = next
  const prediction: Prediction = {
    wordSizeBytes,
    base: base.words,
    baseSegments: base.segments,
    nextSegments: next.segments,
    copyOf: copiesOf(spans, base.units),
  }
  const patches = new PatchFinder(next)
  const literals = new WordList()
  let unit = 0
  for (let span = 0; span < spans.length; span += SPAN_NUMBERS) {
    const literalEnd = unit + spans[span]!
    literals.add(next.words.subarray(unit * UNIT_WORDS, literalEnd * UNIT_WORDS))
    patches.compare(prediction, spans[span + 1]!, literalEnd, spans[span + 2]!)
    unit = literalEnd + spans[span + 2]!
  }
  const statistics = {
    spans: spans.length / SPAN_NUMBERS,
    literalBytes: literals.length * 4,
    patchedBytes: patches.words.length * 4,
  }
  literals.add(patches.words.view())
  const words = literals.view()
  exchangeAddresses(words, wordSizeBytes, next.segments, next.units)
  const segments = { baseSegments: base.segments.list, nextSegments: next.segments.list }
  return { delta: { wordSizeBytes, ...segments, spans, words, patches: patches.positions.view() }, statistics }
}

class PatchFinder {
  readonly positions = new ByteWriter()
  readonly words = new WordList()
  readonly #next: SpurHeap
  readonly #scratch = new Uint32Array(SCRATCH_UNITS * UNIT_WORDS)
  readonly #step: number
  /** Where the last patch ended, in 32-bit words of the new file. */
  #end = 0

  constructor(next: SpurHeap) {
    this.#next = next
    this.#step = next.wordSizeBytes / 4
  }

  /** Notes where `units` units from `nextUnit` on are not as predicted from `baseUnit` on. */
  compare(prediction: Prediction, baseUnit: number, nextUnit: number, units: number): void {
    for (let done = 0; done < units; done += SCRATCH_UNITS) {
      const some = Math.min(units - done, SCRATCH_UNITS)
      predict(prediction, baseUnit + done, some, this.#scratch, 0)
      this.#compareScratch((nextUnit + done) * UNIT_WORDS, some * UNIT_WORDS)
    }
  }

  #compareScratch(start: number, length: number): void {
    const { words } = this.#next
    const scratch = this.#scratch
    const step = this.#step
    for (let at = 0; at < length; at++) {
      if (scratch[at] === words[start + at]) continue
      const first = at - (at % step)
      let end = first + step
      while (end < length && !this.#isEqual(end, start)) end += step
      this.#addPatch(start + first, start + end)
      at = end - 1
    }
  }

  #isEqual(at: number, start: number): boolean {
    const { words } = this.#next
    for (let word = at; word < at + this.#step; word++) if (this.#scratch[word] !== words[start + word]) return false
    return true
  }

  #addPatch(from: number, to: number): void {
    this.positions.varint((from - this.#end) / this.#step)
    this.positions.varint((to - from) / this.#step)
    this.words.add(this.#next.words.subarray(from, to))
    this.#end = to
  }
}

/** A growing list of 32-bit words. */
class WordList {
  #words = new Uint32Array(1024)
  length = 0

  add(words: Uint32Array): void {
    if (this.length + words.length > this.#words.length) {
      const bigger = new Uint32Array(Math.max(this.#words.length * 2, this.length + words.length))
      bigger.set(this.view())
      this.#words = bigger
    }
    this.#words.set(words, this.length)
    this.length += words.length
  }

  view(): Uint32Array {
    return this.#words.subarray(0, this.length)
  }
}
