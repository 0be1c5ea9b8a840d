/** Rebuilds an image from its base and a heap delta. */

import { Copies } from './copies.ts'
import { badDelta, type Delta, readDelta } from './delta-file.ts'
import { wordsOf } from './heap.ts'
import { PointerFields } from './pointer-fields.ts'
import { exchangeAddresses, literalUnitsOf, type Prediction, predict, SPAN_NUMBERS } from './predict.ts'
import { Segments, UNIT_BYTES } from './segments.ts'
import { ByteReader } from './varint.ts'

const UNIT_WORDS = UNIT_BYTES / 4
/** Half a megabyte at a time: stays in the processor's cache. */
const PIECE_UNITS = 64 * 1024

/** Bytes of an image, in order; they are only good until the next ones come. */
export type TakePiece = (piece: Uint8Array, atByte: number) => void

/**
 * The image file that `delta` makes of `base`. `expectedBytes` is the size that the caller knows the image to have (from
 * its UnixFS node): a delta that says otherwise is refused before anything is allocated. The result is as good as the
 * delta: the caller checks its hash. Throws BadDelta. Works in memory of base and image, and of the unpacked delta, which is
 * at most half the image.
 */
export function decodeDelta(base: Uint8Array, delta: Uint8Array, expectedBytes: number): Uint8Array {
  const bytes = new Uint8Array(expectedBytes)
  decodePieces(base, delta, expectedBytes, (piece, atByte) => bytes.set(piece, atByte))
  return bytes
}

/** The same piece by piece, for those who need no image in memory. */
export function decodePieces(base: Uint8Array, delta: Uint8Array, expectedBytes: number, take: TakePiece): void {
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
    copies: new Copies(read.spans, baseUnits),
    baseFields: read.wordSizeBytes === 4 ? new PointerFields(baseWords, baseSegments) : undefined,
  }
  exchangeAddresses(read.words, read.wordSizeBytes, prediction.nextSegments, nextUnits)
  const patches = new Patches(read, nextUnits * UNIT_WORDS)
  const pieces = new PieceMaker(nextUnits, patches, take)
  placeSpans(read, prediction, pieces)
  pieces.end()
  patches.end()
  take(read.tail, nextUnits * UNIT_BYTES)
}

function placeSpans({ spans, words }: Delta, prediction: Prediction, pieces: PieceMaker): void {
  let used = 0
  for (let span = 0; span < spans.length; span += SPAN_NUMBERS) {
    const literalWords = spans[span]! * UNIT_WORDS
    pieces.add(words.subarray(used, used + literalWords))
    used += literalWords
    pieces.copy(prediction, spans[span + 1]!, spans[span + 2]!)
  }
}

/** Puts the image together in memory that is used again for each piece. */
class PieceMaker {
  readonly #words: Uint32Array
  readonly #patches: Patches
  readonly #take: TakePiece
  #filled = 0
  /** Where the piece begins in the image, in 32-bit words. */
  #start = 0

  constructor(units: number, patches: Patches, take: TakePiece) {
    this.#words = new Uint32Array(Math.min(units, PIECE_UNITS) * UNIT_WORDS)
    this.#patches = patches
    this.#take = take
  }

  add(words: Uint32Array): void {
    for (let done = 0; done < words.length; ) {
      const some = Math.min(words.length - done, this.#room())
      this.#words.set(words.subarray(done, done + some), this.#filled)
      this.#filled += some
      done += some
    }
  }

  copy(prediction: Prediction, baseUnit: number, units: number): void {
    for (let done = 0; done < units; ) {
      const some = Math.min(units - done, this.#room() / UNIT_WORDS)
      predict(prediction, baseUnit + done, some, this.#words, this.#filled)
      this.#filled += some * UNIT_WORDS
      done += some
    }
  }

  /** Words that fit into the piece: whole units, at least one. */
  #room(): number {
    if (this.#filled === this.#words.length) this.end()
    return this.#words.length - this.#filled
  }

  /** Gives out what there is. */
  end(): void {
    const piece = this.#words.subarray(0, this.#filled)
    this.#patches.apply(piece, this.#start)
    this.#take(new Uint8Array(piece.buffer, 0, piece.byteLength), this.#start * 4)
    this.#start += this.#filled
    this.#filled = 0
  }
}

/** The words that are not as predicted, given out in the order of the image. */
class Patches {
  readonly #reader: ByteReader
  readonly #words: Uint32Array
  readonly #step: number
  readonly #imageWords: number
  #used: number
  /** Where the rest of the patch begins in the image, and its length. */
  #at = 0
  #left = 0

  constructor({ patches, words, wordSizeBytes, spans }: Delta, imageWords: number) {
    this.#reader = new ByteReader(patches, () => {
      throw badDelta('its patches end too early, or hold no proper number')
    })
    this.#words = words
    this.#step = wordSizeBytes / 4
    this.#imageWords = imageWords
    this.#used = literalUnitsOf(spans) * UNIT_WORDS
  }

  /** Patches a piece of the image that begins at the word `start`. Pieces come without gaps. */
  apply(piece: Uint32Array, start: number): void {
    const end = start + piece.length
    while (this.#left > 0 || this.#next()) {
      if (this.#at >= end) return
      const some = Math.min(this.#left, end - this.#at)
      for (let word = 0; word < some; word++) piece[this.#at - start + word] = this.#words[this.#used + word]!
      this.#at += some
      this.#used += some
      this.#left -= some
    }
  }

  #next(): boolean {
    if (this.#reader.remaining === 0) return false
    this.#at += this.#reader.varint() * this.#step
    this.#left = this.#reader.varint() * this.#step
    const isInside = this.#used + this.#left <= this.#words.length && this.#at + this.#left <= this.#imageWords
    if (this.#left === 0 || !isInside) throw badDelta('a patch is out of range')
    return true
  }

  /** Called when the image is whole. */
  end(): void {
    if (this.#used !== this.#words.length) throw badDelta('it holds too many words')
  }
}
