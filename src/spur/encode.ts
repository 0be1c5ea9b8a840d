/** Makes a heap delta: what has to be known beside the base to rebuild an image byte for byte. */
import { writeDelta } from './delta-file.ts'
import { type DifferenceStatistics, differences } from './differences.ts'
import { readHeap, type SpurHeap } from './heap.ts'
import { matchHeaps } from './match.ts'
import { literalUnitsOf, type Spans } from './predict.ts'
import { UNIT_BYTES } from './segments.ts'

export type Encoding =
  | { kind: 'delta'; bytes: Uint8Array; statistics: DeltaStatistics }
  /** The image must be kept as it is: why, in words. */
  | { kind: 'unfit'; reason: string }

export interface DeltaStatistics extends DifferenceStatistics {
  durationsMs: { walk: number; match: number; compare: number; compress: number }
}

/** Images above this are kept as they are: encoding takes about three times their size in memory. */
export const MAX_IMAGE_BYTES = 2 ** 30

export interface EncodeLimits {
  /** Of either image; MAX_IMAGE_BYTES where not given. */
  maxImageBytes?: number
  /** Bytes that the base has nothing for: with more of them the delta is not made. No limit where not given. */
  mostLiteralBytes?: number
}

const TOO_DIFFERENT: Encoding = { kind: 'unfit', reason: 'too different from the base' }

/**
 * The delta that makes `next` of `base`, two whole image files. Anything unexpected is unfit and no error. The caller
 * says whether the delta is small enough to be worth keeping, and decodes it once to be sure. Works in memory of both
 * files and about as much again.
 */
export function encodeDelta(base: Uint8Array, next: Uint8Array, limits: EncodeLimits = {}): Encoding {
  const { maxImageBytes = MAX_IMAGE_BYTES, mostLiteralBytes = Number.POSITIVE_INFINITY } = limits
  const started = performance.now()
  const large = Math.max(base.length, next.length)
  if (large > maxImageBytes) return { kind: 'unfit', reason: `an image of ${large} bytes, above the limit` }
  const baseReading = readHeap(base)
  if (baseReading.kind === 'unfit') return { kind: 'unfit', reason: `the base: ${baseReading.reason}` }
  const nextReading = readHeap(next)
  if (nextReading.kind === 'unfit') return nextReading
  const [from, to] = [baseReading.heap, nextReading.heap]
  if (from.wordSizeBytes !== to.wordSizeBytes) return { kind: 'unfit', reason: 'another word size than the base' }
  const walked = performance.now()
  const spans = spansOf(from, to, matchHeaps(from, to))
  if (literalUnitsOf(spans) * UNIT_BYTES > mostLiteralBytes) return TOO_DIFFERENT
  const matched = performance.now()
  const found = differences(from, to, spans)
  if (found === undefined) return TOO_DIFFERENT
  const compared = performance.now()
  const tail = next.subarray(to.units * UNIT_BYTES)
  const bytes = writeDelta({ ...found.delta, baseBytes: base.length, nextBytes: next.length, tail })
  if (bytes === undefined) return TOO_DIFFERENT
  const [walk, match, compare] = [walked - started, matched - walked, compared - matched]
  const durationsMs = { walk, match, compare, compress: performance.now() - compared }
  return { kind: 'delta', bytes, statistics: { ...found.statistics, durationsMs } }
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
