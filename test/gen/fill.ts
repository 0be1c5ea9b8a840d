/** Gives objects their contents: pointers with the distances of a real heap, strings, bytecodes. */
import { characterSlot, FORMAT, type Heap, integerSlot, type Slot } from './heap.ts'
import type { Random } from './random.ts'
import { sourceText } from './text.ts'

const TEXT_BYTES = 1 << 16
const CODE_BYTES = 1 << 16
const NIL: Slot = 0
/** Of all slots that hold pointers or immediates. */
const IMMEDIATE_SHARE = 0.12
const NIL_SHARE = 0.17
/** Collections and bitmaps from here on are mostly empty. */
const LARGE_SLOTS = 40
const ALIKE_SHARE = 0.65
/** Distances from a pointer to its target in bytes, nil left out: share of all pointers up to this distance. */
const DISTANCES: readonly [upToShare: number, leastBytes: number, mostBytes: number][] = [
  [0.02, 8, 1024],
  [0.08, 1024, 65_536],
  [0.44, 65_536, 1_048_576],
]
/** Of the pointers that go further: to the few objects that half the heap refers to. */
const POPULAR_SHARE = 0.6
const POPULAR_OBJECTS = 1500
/** Neighbours refer to the same objects: of the pointers, the share that repeats one of the last few targets as far away. */
const REPEAT_SHARE = 0.85
const REPEATED_TARGETS = 8
/** Below are free chunks, forwarders and the virtual machine's own objects: nothing points to them. */
const FIRST_VISIBLE_CLASS = 32
/** Where the objects lie is looked up in steps of this many bytes (a power of two). */
const STEP_SHIFT = 6

/** Where the objects of a heap lie, to find one at a distance. Positions are bytes from the start of the heap. */
export class Places {
  readonly #positions: Float64Array
  readonly #ids: Int32Array
  readonly totalBytes: number

  constructor(heap: Heap) {
    this.#positions = new Float64Array(heap.count)
    let total = 0
    for (let at = 0; at < heap.orderCount; at++) {
      const id = heap.order[at]!
      this.#positions[id] = total
      total += heap.bytesOf(id)
    }
    this.totalBytes = total
    this.#ids = new Int32Array((total >> STEP_SHIFT) + 1)
    let visible = 0
    for (let at = 0, step = 0; at < heap.orderCount; at++) {
      const id = heap.order[at]!
      if (heap.classIndex[id]! >= FIRST_VISIBLE_CLASS) visible = id
      const end = this.#positions[id]! + heap.bytesOf(id)
      for (; step << STEP_SHIFT < end; step++) this.#ids[step] = visible
    }
  }

  positionOf(id: number): number {
    return this.#positions[id]!
  }

  /** The object that lies there, or before, where that is hidden; the nearest end where that is outside. */
  idAt(position: number): number {
    const inside = Math.min(Math.max(position, 0), this.totalBytes - 1)
    return this.#ids[Math.floor(inside) >>> STEP_SHIFT]!
  }
}

export class Filler {
  readonly #random: Random
  readonly #text: Uint8Array
  readonly #code: Uint8Array
  readonly #popular: Int32Array
  /** The first objects of the heap, hidden ones among them, are never pointed to by chance. */
  readonly #firstTarget: number
  readonly #recent = new Int32Array((DISTANCES.length + 1) * REPEATED_TARGETS)

  constructor(random: Random, heap: Heap, firstTarget: number) {
    this.#random = random
    this.#text = Buffer.from(sourceText(random, TEXT_BYTES), 'latin1')
    this.#code = new Uint8Array(CODE_BYTES)
    for (let at = 0; at < CODE_BYTES; at++) this.#code[at] = random.next() & random.next() & random.next() & 0xff
    this.#firstTarget = firstTarget
    this.#popular = new Int32Array(POPULAR_OBJECTS)
    for (let at = 0; at < POPULAR_OBJECTS; at++) {
      const id = heap.order[random.below(heap.orderCount)]!
      this.#popular[at] = heap.classIndex[id]! < FIRST_VISIBLE_CLASS ? firstTarget : Math.max(id, firstTarget)
    }
  }

