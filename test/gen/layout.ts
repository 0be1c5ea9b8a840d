/** Gives every object of a generated heap its address: segments one after another, each ended by its bridge. */
import type { Heap } from './heap.ts'

export const BRIDGE_BYTES = 16

export interface Placement {
  /** Address of the first byte, a multiple of 8. */
  base: number
  /** How many segments share the objects by equal bytes. */
  segments: number
  /** Bytes of address space between two segments, a multiple of 8; 0 puts the next one right behind. */
  gapBytes: number
}

export interface SegmentPlace {
  address: number
  /** File offset of its first byte. */
  fileOffset: number
  /** Bridge included. */
  sizeBytes: number
}

export interface Layout {
  segments: SegmentPlace[]
  /** By object number: the address of its header (its oop). */
  oops: Float64Array
  /** By object number: the file offset of its first byte (the overflow word, where it has one). */
  offsets: Float64Array
}

export function layOut(heap: Heap, placement: Placement, headerBytes: number): Layout {
  const layout: Layout = { segments: [], oops: new Float64Array(heap.count), offsets: new Float64Array(heap.count) }
  let total = 0
  for (let at = 0; at < heap.orderCount; at++) total += heap.bytesOf(heap.order[at]!)
  const share = Math.ceil(total / placement.segments)
  let segment: SegmentPlace = { address: placement.base, fileOffset: headerBytes, sizeBytes: 0 }
  const close = () => {
    segment.sizeBytes += BRIDGE_BYTES
    layout.segments.push(segment)
  }
  for (let at = 0; at < heap.orderCount; at++) {
    const id = heap.order[at]!
    const bytes = heap.bytesOf(id)
    if (segment.sizeBytes >= share) {
      close()
      const { address, fileOffset, sizeBytes } = segment
      segment = { address: address + sizeBytes + placement.gapBytes, fileOffset: fileOffset + sizeBytes, sizeBytes: 0 }
    }
    const overflow = heap.slotsOf(id) >= 255 ? 8 : 0
    layout.oops[id] = segment.address + segment.sizeBytes + overflow
    layout.offsets[id] = segment.fileOffset + segment.sizeBytes
    segment.sizeBytes += bytes
  }
  close()
  return layout
}
