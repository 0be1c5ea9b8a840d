/**
 * Finds for the objects of a new heap the same objects in its base. A wrong match costs bytes in the delta and nothing
 * else, so that all of this may be as bold as is useful.
 */
import { type SpurHeap, UNIT_WORDS } from './heap.ts'
import { isAlike, lastingKeys } from './keys.ts'
import { PieceFinder } from './pieces.ts'
import { ALIGNMENT_MASK } from './segments.ts'

const TWO_32 = 0x1_0000_0000
const NONE = -1
const SEVERAL = -2
/** Keys that find no place so soon are left out: a heap made to have them collide costs no more time than another. */
const MAX_PROBES = 32

/** By piece of `next`: the piece of `base` that it is, or -1. No two have the same. Both have the same word size. */
export function matchHeaps(base: SpurHeap, next: SpurHeap): Int32Array {
  const matcher = new Matcher(base, next)
  matcher.matchFirst()
  matcher.matchUnique()
  matcher.followPointers(true)
  matcher.extend(true)
  matcher.followPointers(false)
  matcher.extend(false)
  matcher.followPointers(false)
  return matcher.baseOf
}

class Matcher {
  readonly baseOf: Int32Array
  readonly #nextOf: Int32Array
  readonly #base: SpurHeap
  readonly #next: SpurHeap
  readonly #baseKeys: Int32Array
  readonly #nextKeys: Int32Array
  readonly #baseFinder: PieceFinder
  readonly #nextFinder: PieceFinder
  /** By piece of `next`: 1 where all that it points to has its match. */
  readonly #isDone: Uint8Array

  constructor(base: SpurHeap, next: SpurHeap) {
    this.#base = base
    this.#next = next
    this.baseOf = new Int32Array(next.count).fill(NONE)
    this.#nextOf = new Int32Array(base.count).fill(NONE)
    this.#baseKeys = lastingKeys(base)
    this.#nextKeys = lastingKeys(next)
    this.#baseFinder = new PieceFinder(base)
    this.#nextFinder = new PieceFinder(next)
    this.#isDone = new Uint8Array(next.count)
  }

  /** The file headers. */
  matchFirst(): void {
    this.#match(0, 0)
  }

