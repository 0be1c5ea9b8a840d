/** Rebuilds an image from its base and a heap delta. */

import { badDelta, type Delta, readDelta } from './delta-file.ts'
import { wordsOf } from './heap.ts'
import { PointerFields } from './pointer-fields.ts'
import { copiesOf, exchangeAddresses, type Prediction, predict, SPAN_NUMBERS } from './predict.ts'
import { Segments, UNIT_BYTES } from './segments.ts'
import { ByteReader } from './varint.ts'

const UNIT_WORDS = UNIT_BYTES / 4

/**
 * The image file that `delta` makes of `base`. `expectedBytes` is the size that the caller knows the image to have (from
 * its UnixFS node): a delta that says otherwise is refused before anything is allocated. The result is as good as the
 * delta: the caller checks its hash. Throws BadDelta. Works in memory of base and image, half the base, and the unpacked
 * delta, which is at most half the image.
 */
export function decodeDelta(base: Uint8Array, delta: Uint8Array, expectedBytes: number): Uint8Array {
  const read = readDelta(delta, base.length, expectedBytes)
  const baseUnits = Math.floor(base.length / UNIT_BYTES)
  const nextUnits = Math.floor(expectedBytes / UNIT_BYTES)
  const baseSegments = new Segments(read.baseSegments)
  const baseWords = wordsOf(base, baseUnits)
  const prediction: Prediction = {
    wordSizeBytes: read.wordSizeBytes,
    base: baseWords,
    baseSegments,
    nextSegments: new Segments(read.nextSegments),
    copyOf: copiesOf(read.spans, baseUnits),
    baseFields: read.wordSizeBytes === 4 ? new PointerFields(baseWords, baseSegments) : undefined,
  }
  exchangeAddresses(read.words, read.wordSizeBytes, prediction.nextSegments, nextUnits)
  const bytes = new Uint8Array(expectedBytes)
  const out = new Uint32Array(bytes.buffer, 0, nextUnits * UNIT_WORDS)
  const used = placeSpans(read, prediction, out)
  placePatches(read, used, out)
  bytes.set(read.tail, nextUnits * UNIT_BYTES)
  return bytes
}

/** Returns how many 32-bit words of the delta went into what the spans leave open. */
function placeSpans(delta: Delta, prediction: Prediction, out: Uint32Array): number {
  const { spans, words } = delta
  let used = 0
  let at = 0
  for (let span = 0; span < spans.length; span += SPAN_NUMBERS) {
    const literalWords = spans[span]! * UNIT_WORDS
    if (used + literalWords > words.length) throw badDelta('it holds too few words')
    out.set(words.subarray(used, used + literalWords), at)
    used += literalWords
    at += literalWords
    const copyUnits = spans[span + 2]!
    predict(prediction, spans[span + 1]!, copyUnits, out, at)
    at += copyUnits * UNIT_WORDS
  }
  return used
}

function placePatches(delta: Delta, firstWord: number, out: Uint32Array): void {
  const reader = new ByteReader(delta.patches, () => {
    throw badDelta('its patches end too early, or hold no proper number')
  })
  const step = delta.wordSizeBytes / 4
  let used = firstWord
  let at = 0
  while (reader.remaining > 0) {
    at += reader.varint() * step
    const length = reader.varint() * step
    if (length === 0 || used + length > delta.words.length || at + length > out.length) {
      throw badDelta('a patch is out of range')
    }
    for (let word = 0; word < length; word++) out[at + word] = delta.words[used + word]!
    at += length
    used += length
  }
  if (used !== delta.words.length) throw badDelta('it holds too many words')
}
