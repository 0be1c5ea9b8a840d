/** What happens to an image between two snapshots: work, garbage collection, a restart. */
import { Filler, Places } from './fill.ts'
import { addFreeChunks } from './free.ts'
import { FLAG, FORMAT, type Heap, integerSlot, rawSlot, staleSlot } from './heap.ts'
import { CONTEXT_FIELDS, type GeneratedImage, render, someBase, someGap } from './image.ts'
import { CLASS, FIRST_ORDINARY_CLASS, FIXED_START } from './kernel.ts'
import { type Random, seededRandom } from './random.ts'
import { ShapeSource } from './shapes.ts'

/** Everything is optional; what is left out does not happen. */
export interface Edit {
  seed: number
  newObjects?: number
  /** New objects of this many bytes in sum. */
  newBytes?: number
  /** One new byte array of random bytes. */
  randomBytes?: number
  /** Where (0 to 1 of the heap) a few of the new objects appear: everything behind slides. Else all go to the end. */
  slideFrom?: number
  /** Another process: the heap lies elsewhere. */
  restart?: boolean
  /** Slots that get another value, anywhere. */
  touchedSlots?: number
  /** Objects that die; what pointed to them points to nil, what lies behind them slides. */
  droppedObjects?: number
  /** Of the dropped ones, take the largest byte array. */
  dropLargest?: boolean
  /** Objects that go to the end of the heap. */
  movedObjects?: number
  /** Objects that become instances of another class. */
  changedClasses?: number
  pinnedObjects?: number
  /** Objects that die in front of a pinned one: that stays where it is, and a free chunk in the gap until the next snapshot. */
  pinnedGaps?: number
  /** Suspended methods that ran on: they are less or more deep, and what lies above is left over. */
  ranContexts?: number
  /** Objects that became another one: a forwarder stays in their place until the next snapshot. */
  forwarders?: number
  /** Free chunks, small and large, with stale bytes in them; they live until the next snapshot. */
  freeChunks?: number
  /** Another number of segments. */
  segments?: number
}

type Unwritten = Omit<GeneratedImage, 'bytes'>

/** So many draws come from one neighbourhood of so many objects before the next one's turn. */
const CLUSTER_DRAWS = 40
const CLUSTER_OBJECTS = 400
/** New objects hang together: an older object refers to one in so many of them. */
const OBJECTS_PER_OWNER = 12
/** A heap may have hardly any ordinary objects. */
const MAX_TRIES = 50
/** The share of new objects that comes early in a heap that slides. */
const EARLY_SHARE = 0.05

/** The next snapshot; the one given stays as it is. Deterministic in the image and the edit. */
export function nextImage(image: GeneratedImage, edit: Edit): GeneratedImage {
  const random = seededRandom(edit.seed)
  const heap = image.heap.copy()
  const next = { ...image, heap, placement: { ...image.placement } }
  collectGarbage(heap, image.kernel.firstOrdinary, edit, random)
  if (edit.pinnedGaps) leaveGaps(heap, image.kernel.firstOrdinary, edit.pinnedGaps)
  changeObjects(next, edit, random)
  if (edit.ranContexts) runContexts(heap, edit.ranContexts, random)
  addObjects(next, edit, random)
  if (edit.forwarders) addForwarders(next, edit.forwarders, random)
  addFreeChunks(heap, image.kernel.freeLists, edit.freeChunks ?? 0, random)
  next.placement.segments = edit.segments ?? image.placement.segments
  if (edit.restart) {
    next.placement.base = someBase(random, heap.wordSize)
    next.placement.gapBytes = someGap(random)
  }
  return render(next)
}

