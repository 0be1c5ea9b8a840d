/** From an address in a heap to the piece whose header lies there, in little memory: a bit a unit and counts. */
import type { SpurHeap } from './heap.ts'

export class PieceFinder {
  readonly #bits: Uint32Array
  /** Pieces whose header lies before the 32 units of each entry. */
  readonly #before: Int32Array

  constructor(heap: SpurHeap) {
    const entries = (heap.units >> 5) + 1
    this.#bits = new Uint32Array(entries)
    this.#before = new Int32Array(entries)
    for (let piece = 0; piece < heap.count; piece++) {
      const unit = heap.headers[piece]!
      this.#bits[unit >> 5]! |= 1 << (unit & 31)
    }
    let sum = 0
    for (let entry = 0; entry < entries; entry++) {
      this.#before[entry] = sum
      sum += bitCount(this.#bits[entry]!)
    }
  }

  /** The piece whose header is this unit; -1 where none is. */
  at(unit: number): number {
    const entry = unit >> 5
    const bits = this.#bits[entry]!
    const bit = 1 << (unit & 31)
    return (bits & bit) === 0 ? -1 : this.#before[entry]! + bitCount(bits & (bit - 1))
  }
}

/** Bits set in a 32-bit number, by adding neighbours in parallel. */
function bitCount(bits: number): number {
  let sum = bits - ((bits >>> 1) & 0x5555_5555)
  sum = (sum & 0x3333_3333) + ((sum >>> 2) & 0x3333_3333)
  return Math.imul((sum + (sum >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24
}
