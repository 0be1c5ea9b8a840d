/**
 * What of an object survives from one snapshot to the next: its header without the bits of the garbage collector, and
 * its contents without the addresses in them.
 */
import { type SpurHeap, UNIT_WORDS } from './heap.ts'
import { ALIGNMENT_MASK } from './segments.ts'

/** Low word of a header: class index, immutability, format. Remembered, pinned and grey come and go. */
const LASTING_LOW = 0x1fff_ffff
/** High word: identity hash and slot count, without the mark. */
const LASTING_HIGH = 0xff3f_ffff
const HASH_BITS = 0x003f_ffff
const NIL_MARK = 0x2545_f491
const POINTER_MARK = 0x1b87_3593
const TWO_32 = 0x1_0000_0000

/** One 32-bit key a piece; equal objects have equal keys wherever they and what they point to lie. */
export function lastingKeys(heap: SpurHeap): Int32Array {
  return heap.wordSizeBytes === 8 ? wideKeys(heap) : narrowKeys(heap)
}

const mixed = (key: number, word: number): number => {
  const product = Math.imul(key ^ word, 0x9e37_79b1)
  return product ^ (product >>> 15)
}

function headerKey(heap: SpurHeap, piece: number): number {
  const at = heap.headers[piece]! * UNIT_WORDS
  const key = mixed(heap.words[at]! & LASTING_LOW, heap.words[at + 1]! & LASTING_HIGH)
  return mixed(key, heap.starts[piece + 1]! - heap.starts[piece]!)
}

function wideKeys(heap: SpurHeap): Int32Array {
  const { words, starts, segments } = heap
  const { start: least, end: most } = segments
  const nil = heap.header.oldBase
  const keys = new Int32Array(heap.count)
  for (let piece = 0; piece < heap.count; piece++) {
    let key = headerKey(heap, piece)
    const end = starts[piece + 1]! * UNIT_WORDS
    for (let at = (heap.headers[piece]! + 1) * UNIT_WORDS; at < end; at += UNIT_WORDS) {
      const low = words[at]!
      const high = words[at + 1]!
      const address = high * TWO_32 + low
      if ((low & ALIGNMENT_MASK) === 0 && address >= least && address < most) {
        key = mixed(key, address === nil ? NIL_MARK : POINTER_MARK)
      } else key = mixed(mixed(key, low), high)
    }
    keys[piece] = key
  }
  return keys
}

function narrowKeys(heap: SpurHeap): Int32Array {
  const { words, starts, segments, pointerFields } = heap
  const { start: least, end: most } = segments
  const nil = heap.header.oldBase
  const keys = new Int32Array(heap.count)
  for (let piece = 0; piece < heap.count; piece++) {
    let key = headerKey(heap, piece)
    const end = starts[piece + 1]! * UNIT_WORDS
    for (let at = (heap.headers[piece]! + 1) * UNIT_WORDS; at < end; at++) {
      const word = words[at]!
      const isAddress = (word & ALIGNMENT_MASK) === 0 && word >= least && word < most && pointerFields?.has(at)
      key = mixed(key, !isAddress ? word : word === nil ? NIL_MARK : POINTER_MARK)
    }
    keys[piece] = key
  }
  return keys
}

/**
 * True where two pieces may be the same object, changed at most in what its slots hold: same class, format and size,
 * and the same identity hash, unless it got one only later. Bridges and the like go with their kind and size.
 */
export function isAlike(base: SpurHeap, basePiece: number, next: SpurHeap, nextPiece: number): boolean {
  const baseUnits = base.starts[basePiece + 1]! - base.starts[basePiece]!
  if (baseUnits !== next.starts[nextPiece + 1]! - next.starts[nextPiece]!) return false
  if (base.isObject[basePiece] !== next.isObject[nextPiece]) return false
  if (base.isObject[basePiece] === 0) return true
  const at = base.headers[basePiece]! * UNIT_WORDS
  const there = next.headers[nextPiece]! * UNIT_WORDS
  if (((base.words[at]! ^ next.words[there]!) & LASTING_LOW) !== 0) return false
  const high = base.words[at + 1]!
  const different = (high ^ next.words[there + 1]!) & LASTING_HIGH
  return different === 0 || ((high & HASH_BITS) === 0 && (different & ~HASH_BITS) === 0)
}