/** Removes free chunks, follows forwarders, and lets objects die. */
function collectGarbage(heap: Heap, firstOrdinary: number, edit: Edit, random: Random): void {
  const becomes = new Int32Array(heap.count).fill(-1)
  for (let at = 0; at < heap.orderCount; at++) {
    const id = heap.order[at]!
    if (heap.classIndex[id] === CLASS.free) becomes[id] = 0
    if (heap.classIndex[id] === CLASS.forwarder) becomes[id] = heap.slot(id, 0)
  }
  for (let at = 0; at < (edit.droppedObjects ?? 0); at++) {
    const id = heap.order[random.below(heap.orderCount)]!
    if (mayChange(heap, id, firstOrdinary)) becomes[id] = 0
  }
  if (edit.dropLargest) becomes[largestBytes(heap)] = 0
  for (let at = 0; at < heap.slotCount; at++) {
    let slot = heap.slots[at]!
    while (slot >= 0 && becomes[slot]! >= 0) slot = becomes[slot]!
    heap.slots[at] = slot
  }
  heap.remove((id) => becomes[id]! >= 0)
}

/** Garbage collection cannot let a pinned object slide. */
function leaveGaps(heap: Heap, firstOrdinary: number, count: number): void {
  const gaps = new Set<number>()
  for (let at = 1; at < heap.orderCount && gaps.size < count; at++) {
    const id = heap.order[at - 1]!
    const isPinned = (heap.flags[heap.order[at]!]! & FLAG.pinned) !== 0
    if (!isPinned || !mayChange(heap, id, firstOrdinary)) continue
    if (heap.rawBytes[id] !== 0 || heap.pointers[id] === 0) continue
    heap.classIndex[id] = CLASS.free
    heap.format[id] = heap.wordSize === 8 ? FORMAT.longs : FORMAT.words
    heap.hash[id] = 0
    heap.flags[id] = 0
    for (let slot = 0; slot < heap.pointers[id]!; slot++) heap.setSlot(id, slot, rawSlot(0))
    gaps.add(id)
  }
  for (let at = 0; at < heap.slotCount; at++) if (gaps.has(heap.slots[at]!)) heap.slots[at] = 0
}

/** Depth stands in the third field; addresses above it are those of an earlier heap, or of dead objects. */
function runContexts(heap: Heap, count: number, random: Random): void {
  const contexts = heap.order.subarray(0, heap.orderCount).filter((id) => heap.classIndex[id] === CLASS.context)
  const units = heap.slotCount
  for (let ran = 0; ran < count && contexts.length > 0; ran++) {
    const id = contexts[random.below(contexts.length)]!
    const room = heap.pointers[id]! - CONTEXT_FIELDS
    if (room <= 0) continue
    const depth = random.below(room)
    heap.setSlot(id, 2, integerSlot(depth))
    for (let slot = CONTEXT_FIELDS; slot < CONTEXT_FIELDS + room; slot++) {
      const isLive = slot < CONTEXT_FIELDS + depth
      if (isLive && heap.slot(id, slot) < 0) heap.setSlot(id, slot, 0)
      if (!isLive && random.chance(0.5)) heap.setSlot(id, slot, staleSlot(random.below(units)))
    }
  }
}

const mayChange = (heap: Heap, id: number, firstOrdinary: number): boolean =>
  id >= firstOrdinary && heap.classIndex[id]! >= FIRST_ORDINARY_CLASS

function largestBytes(heap: Heap): number {
  let largest = -1
  for (let at = 0; at < heap.orderCount; at++) {
    const id = heap.order[at]!
    if (heap.classIndex[id] !== CLASS.byteArray) continue
    if (largest < 0 || heap.rawBytes[id]! > heap.rawBytes[largest]!) largest = id
  }
  return largest
}

/** Draws ordinary objects in clusters: what is used together lies together. */
function objectSource(image: Unwritten, random: Random): () => number | undefined {
  const { heap, kernel } = image
  let centre = 0
  return () => {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (tries > 0 || random.chance(1 / CLUSTER_DRAWS)) centre = random.below(heap.orderCount)
      const id = heap.order[Math.min(centre + random.below(CLUSTER_OBJECTS), heap.orderCount - 1)]!
      if (mayChange(heap, id, kernel.firstOrdinary)) return id
    }
    return undefined
  }
}

