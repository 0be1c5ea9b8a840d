/**
 * Which words of a heap may hold a pointer. With words of eight bytes a value tells: nothing else looks like an address
 * of the heap. With words of four bytes text and numbers often do, and the formats of the objects must say.
 */
import { type Segments, UNIT_BYTES } from './segments.ts'

const UNIT_WORDS = UNIT_BYTES / 4
const ALL = 0xffff_ffff
const OVERFLOW = 255
const FIRST_RAW_FORMAT = 9
const FIRST_METHOD_FORMAT = 24
/** Objects of the virtual machine itself: their words are raw addresses, whatever their format is. */
const FIRST_VISIBLE_CLASS = 32
/** In the header of a compiled method, above its tag bit: how many literals follow it. */
const MAX_LITERALS = 0x7fff

/** One bit for each 4-byte word of an image. */
export class PointerFields {
  readonly #bits: Uint32Array

  /**
   * Of an image with 4-byte words. Takes any bytes: objects that do not end in their segment are cut off there. All
   * words outside the segments count as pointers: of the file header two are.
   */
  constructor(words: Uint32Array, segments: Segments) {
    this.#bits = new Uint32Array((words.length >>> 5) + 1)
    let outside = 0
    for (const { firstUnit, units } of segments.list) {
      this.#mark(outside, firstUnit * UNIT_WORDS)
      outside = (firstUnit + units) * UNIT_WORDS
      this.#markObjects(words, firstUnit * UNIT_WORDS, outside)
    }
    this.#mark(outside, words.length)
  }

  has(word: number): boolean {
    return ((this.#bits[word >>> 5]! >>> (word & 31)) & 1) === 1
  }

  #markObjects(words: Uint32Array, first: number, end: number): void {
    for (let at = first; at + UNIT_WORDS <= end; ) {
      let slots = words[at + 1]! >>> 24
      if (slots === OVERFLOW) {
        slots = words[at]!
        at += UNIT_WORDS
        if (at + UNIT_WORDS > end) return
      }
      const body = at + UNIT_WORDS
      this.#mark(body, Math.min(body + pointerSlots(words, at, slots), end))
      at = body + Math.max(UNIT_WORDS, slots + (slots & 1))
    }
  }

  #mark(from: number, to: number): void {
    if (from >= to) return
    const bits = this.#bits
    const first = from >>> 5
    const last = (to - 1) >>> 5
    const head = ALL << (from & 31)
    const foot = ALL >>> (31 - ((to - 1) & 31))
    if (first === last) {
      bits[first]! |= head & foot
      return
    }
    bits[first]! |= head
    for (let entry = first + 1; entry < last; entry++) bits[entry] = ALL
    bits[last]! |= foot
  }
}

/** How many slots of the object whose header is there hold pointers. */
function pointerSlots(words: Uint32Array, header: number, slots: number): number {
  const low = words[header]!
  const format = (low >>> 24) & 31
  if (format < FIRST_RAW_FORMAT || (low & 0x3f_ffff) < FIRST_VISIBLE_CLASS) return slots
  if (format < FIRST_METHOD_FORMAT) return 0
  const methodHeader = words[header + UNIT_WORDS] ?? 0
  return Math.min(slots, 1 + ((methodHeader >>> 1) & MAX_LITERALS))
}
