/** Free chunks as the virtual machine keeps them: small ones on lists by size, large ones in a tree by size. */
import { FORMAT, type Heap, rawSlot } from './heap.ts'
import { CLASS, FIXED_START } from './kernel.ts'
import type { Random } from './random.ts'

const SLOT = { next: 0, previous: 1, parent: 2, smaller: 3, larger: 4 } as const
const LINKS = 5

/** Links free chunks into the lists, which are emptied first: the chunks of an earlier snapshot are gone. */
export function addFreeChunks(heap: Heap, freeLists: number, count: number, random: Random): void {
  const lists = heap.pointers[freeLists]!
  for (let at = 0; at < lists; at++) heap.setSlot(freeLists, at, rawSlot(0))
  const places = []
  for (let at = 0; at < count; at++) {
    const id = freeChunk(heap, random, lists)
    const units = heap.bytesOf(id) / 8
    if (units < lists) putOnList(heap, freeLists, units, id)
    else putInTree(heap, freeLists, id)
    places.push({ at: FIXED_START + random.below(heap.orderCount - FIXED_START), id })
  }
  heap.place(places)
}

/** Half of them small. What is not used for links keeps the bytes of dead objects. */
function freeChunk(heap: Heap, random: Random, lists: number): number {
  const slots = random.chance(0.5) ? LINKS + random.below(lists - LINKS - 4) : lists * 2 + random.below(400)
  const rawBytes = (slots - LINKS) * heap.wordSize
  const format = heap.wordSize === 8 ? FORMAT.longs : FORMAT.words
  const id = heap.addUnplaced({ classIndex: CLASS.free, format, pointers: LINKS, rawBytes })
  for (let at = 0; at < LINKS; at++) heap.setSlot(id, at, rawSlot(0))
  const from = random.below(Math.max(1, heap.rawCount - rawBytes * 2))
  heap.raw.copyWithin(heap.rawStart[id]!, from, from + rawBytes)
  return id
}

const link = (heap: Heap, id: number, slot: number): number => Math.max(0, heap.slot(id, slot))

function putOnList(heap: Heap, freeLists: number, units: number, id: number): void {
  const head = link(heap, freeLists, units)
  if (head > 0) {
    heap.setSlot(id, SLOT.next, head)
    heap.setSlot(head, SLOT.previous, id)
  }
  heap.setSlot(freeLists, units, id)
}

function putInTree(heap: Heap, freeLists: number, id: number): void {
  let parent = link(heap, freeLists, 0)
  if (parent === 0) heap.setSlot(freeLists, 0, id)
  while (parent !== 0) {
    const side = heap.bytesOf(id) < heap.bytesOf(parent) ? SLOT.smaller : SLOT.larger
    const child = link(heap, parent, side)
    if (child === 0) {
      heap.setSlot(parent, side, id)
      heap.setSlot(id, SLOT.parent, parent)
    }
    parent = child
  }
}