function changeObjects(image: Unwritten, edit: Edit, random: Random): void {
  const { heap } = image
  const someObject = objectSource(image, random)
  const forSome = (count: number | undefined, change: (id: number) => void) => {
    for (let at = 0; at < (count ?? 0); at++) {
      const id = someObject()
      if (id !== undefined) change(id)
    }
  }
  forSome(edit.touchedSlots, (id) => {
    const pointers = heap.pointers[id]!
    if (pointers === 0) return
    const value = random.chance(0.5) ? integerSlot(random.below(1 << 24)) : (someObject() ?? 0)
    heap.setSlot(id, random.below(pointers), value)
  })
  forSome(edit.changedClasses, (id) => {
    heap.classIndex[id] = heap.classIndex[someObject() ?? id]!
  })
  forSome(edit.pinnedObjects, (id) => {
    heap.flags[id] = heap.flags[id]! | FLAG.pinned
  })
  const moved = new Set<number>()
  forSome(edit.movedObjects, (id) => moved.add(id))
  if (moved.size === 0) return
  heap.remove((id) => moved.has(id))
  const end = heap.orderCount
  heap.place([...moved].map((id) => ({ at: end, id })))
}

function addObjects(image: Unwritten, edit: Edit, random: Random): void {
  const { heap, plans, kernel, options } = image
  const source = new ShapeSource(random, plans, heap, options.sizeBytes)
  const first = heap.count
  const newBytes = edit.newBytes ?? 0
  for (let count = 0, bytes = 0; count < (edit.newObjects ?? 0) || bytes < newBytes; count++) {
    bytes += heap.bytesOf(heap.addUnplaced(source.next(heap)))
  }
  const filled = heap.count
  if (edit.randomBytes) {
    const shape = { classIndex: CLASS.byteArray, format: FORMAT.bytes, pointers: 0, rawBytes: edit.randomBytes }
    const id = heap.addUnplaced(shape)
    const start = heap.rawStart[id]!
    for (let at = 0; at < edit.randomBytes; at++) heap.raw[start + at] = random.next()
  }
  if (heap.count === first) return
  placeNew(heap, first, edit, random)
  const places = new Places(heap)
  const filler = new Filler(random, heap, kernel.specialObjects)
  for (let id = first; id < filled; id++) filler.fill(heap, id, places)
  const someObject = objectSource(image, random)
  for (let id = first; id < heap.count; id += OBJECTS_PER_OWNER) {
    const owner = someObject()
    if (owner !== undefined && heap.pointers[owner]! > 0) heap.setSlot(owner, heap.pointers[owner]! - 1, id)
  }
}

function placeNew(heap: Heap, first: number, edit: Edit, random: Random): void {
  const early = edit.slideFrom === undefined ? 0 : Math.ceil((heap.count - first) * EARLY_SHARE)
  const from = Math.max(FIXED_START, Math.floor(heap.orderCount * (edit.slideFrom ?? 1)))
  const places = []
  for (let id = first; id < heap.count; id++) {
    const nth = id - first
    const anywhere = from + random.below(heap.orderCount - from + 1)
    places.push({ at: nth === 0 ? from : nth < early ? anywhere : heap.orderCount, id })
  }
  heap.place(places)
}

/** The object's number goes to the forwarder, so that what points to it keeps doing so; a copy goes to the end. */
function addForwarders(image: Unwritten, count: number, random: Random): void {
  const { heap } = image
  const someObject = objectSource(image, random)
  for (let at = 0; at < count; at++) {
    const id = someObject()
    if (id === undefined || heap.pointers[id] === 0 || heap.rawBytes[id] !== 0) continue
    const { classIndex, format, hash, pointers } = heap
    const shape = { classIndex: classIndex[id]!, format: format[id]!, pointers: pointers[id]!, rawBytes: 0 }
    const copy = heap.add({ ...shape, hash: hash[id]! })
    for (let slot = 0; slot < pointers[id]!; slot++) heap.setSlot(copy, slot, heap.slot(id, slot))
    heap.classIndex[id] = CLASS.forwarder
    heap.format[id] = FORMAT.forwarder
    heap.setSlot(id, 0, copy)
  }
}