  fill(heap: Heap, id: number, places: Places): void {
    const format = heap.format[id]!
    const pointers = heap.pointers[id]!
    const start = heap.slotStart[id]!
    let at = 0
    if (format === FORMAT.method) heap.slots[start + at++] = integerSlot(pointers - 1)
    if (format === FORMAT.mixed && pointers > 2) heap.slots[start + 2] = integerSlot(pointers - 3)
    const used = this.#usedSlots(format, pointers)
    const nilShare = format === FORMAT.array ? NIL_SHARE / 2 : NIL_SHARE
    const position = places.positionOf(id)
    for (; at < used; at++) {
      if (format === FORMAT.mixed && at === 2) continue
      heap.slots[start + at] = this.#slotLike(heap, id, at) ?? this.#slot(position, nilShare, places)
    }
    this.#fillRaw(heap, id)
  }

  /** Collections have room to grow, large hash tables most of all: nil behind this many slots. */
  #usedSlots(format: number, pointers: number): number {
    if (format !== FORMAT.array || pointers <= 8) return pointers
    const share = this.#random.next() / 2 ** 32
    return Math.ceil(pointers * (pointers > LARGE_SLOTS ? share ** 2 : 0.4 + 0.6 * share))
  }

  /** Neighbours of one class are alike: often the same nil, number or shared object stands in the same slot. */
  #slotLike(heap: Heap, id: number, at: number): Slot | undefined {
    const neighbour = id - 1
    if (heap.classIndex[neighbour] !== heap.classIndex[id] || heap.pointers[neighbour]! <= at) return undefined
    return this.#random.chance(ALIKE_SHARE) ? heap.slots[heap.slotStart[neighbour]! + at] : undefined
  }

  #slot(position: number, nilShare: number, places: Places): Slot {
    const draw = this.#random.next() / 2 ** 32
    if (draw < nilShare) return NIL
    if (draw < nilShare + IMMEDIATE_SHARE) return this.#immediate()
    return this.target(position, places)
  }

  #immediate(): Slot {
    const random = this.#random
    if (random.chance(0.1)) return characterSlot(32 + random.below(95))
    return integerSlot(random.chance(0.8) ? random.below(64) : random.below(1 << 20))
  }

  /** An object to point to from a place in the heap. */
  target(position: number, places: Places): number {
    const random = this.#random
    const draw = random.next() / 2 ** 32
    let reach = 0
    while (reach < DISTANCES.length && draw >= DISTANCES[reach]![0]) reach++
    const place = reach * REPEATED_TARGETS + random.below(REPEATED_TARGETS)
    const recent = this.#recent[place]!
    if (reach > 1 && recent > 0 && random.chance(REPEAT_SHARE)) return recent
    const found = this.#targetAtReach(reach, position, places)
    this.#recent[place] = found
    return found
  }

  #targetAtReach(reach: number, position: number, places: Places): number {
    const random = this.#random
    const distances = DISTANCES[reach]
    if (distances !== undefined) {
      const [, least, most] = distances
      const distance = least + random.below(most - least)
      const sign = random.chance(0.5) ? 1 : -1
      const there = position + sign * distance
      const mirrored = there < 0 || there >= places.totalBytes ? position - sign * distance : there
      return Math.max(places.idAt(mirrored), this.#firstTarget)
    }
    if (random.chance(POPULAR_SHARE)) {
      const rank = (random.next() / 2 ** 32) ** 5
      return this.#popular[Math.floor(rank * POPULAR_OBJECTS)]!
    }
    return Math.max(places.idAt((random.next() / 2 ** 32) * places.totalBytes), this.#firstTarget)
  }

  #fillRaw(heap: Heap, id: number): void {
    const rawBytes = heap.rawBytes[id]!
    if (rawBytes === 0) return
    const format = heap.format[id]!
    const source = format === FORMAT.bytes ? this.#text : this.#code
    const start = heap.rawStart[id]!
    const used = rawBytes > LARGE_SLOTS * 64 ? Math.ceil(rawBytes / 6) : rawBytes
    for (let done = 0; done < used; ) {
      const length = Math.min(used - done, 4096)
      const from = this.#random.below(source.length - length)
      heap.raw.set(source.subarray(from, from + length), start + done)
      done += length
    }
  }
}
