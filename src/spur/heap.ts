/**
 * Walks the heap of a Spur image, 32 and 64 bit, any number of segments. Millions of objects are kept as one typed
 * array of positions and never become objects of ours.
 */
import { isGlasError } from '../glas/errors.ts'
import { readSpurHeader, SPUR_HEAD_BYTES, type SpurHeader } from './header.ts'
import { PointerFields } from './pointer-fields.ts'
import { faultOfSegments, MAX_SEGMENTS, type Segment, Segments, UNIT_BYTES } from './segments.ts'

/** 32-bit words in a unit. */
export const UNIT_WORDS = UNIT_BYTES / 4
const BRIDGE_UNITS = 2
/** In the top byte of a header: the slot count stands in the unit before, which has the same top byte. */
const OVERFLOW = 255
const TWO_32 = 0x1_0000_0000
const TWO_24 = 0x100_0000
/** Positions are 32-bit numbers of 8-byte units; a whole file must also fit one typed array of words. */
const MAX_UNITS = 2 ** 29

export interface SpurHeap {
  header: SpurHeader
  wordSizeBytes: 4 | 8
  /** The file as 32-bit little-endian words; bytes behind the last whole unit are not in it. */
  words: Uint32Array
  /** Whole units of the file. */
  units: number
  segments: Segments
  /**
   * Unit where each piece of the file begins, ascending, and `units` at the end. Piece 0 is the file header, the others
   * are objects (with their overflow unit), bridges, and at the end what follows the heap.
   */
  starts: Int32Array
  /** By piece: the unit that pointers to it point to. It is the first one, or the one behind an overflow unit. */
  headers: Int32Array
  /** Pieces, one less than `starts` has. */
  count: number
  /** One bit a piece: set for objects. */
  isObject: Uint8Array
  /** Where 4-byte words may hold pointers; undefined with 8-byte words, whose value tells. */
  pointerFields: PointerFields | undefined
}

export type HeapReading = { kind: 'heap'; heap: SpurHeap } | { kind: 'unfit'; reason: string }

/**
 * The heap of an image file that is wholly in memory. Whatever cannot be walked to its very end (another format, a
 * prefix, a damaged file) is unfit, with the reason in words. Never throws for what the bytes say. The bytes are
 * shared, not copied, where they lie on a multiple of 4 in their buffer.
 */
export function readHeap(bytes: Uint8Array): HeapReading {
  const header = headerOf(bytes)
  if (typeof header === 'string') return { kind: 'unfit', reason: header }
  const units = Math.floor(bytes.length / UNIT_BYTES)
  if (units > MAX_UNITS) return { kind: 'unfit', reason: 'too large for 32-bit positions' }
  const words = wordsOf(bytes, units)
  const list = segmentsOf(words, units, header)
  if (typeof list === 'string') return { kind: 'unfit', reason: list }
  const walk = walkSegments(words, units, list, header.wordSizeBytes)
  if (typeof walk === 'string') return { kind: 'unfit', reason: walk }
  const { wordSizeBytes } = header
  const segments = new Segments(list)
  const pointerFields = wordSizeBytes === 4 ? new PointerFields(words, segments) : undefined
  return { kind: 'heap', heap: { header, wordSizeBytes, words, units, segments, pointerFields, ...walk } }
}

/** The whole units of the bytes as 32-bit words: a view where alignment allows, else a copy. */
export function wordsOf(bytes: Uint8Array, units: number): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes)
  return new Uint32Array(aligned.buffer, aligned.byteOffset, units * 2)
}

function headerOf(bytes: Uint8Array): SpurHeader | string {
  try {
    const reading = readSpurHeader(bytes.subarray(0, SPUR_HEAD_BYTES))
    if (reading.kind !== 'spur') return 'not a Spur image'
    return reading.header.offsetBytes === 0 ? reading.header : 'a prefix before the header'
  } catch (error) {
    if (isGlasError(error, 'BadImage')) return 'a damaged header'
    throw error
  }
}