  /** Objects whose key is the only one of its kind in both heaps. Keys are hashes: what they promise is checked. */
  matchUnique(): void {
    const table = new KeyTable(this.#base.count)
    for (let piece = 0; piece < this.#base.count; piece++) {
      if (this.#base.isObject[piece] === 1) table.addBase(this.#baseKeys[piece]!, piece)
    }
    for (let piece = 0; piece < this.#next.count; piece++) {
      if (this.#next.isObject[piece] === 1) table.addNext(this.#nextKeys[piece]!, piece)
    }
    table.forEachPair((basePiece, nextPiece) => {
      if (this.#fits(basePiece, nextPiece, true)) this.#match(basePiece, nextPiece)
    })
  }

  /** What the same slot of a matched object points to is the same object, if it looks like it. */
  followPointers(sameContents: boolean): void {
    const waiting: number[] = []
    for (let piece = 0; piece < this.#next.count; piece++) {
      if (this.baseOf[piece] === NONE || this.#isDone[piece] === 1) continue
      this.#followFrom(piece, sameContents, waiting)
      for (let found = waiting.pop(); found !== undefined; found = waiting.pop()) {
        this.#followFrom(found, sameContents, waiting)
      }
    }
  }

  #followFrom(nextPiece: number, sameContents: boolean, found: number[]): void {
    const step = this.#next.wordSizeBytes / 4
    const basePiece = this.baseOf[nextPiece]!
    const end = this.#base.starts[basePiece + 1]! * UNIT_WORDS
    let there = this.#next.headers[nextPiece]! * UNIT_WORDS
    let open = 0
    for (let at = this.#base.headers[basePiece]! * UNIT_WORDS; at < end; at += step, there += step) {
      const target = this.#target(this.#base, this.#baseFinder, at)
      if (target === NONE || this.#nextOf[target] !== NONE) continue
      open++
      const nextTarget = this.#target(this.#next, this.#nextFinder, there)
      if (nextTarget === NONE || this.baseOf[nextTarget] !== NONE) continue
      if (!this.#fits(target, nextTarget, sameContents)) continue
      this.#match(target, nextTarget)
      found.push(nextTarget)
      open--
    }
    this.#isDone[nextPiece] = open === 0 ? 1 : 0
  }

  /** The piece that a word points to, or -1. */
  #target(heap: SpurHeap, finder: PieceFinder, at: number): number {
    const low = heap.words[at]!
    if ((low & ALIGNMENT_MASK) !== 0) return NONE
    const address = heap.wordSizeBytes === 8 ? heap.words[at + 1]! * TWO_32 + low : low
    if (address < heap.segments.start || address >= heap.segments.end) return NONE
    if (heap.pointerFields?.has(at) === false) return NONE
    const unit = heap.segments.unitAt(address)
    return unit < 0 ? NONE : finder.at(unit)
  }

  #fits(basePiece: number, nextPiece: number, sameContents: boolean): boolean {
    if (sameContents && this.#baseKeys[basePiece] !== this.#nextKeys[nextPiece]) return false
    return isAlike(this.#base, basePiece, this.#next, nextPiece)
  }

  /** What lies beside matched objects in both heaps is the same, if it looks like it: compaction keeps the order. */
  extend(sameContents: boolean): void {
    for (let piece = 1; piece < this.#next.count; piece++) this.#extendTo(piece, piece - 1, 1, sameContents)
    for (let piece = this.#next.count - 2; piece >= 0; piece--) this.#extendTo(piece, piece + 1, -1, sameContents)
  }

  #extendTo(piece: number, neighbour: number, side: 1 | -1, sameContents: boolean): void {
    if (this.baseOf[piece] !== NONE || this.baseOf[neighbour] === NONE) return
    const candidate = this.baseOf[neighbour]! + side
    if (candidate < 0 || candidate >= this.#base.count || this.#nextOf[candidate] !== NONE) return
    if (!this.#fits(candidate, piece, sameContents)) return
    if (sameContents && !this.#agree(candidate, piece)) return
    this.#match(candidate, piece)
  }

  /** False where the slots of both point to objects that are known to be different. */
  #agree(basePiece: number, nextPiece: number): boolean {
    const step = this.#next.wordSizeBytes / 4
    const end = this.#base.starts[basePiece + 1]! * UNIT_WORDS
    let there = this.#next.headers[nextPiece]! * UNIT_WORDS
    let same = 0
    let different = 0
    for (let at = this.#base.headers[basePiece]! * UNIT_WORDS; at < end; at += step, there += step) {
      const target = this.#target(this.#base, this.#baseFinder, at)
      if (target === NONE) continue
      const nextTarget = this.#target(this.#next, this.#nextFinder, there)
      if (nextTarget === NONE) continue
      if (this.#nextOf[target] === nextTarget) same++
      else if (this.#nextOf[target] !== NONE || this.baseOf[nextTarget] !== NONE) different++
    }
    return different === 0 || same > different * 2
  }

  /** Only for pieces of the same size: neighbours are copied as one. */
  #match(basePiece: number, nextPiece: number): void {
    this.baseOf[nextPiece] = basePiece
    this.#nextOf[basePiece] = nextPiece
  }
}

/** Keys with the one piece of each heap that has them. */
class KeyTable {
  readonly #mask: number
  /** Three numbers a place: key, piece of the base, piece of the new heap. A piece is 0 (none yet: that is the file
   * header, which has no key), the only one with this key, or SEVERAL. */
  readonly #places: Int32Array

  constructor(count: number) {
    const size = 2 ** Math.ceil(Math.log2(count * 1.3 + 2))
    this.#mask = size - 1
    this.#places = new Int32Array(size * 3)
  }

  addBase(key: number, piece: number): void {
    const place = this.#placeOf(key)
    if (place === NONE) return
    this.#places[place] = key
    this.#places[place + 1] = this.#places[place + 1] === 0 ? piece : SEVERAL
  }

  /** Keys that the base does not have are not kept. */
  addNext(key: number, piece: number): void {
    const place = this.#placeOf(key)
    if (place === NONE || this.#places[place + 1] === 0) return
    this.#places[place + 2] = this.#places[place + 2] === 0 ? piece : SEVERAL
  }

  forEachPair(visit: (basePiece: number, nextPiece: number) => void): void {
    for (let place = 0; place < this.#places.length; place += 3) {
      const basePiece = this.#places[place + 1]!
      const nextPiece = this.#places[place + 2]!
      if (basePiece > 0 && nextPiece > 0) visit(basePiece, nextPiece)
    }
  }

  /** -1 where too many other keys crowd about the place. */
  #placeOf(key: number): number {
    const first = Math.imul(key, 0x85eb_ca6b)
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const place = ((first + probe) & this.#mask) * 3
      if (this.#places[place + 1] === 0 || this.#places[place] === key) return place
    }
    return NONE
  }
}
