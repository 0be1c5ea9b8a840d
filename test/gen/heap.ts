/**
 * The objects of a generated image, by number and not by address: what the layout later turns into oops. One entry
 * per object in typed arrays, so that millions of objects stay cheap.
 */
export type WordSize = 4 | 8

/** What a pointer slot holds: an object number (0 or more), or one of these, made by the functions below. */
export type Slot = number

const TAG_INTEGER = 0
const TAG_CHARACTER = 1
const TAG_RAW = 2
const TAG_STALE = 3
const tagged = (value: number, tag: number): Slot => ~((value << 2) | tag)

/** SmallInteger from 0 to 2^28 - 1. */
export const integerSlot = (value: number): Slot => tagged(value, TAG_INTEGER)
export const characterSlot = (codePoint: number): Slot => tagged(codePoint, TAG_CHARACTER)
/** A word written as it is: raw addresses and counts in hidden objects and free chunks. */
export const rawSlot = (value: number): Slot => tagged(value, TAG_RAW)
/** An address of the heap as it lay when it was made, `units` of 8 bytes above its start: garbage in contexts. */
export const staleSlot = (units: number): Slot => tagged(units, TAG_STALE)
export const slotTag = { integer: TAG_INTEGER, character: TAG_CHARACTER, raw: TAG_RAW, stale: TAG_STALE } as const

export const FORMAT = {
  empty: 0,
  fixed: 1,
  array: 2,
  mixed: 3,
  weak: 4,
  ephemeron: 5,
  forwarder: 7,
  longs: 9,
  words: 10,
  bytes: 16,
  method: 24,
} as const

/** Header bits other than the numbers: as they stand in the low word of an object header, shifted down by 23. */
export const FLAG = { immutable: 1, remembered: 64, pinned: 128 } as const

export interface ObjectShape {
  classIndex: number
  /** The base format; the count of unused bytes is added when the object is written. */
  format: number
  /** Slots that hold pointers, or whole words in word objects. */
  pointers: number
  /** Logical bytes behind them. */
  rawBytes: number
  hash?: number
  flags?: number
}

const grown = <T extends Int32Array | Uint8Array>(array: T, needed: number): T => {
  if (needed <= array.length) return array
  const bigger = new (array.constructor as new (length: number) => T)(Math.max(needed, array.length * 2))
  bigger.set(array)
  return bigger
}

export class Heap {
  readonly wordSize: WordSize
  count = 0
  classIndex = new Int32Array(1024)
  format = new Uint8Array(1024)
  hash = new Int32Array(1024)
  flags = new Uint8Array(1024)
  pointers = new Int32Array(1024)
  slotStart = new Int32Array(1024)
  rawBytes = new Int32Array(1024)
  rawStart = new Int32Array(1024)
  slots = new Int32Array(8192)
  slotCount = 0
  raw = new Uint8Array(8192)
  rawCount = 0
  /** Object numbers in the order of their addresses; objects that died are not in it. */
  order = new Int32Array(1024)
  orderCount = 0
  lastHash = 0x2badcafe
  /** What stale addresses count from. */
  firstBase = 0

  constructor(wordSize: WordSize) {
    this.wordSize = wordSize
  }

  /** Adds an object at the end of the heap; its slots are object 0 (nil) and its bytes 0 until they are written. */
  add(shape: ObjectShape): number {
    const id = this.addUnplaced(shape)
    this.order = grown(this.order, this.orderCount + 1)
    this.order[this.orderCount++] = id
    return id
  }

  /** Adds an object that `order` does not hold yet. */
  addUnplaced(shape: ObjectShape): number {
    const id = this.count++
    if (id >= this.classIndex.length) this.#growObjects(this.count)
    this.classIndex[id] = shape.classIndex
    this.format[id] = shape.format
    this.hash[id] = shape.hash ?? 0
    this.flags[id] = shape.flags ?? 0
    this.pointers[id] = shape.pointers
    this.slotStart[id] = this.slotCount
    this.rawBytes[id] = shape.rawBytes
    this.rawStart[id] = this.rawCount
    this.slotCount += shape.pointers
    this.rawCount += shape.rawBytes
    this.slots = grown(this.slots, this.slotCount)
    this.raw = grown(this.raw, this.rawCount)
    return id
  }

  setSlot(id: number, index: number, slot: Slot): void {
    if (index >= this.pointers[id]!) throw new Error(`object ${id} has no slot ${index}`)
    this.slots[this.slotStart[id]! + index] = slot
  }

  slot(id: number, index: number): Slot {
    return this.slots[this.slotStart[id]! + index]!
  }

  /** Puts objects into the order: those that `before` names come in front of the object at that place of the order. */
  place(before: readonly { at: number; id: number }[]): void {
    const sorted = [...before].sort((a, b) => a.at - b.at)
    const order = new Int32Array(this.orderCount + sorted.length)
    let from = 0
    sorted.forEach(({ at, id }, done) => {
      order.set(this.order.subarray(from, at), from + done)
      order[at + done] = id
      from = at
    })
    order.set(this.order.subarray(from, this.orderCount), from + sorted.length)
    this.order = order
    this.orderCount = order.length
  }

  /** Takes objects out of the order: they are gone. */
  remove(isGone: (id: number) => boolean): void {
    this.order = this.order.subarray(0, this.orderCount).filter((id) => !isGone(id))
    this.orderCount = this.order.length
  }

  setText(id: number, text: string): void {
    const start = this.rawStart[id]!
    for (let at = 0; at < text.length; at++) this.raw[start + at] = text.charCodeAt(at)
  }

  /** Slots as the header counts them. */
  slotsOf(id: number): number {
    return this.pointers[id]! + Math.ceil(this.rawBytes[id]! / this.wordSize)
  }

  /** Bytes in the image: overflow word, header and body. */
  bytesOf(id: number): number {
    const slots = this.slotsOf(id)
    const body = this.wordSize === 8 ? 8 * Math.max(1, slots) : 8 * Math.max(1, (slots + 1) >> 1)
    return (slots >= 255 ? 16 : 8) + body
  }

  /** A hash such as the virtual machine gives: never 0, 22 bits. */
  nextHash(): number {
    this.lastHash = (Math.imul(this.lastHash, 16807) & 0x7fffffff) >>> 0
    return ((this.lastHash >>> 4) & 0x3fffff) | 1
  }

  copy(): Heap {
    const copy = Object.assign(new Heap(this.wordSize), this)
    for (const name of ['classIndex', 'hash', 'pointers', 'slotStart', 'rawBytes', 'rawStart'] as const) {
      copy[name] = this[name].slice(0, this.count)
    }
    for (const name of ['format', 'flags'] as const) copy[name] = this[name].slice(0, this.count)
    copy.slots = this.slots.slice(0, this.slotCount)
    copy.raw = this.raw.slice(0, this.rawCount)
    copy.order = this.order.slice(0, this.orderCount)
    return copy
  }

  #growObjects(needed: number): void {
    for (const name of ['classIndex', 'hash', 'pointers', 'slotStart', 'rawBytes', 'rawStart'] as const) {
      this[name] = grown(this[name], needed)
    }
    for (const name of ['format', 'flags'] as const) this[name] = grown(this[name], needed)
  }
}
