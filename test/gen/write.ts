/** Writes a heap and its layout as the bytes of a Spur image. */
import { FORMAT, type Heap, slotTag } from './heap.ts'
import { BRIDGE_BYTES, type Layout, layOut, type Placement } from './layout.ts'

export interface ImageHeader {
  specialObjects: number
  /** Added to the format number: 512 where several bytecode sets are active. */
  formatFlag: number
  imageVersion: number
}

const FORMAT_NUMBER = { 4: 6521, 8: 68021 } as const
const HEADER_BYTES = { 4: 64, 8: 128 } as const
const TWO_32 = 0x1_0000_0000
/** Header of a last bridge as virtual machines write it: format 9 or 10, pinned and marked, class index 3. */
const LAST_BRIDGE = { 4: [0x4a00_0003, 0x0080_0000], 8: [0x4900_0003, 0x0080_0000] } as const
const MAX_SLOTS_IN_HEADER = 254

export function imageBytes(heap: Heap, placement: Placement, header: ImageHeader): Uint8Array {
  const headerBytes = HEADER_BYTES[heap.wordSize]
  const layout = layOut(heap, placement, headerBytes)
  const last = layout.segments.at(-1)!
  const bytes = new Uint8Array(last.fileOffset + last.sizeBytes)
  writeHeader(new DataView(bytes.buffer), heap, layout, header)
  writeObjects(heap, layout, bytes)
  writeBridges(heap, layout, placement, new Uint32Array(bytes.buffer))
  return bytes
}

function writeHeader(view: DataView, heap: Heap, layout: Layout, header: ImageHeader): void {
  const wide = heap.wordSize === 8
  const first = layout.segments[0]!
  let at = 8
  const word = (value: number) => {
    view.setUint32(at, value % TWO_32, true)
    if (wide) view.setUint32(at + 4, Math.floor(value / TWO_32), true)
    at += heap.wordSize
  }
  view.setUint32(0, FORMAT_NUMBER[heap.wordSize] + header.formatFlag, true)
  view.setUint32(4, HEADER_BYTES[heap.wordSize], true)
  word(view.byteLength - HEADER_BYTES[heap.wordSize])
  word(first.address)
  word(layout.oops[header.specialObjects]!)
  word(heap.lastHash)
  word(0)
  word(2)
  view.setUint16(wide ? 70 : 46, header.imageVersion, true)
  at = wide ? 72 : 48
  word(first.sizeBytes)
  word(freeBytes(heap))
}

function freeBytes(heap: Heap): number {
  let bytes = 0
  for (let at = 0; at < heap.orderCount; at++) {
    const id = heap.order[at]!
    if (heap.classIndex[id] === 0) bytes += heap.bytesOf(id)
  }
  return bytes
}

function writeBridges(heap: Heap, layout: Layout, placement: Placement, out: Uint32Array): void {
  layout.segments.forEach((segment, index) => {
    const at = (segment.fileOffset + segment.sizeBytes - BRIDGE_BYTES) >> 2
    const next = layout.segments[index + 1]
    const [low, high] = LAST_BRIDGE[heap.wordSize]
    const span = placement.gapBytes / heap.wordSize
    const spanned = next !== undefined && span > 0
    out[at] = spanned ? span : low
    out[at + 1] = spanned ? 0xff00_0000 : high
    out[at + 2] = next?.sizeBytes ?? 0
  })
}

function writeObjects(heap: Heap, layout: Layout, bytes: Uint8Array): void {
  const out = new Uint32Array(bytes.buffer)
  const writeSlots = heap.wordSize === 8 ? wideSlotWriter(heap, layout) : narrowSlotWriter(heap, layout)
  for (let at = 0; at < heap.orderCount; at++) {
    const id = heap.order[at]!
    const slots = heap.slotsOf(id)
    let cell = layout.offsets[id]! / 4
    if (slots > MAX_SLOTS_IN_HEADER) {
      out[cell] = slots
      out[cell + 1] = 0xff00_0000
      cell += 2
    }
    const unused = slots * heap.wordSize - heap.pointers[id]! * heap.wordSize - heap.rawBytes[id]!
    const format = heap.format[id]! + (heap.format[id]! === FORMAT.words ? unused >> 2 : unused)
    out[cell] = (heap.classIndex[id]! | (heap.flags[id]! << 23) | (format << 24)) >>> 0
    out[cell + 1] = (heap.hash[id]! | (Math.min(slots, 255) << 24)) >>> 0
    writeSlots(id, out, cell + 2)
    const rawBytes = heap.rawBytes[id]!
    if (rawBytes > 0) {
      const start = heap.rawStart[id]!
      bytes.set(heap.raw.subarray(start, start + rawBytes), (cell + 2) * 4 + heap.pointers[id]! * heap.wordSize)
    }
  }
}

type SlotWriter = (id: number, out: Uint32Array, cell: number) => void

function wideSlotWriter(heap: Heap, layout: Layout): SlotWriter {
  const low = Uint32Array.from(layout.oops, (oop) => oop % TWO_32)
  const high = Uint32Array.from(layout.oops, (oop) => oop / TWO_32)
  const { slots } = heap
  return (id, out, start) => {
    let cell = start
    for (let at = heap.slotStart[id]!, end = at + heap.pointers[id]!; at < end; at++, cell += 2) {
      const slot = slots[at]!
      if (slot >= 0) {
        out[cell] = low[slot]!
        out[cell + 1] = high[slot]!
        continue
      }
      const value = ~slot >> 2
      const tag = ~slot & 3
      if (tag === slotTag.stale) {
        const address = heap.firstBase + value * 8
        out[cell] = address % TWO_32
        out[cell + 1] = address / TWO_32
      } else if (tag === slotTag.raw) out[cell] = value
      else out[cell] = (value << 3) | (tag === slotTag.integer ? 1 : 2)
    }
  }
}

function narrowSlotWriter(heap: Heap, layout: Layout): SlotWriter {
  const { slots } = heap
  const { oops } = layout
  return (id, out, start) => {
    let cell = start
    for (let at = heap.slotStart[id]!, end = at + heap.pointers[id]!; at < end; at++, cell++) {
      const slot = slots[at]!
      const value = ~slot >> 2
      const tag = ~slot & 3
      if (slot >= 0) out[cell] = oops[slot]!
      else if (tag === slotTag.stale) out[cell] = heap.firstBase + value * 8
      else if (tag === slotTag.raw) out[cell] = value
      else out[cell] = tag === slotTag.integer ? (value << 1) | 1 : (value << 2) | 2
    }
  }
}
