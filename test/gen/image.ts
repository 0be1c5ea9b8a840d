/** A generated image and what it was made from. */
import { Filler, Places } from './fill.ts'
import { FORMAT, Heap, integerSlot, rawSlot, staleSlot, type WordSize } from './heap.ts'
import { addKernel, CLASS, type ClassPlan, type Kernel } from './kernel.ts'
import type { Placement } from './layout.ts'
import { type Random, seededRandom } from './random.ts'
import { planClasses, ShapeSource } from './shapes.ts'
import { imageBytes } from './write.ts'

export interface ImageOptions {
  seed: number
  /** The image comes out within a few per cent of this; at least about 100 KB. */
  sizeBytes: number
  wordSize?: WordSize
  /** Default 1. */
  segments?: number
  /** True adds 512 to the format number, as virtual machines with several bytecode sets do. */
  severalBytecodeSets?: boolean
  /** Major version times ten plus minor, as Pharo 11 and later write it; 0, the default, before. */
  imageVersion?: number
}

export interface GeneratedImage {
  /** The image file. */
  bytes: Uint8Array
  heap: Heap
  kernel: Kernel
  plans: readonly ClassPlan[]
  placement: Placement
  options: Required<ImageOptions>
}

/** Hidden objects at the end of the heap: the remembered set and a page of the mark stack. */
const HIDDEN_SHARE = 1 / 600
const MARK_STACK_SLOTS = 4092
const CONTEXT_EVERY_BYTES = 400_000
const CONTEXT_SLOTS = 22
/** In front of the stack. */
export const CONTEXT_FIELDS = 6

export function generateImage(given: ImageOptions): GeneratedImage {
  const options = { wordSize: 8 as const, segments: 1, severalBytecodeSets: false, imageVersion: 0, ...given }
  const random = seededRandom(options.seed)
  const heap = new Heap(options.wordSize)
  const plans = planClasses(random, options.sizeBytes)
  const kernel = addKernel(heap, plans, random)
  const firstTarget = kernel.specialObjects
  const firstFilled = heap.count
  addShapes(heap, new ShapeSource(random, plans, heap, options.sizeBytes), options.sizeBytes)
  const places = new Places(heap)
  const filler = new Filler(random, heap, firstTarget)
  for (let id = firstFilled; id < heap.count; id++) filler.fill(heap, id, places)
  addContexts(heap, Math.ceil(options.sizeBytes / CONTEXT_EVERY_BYTES), filler, places)
  addHidden(heap, options.sizeBytes, random)
  const placement = { base: someBase(random, options.wordSize), segments: options.segments, gapBytes: someGap(random) }
  heap.firstBase = placement.base
  return render({ heap, kernel, plans, placement, options })
}

/** Writes the bytes anew, after the heap or its place changed. */
export function render(image: Omit<GeneratedImage, 'bytes'>): GeneratedImage {
  const { heap, kernel, placement, options } = image
  const formatFlag = options.severalBytecodeSets ? 512 : 0
  const header = { specialObjects: kernel.specialObjects, formatFlag, imageVersion: options.imageVersion }
  return { ...image, bytes: imageBytes(heap, placement, header) }
}

/** Where a virtual machine happened to get its memory. */
export function someBase(random: Random, wordSize: WordSize): number {
  if (wordSize === 4) return 0x0300_0000 + random.below(0x1000) * 0x1000
  return 0x5500_0000_0000 + random.below(0x1_0000_0000) * 0x100 + random.below(32) * 8
}

/** Address space between two segments; now and then none. */
export function someGap(random: Random): number {
  return random.below(8) * 0x1_0000
}

function addShapes(heap: Heap, source: ShapeSource, sizeBytes: number): void {
  let bytes = 0
  for (let at = 0; at < heap.orderCount; at++) bytes += heap.bytesOf(heap.order[at]!)
  for (const end = sizeBytes * (1 - HIDDEN_SHARE * 2); bytes < end; ) bytes += heap.bytesOf(heap.add(source.next(heap)))
}

/** Suspended methods: what lies above the stack pointer is left over from calls that returned. */
function addContexts(heap: Heap, count: number, filler: Filler, places: Places): void {
  const shape = { classIndex: CLASS.context, format: FORMAT.mixed, rawBytes: 0 }
  for (let at = 0; at < count; at++) {
    const depth = at % 9
    const id = heap.add({ ...shape, pointers: CONTEXT_SLOTS })
    for (let slot = 0; slot < CONTEXT_SLOTS; slot++) {
      const live = slot < CONTEXT_FIELDS + depth
      const target = filler.target(places.totalBytes - 1, places)
      heap.setSlot(id, slot, live ? target : staleSlot((places.positionOf(target) >> 3) + (slot & 1)))
    }
    heap.setSlot(id, 1, integerSlot(20 + at))
    heap.setSlot(id, 2, integerSlot(depth))
  }
}

function addHidden(heap: Heap, sizeBytes: number, random: Random): void {
  const wide = heap.wordSize === 8
  const format = wide ? FORMAT.longs : FORMAT.words
  const slots = Math.max(32, Math.floor((sizeBytes * HIDDEN_SHARE) / heap.wordSize))
  const used = Math.floor(slots / 3)
  const objects = heap.count
  const remembered = heap.add({ classIndex: CLASS.wordsPun, format, pointers: slots, rawBytes: 0, flags: 128 })
  for (let at = 0; at < slots; at++) {
    heap.setSlot(remembered, at, at < used ? random.below(objects) : at < used * 2 ? staleSlot(at * 7) : rawSlot(0))
  }
  const stackSlots = Math.min(MARK_STACK_SLOTS, slots)
  const classIndex = wide ? CLASS.longsPun : CLASS.wordsPun
  const stack = heap.add({ classIndex, format, pointers: stackSlots, rawBytes: 0 })
  for (let at = 0; at < stackSlots; at++) heap.setSlot(stack, at, rawSlot(at % 16 === 0 ? at : 0))
}
