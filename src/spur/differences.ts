/** What remains of a new image when all that the base foretells is taken away. */
import { Copies } from './copies.ts'
import { type Delta, maxPayloadBytes } from './delta-file.ts'
import type { SpurHeap } from './heap.ts'
import { exchangeAddresses, literalUnitsOf, type Prediction, predict, SPAN_NUMBERS, type Spans } from './predict.ts'
import { UNIT_BYTES } from './segments.ts'
import { ByteWriter } from './varint.ts'

const UNIT_WORDS = UNIT_BYTES / 4
/** Predicted words are compared in pieces of this many units, which stay in the processor's cache. */
const SCRATCH_UNITS = 8192

export interface DifferenceStatistics {
  spans: number
  /** Bytes of the image that the base has nothing for. */
  literalBytes: number
  /** Bytes that are not as predicted. */
  patchedBytes: number
}

export interface Differences {
  delta: Omit<Delta, 'baseBytes' | 'nextBytes' | 'tail'>
  statistics: DifferenceStatistics
}

/** Undefined where there are more of them than a delta may hold. */
export function differences(base: SpurHeap, next: SpurHeap, spans: Spans): Differences | undefined {
  const { wordSizeBytes } = next
  const mostBytes = maxPayloadBytes(next.units * UNIT_BYTES)
  if (literalUnitsOf(spans) * UNIT_BYTES > mostBytes) return undefined
  const literals = literalWords(next, spans)
  const prediction: Prediction = {
    wordSizeBytes,
    base: base.words,
    baseSegments: base.segments,
    nextSegments: next.segments,
    copies: new Copies(spans, base.units),
    baseFields: base.pointerFields,
  }
  const patches = new PatchFinder(next)
  let unit = 0
  for (let span = 0; span < spans.length; span += SPAN_NUMBERS) {
    unit += spans[span]!
    patches.compare(prediction, spans[span + 1]!, unit, spans[span + 2]!)
    unit += spans[span + 2]!
    if (patches.words.length * 4 + literals.byteLength > mostBytes) return undefined
  }
  const words = new Uint32Array(literals.length + patches.words.length)
  words.set(literals)
  words.set(patches.words.view(), literals.length)
  exchangeAddresses(words, wordSizeBytes, next.segments, next.units)
  const segments = { baseSegments: base.segments.list, nextSegments: next.segments.list }
  return {
    delta: { wordSizeBytes, ...segments, spans, words, patches: patches.positions.view() },
    statistics: {
      spans: spans.length / SPAN_NUMBERS,
      literalBytes: literals.byteLength,
      patchedBytes: patches.words.length * 4,
    },
  }
}

/** What the spans leave open. */
function literalWords(next: SpurHeap, spans: Spans): Uint32Array {
  const words = new Uint32Array(literalUnitsOf(spans) * UNIT_WORDS)
  let at = 0
  let unit = 0
  for (let span = 0; span < spans.length; span += SPAN_NUMBERS) {
    const literal = next.words.subarray(unit * UNIT_WORDS, (unit + spans[span]!) * UNIT_WORDS)
    words.set(literal, at)
    at += literal.length
    unit += spans[span]! + spans[span + 2]!
  }
  return words
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