/** Follows the bridges from segment to segment. */
function segmentsOf(words: Uint32Array, units: number, header: SpurHeader): Segment[] | string {
  const list: Segment[] = []
  const end = Math.min(units, (header.headerSizeBytes + header.dataSizeBytes) / UNIT_BYTES)
  let segment: Segment = {
    address: header.oldBase,
    firstUnit: header.headerSizeBytes / UNIT_BYTES,
    units: header.firstSegmentBytes / UNIT_BYTES,
  }
  for (;;) {
    const bridge = segment.firstUnit + segment.units - BRIDGE_UNITS
    if (segment.units <= BRIDGE_UNITS || bridge + BRIDGE_UNITS > end) return 'a segment that ends behind the file'
    if (list.push(segment) > MAX_SEGMENTS) return `more than ${MAX_SEGMENTS} segments`
    const nextBytes = words[bridge * 2 + 2]! + words[bridge * 2 + 3]! * TWO_32
    if (nextBytes === 0) break
    if (nextBytes % UNIT_BYTES !== 0) return 'a segment of odd size'
    const high = words[bridge * 2 + 1]!
    const span = high >>> 24 === OVERFLOW ? slotsIn(words, bridge, header.wordSizeBytes) * header.wordSizeBytes : 0
    const address = segment.address + segment.units * UNIT_BYTES + span
    segment = { address, firstUnit: bridge + BRIDGE_UNITS, units: nextBytes / UNIT_BYTES }
  }
  if (list.reduce((sum, { units: size }) => sum + size, 0) * UNIT_BYTES !== header.dataSizeBytes) {
    return 'segments that do not add up'
  }
  return faultOfSegments(list, units) ?? list
}

/** The slot count in an overflow unit. */
function slotsIn(words: Uint32Array, unit: number, wordSizeBytes: 4 | 8): number {
  const low = words[unit * 2]!
  return wordSizeBytes === 4 ? low : low + (words[unit * 2 + 1]! % TWO_24) * TWO_32
}

type Walk = Pick<SpurHeap, 'starts' | 'headers' | 'count' | 'isObject'>

function walkSegments(words: Uint32Array, units: number, list: readonly Segment[], wordSize: 4 | 8): Walk | string {
  const expected = Math.ceil(units / 8) + list.length + 4
  const [starts, headers] = [new PositionList(expected), new PositionList(expected)]
  const others: number[] = []
  const addOther = (unit: number) => {
    others.push(starts.count)
    starts.add(unit)
    headers.add(unit)
  }
  addOther(0)
  for (const segment of list) {
    const bridge = segment.firstUnit + segment.units - BRIDGE_UNITS
    const end = walkObjects(words, segment.firstUnit, bridge, wordSize, { starts, headers })
    if (end !== bridge) return 'objects that do not end at the bridge of their segment'
    addOther(bridge)
  }
  const heapEnd = list.at(-1)!.firstUnit + list.at(-1)!.units
  if (heapEnd < units) addOther(heapEnd)
  const count = starts.count
  starts.add(units)
  const isObject = new Uint8Array(count).fill(1)
  for (const piece of others) isObject[piece] = 0
  return { starts: starts.all(), headers: headers.all(), count, isObject }
}

/** Adds every object from the unit `first` on; returns where the last one ends. */
function walkObjects(
  words: Uint32Array,
  first: number,
  end: number,
  wordSize: 4 | 8,
  to: { starts: PositionList; headers: PositionList },
): number {
  const wide = wordSize === 8
  let unit = first
  while (unit < end) {
    to.starts.add(unit)
    let slots = words[unit * UNIT_WORDS + 1]! >>> 24
    if (slots === OVERFLOW) {
      slots = slotsIn(words, unit, wordSize)
      unit++
    }
    to.headers.add(unit)
    unit += 1 + Math.max(1, wide ? slots : Math.ceil(slots / 2))
  }
  return unit
}

/** A growing list of positions: how many objects a heap has is known when it was walked. */
class PositionList {
  #positions: Int32Array
  count = 0

  constructor(expected: number) {
    this.#positions = new Int32Array(expected)
  }

  add(position: number): void {
    if (this.count === this.#positions.length) {
      const bigger = new Int32Array(this.#positions.length * 2)
      bigger.set(this.#positions)
      this.#positions = bigger
    }
    this.#positions[this.count++] = position
  }

  all(): Int32Array {
    return this.#positions.subarray(0, this.count)
  }
}
