/**
 * What a part of the base becomes in the new image as far as addresses go: the one rule that encoder and decoder share.
 * Every word that is an address of a unit that was copied is replaced by the address of its copy; nothing else changes.
 * That looks at values and holds for slots, literals, free lists and remembered sets alike; with 4-byte words, of which
 * many look like addresses by chance, it is only done where the base has pointers.
 */
import type { Copies } from './copies.ts'
import type { PointerFields } from './pointer-fields.ts'
import { ALIGNMENT_MASK, type Segments, UNIT_BYTES } from './segments.ts'

const TWO_32 = 0x1_0000_0000
const UNIT_WORDS = UNIT_BYTES / 4

/**
 * Three numbers a span: units that are not in the base, then the unit of the base where what follows is copied from,
 * and how many units of it. The spans of a list, one behind the other, are the whole new image.
 */
export type Spans = Int32Array
export const SPAN_NUMBERS = 3

/** Units that the spans leave open. */
export function literalUnitsOf(spans: Spans): number {
  let units = 0
  for (let at = 0; at < spans.length; at += SPAN_NUMBERS) units += spans[at]!
  return units
}

export interface Prediction {
  wordSizeBytes: 4 | 8
  /** The base file as 32-bit words. */
  base: Uint32Array
  baseSegments: Segments
  nextSegments: Segments
  copies: Copies
  /** Of a base with 4-byte words. */
  baseFields: PointerFields | undefined
}

/** Writes the predicted words of `units` units from `baseUnit` on to `out`, from the 32-bit word `outAt` on. */
export function predict(from: Prediction, baseUnit: number, units: number, out: Uint32Array, outAt: number): void {
  if (from.wordSizeBytes === 8) predictWide(from, baseUnit, units, out, outAt)
  else predictNarrow(from, baseUnit, units, out, outAt)
}

function predictWide(from: Prediction, baseUnit: number, units: number, out: Uint32Array, outAt: number): void {
  const { base, baseSegments } = from
  const { start, end } = baseSegments
  const last = (baseUnit + units) * UNIT_WORDS
  for (let at = baseUnit * UNIT_WORDS, to = outAt; at < last; at += UNIT_WORDS, to += UNIT_WORDS) {
    const low = base[at]!
    const high = base[at + 1]!
    out[to] = low
    out[to + 1] = high
    if ((low & ALIGNMENT_MASK) !== 0) continue
    const address = high * TWO_32 + low
    if (address < start || address >= end) continue
    const moved = newAddress(from, address)
    if (moved < 0) continue
    out[to] = moved >>> 0
    out[to + 1] = moved / TWO_32
  }
}

function predictNarrow(from: Prediction, baseUnit: number, units: number, out: Uint32Array, outAt: number): void {
  const { base, baseSegments, baseFields } = from
  const { start, end } = baseSegments
  const last = (baseUnit + units) * UNIT_WORDS
  for (let at = baseUnit * UNIT_WORDS, to = outAt; at < last; at++, to++) {
    const word = base[at]!
    out[to] = word
    if ((word & ALIGNMENT_MASK) !== 0 || word < start || word >= end || !baseFields?.has(at)) continue
    const moved = newAddress(from, word)
    if (moved >= 0) out[to] = moved
  }
}

function newAddress(from: Prediction, address: number): number {
  const unit = from.baseSegments.unitAt(address)
  if (unit < 0) return -1
  const copy = from.copies.at(unit)
  return copy < 0 ? -1 : from.nextSegments.addressOf(copy)
}

/**
 * Words that stand in a delta carry file offsets in place of addresses, which compress better: an address of the new
 * image and the offset (in bytes, a multiple of 8) of the same unit change places, every other word stays. Doing it
 * twice is doing nothing. Images whose addresses are no larger than their size stay as they are.
 */
export function exchangeAddresses(words: Uint32Array, wordSizeBytes: 4 | 8, segments: Segments, units: number): void {
  const { start, end } = segments
  const size = units * UNIT_BYTES
  if (start < size) return
  const wide = wordSizeBytes === 8
  for (let at = 0; at < words.length; at += wordSizeBytes / 4) {
    const low = words[at]!
    if ((low & ALIGNMENT_MASK) !== 0) continue
    const value = wide ? words[at + 1]! * TWO_32 + low : low
    let changed = -1
    if (value < size) changed = segments.addressOf(value / UNIT_BYTES)
    else if (value >= start && value < end) changed = segments.unitAt(value) * UNIT_BYTES
    if (changed < 0) continue
    words[at] = changed >>> 0
    if (wide) words[at + 1] = changed / TWO_32
  }
}
