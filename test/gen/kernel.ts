/**
 * The fixed start of a heap: nil, false, true, free lists, hidden roots, class table, special objects and the classes
 * themselves, shaped as in Pharo 8 (class with its name in slot 6, metaclass with thisClass in slot 5).
 */
import { FORMAT, type Heap, integerSlot, rawSlot } from './heap.ts'
import type { Random } from './random.ts'
import { classNameOf } from './text.ts'

export const CLASS = {
  free: 0,
  forwarder: 8,
  arrayPun: 16,
  wordsPun: 18,
  longsPun: 19,
  context: 36,
  byteArray: 50,
  array: 51,
  byteString: 52,
  bitmap: 53,
  byteSymbol: 1024,
  metaclass: 1026,
  compiledMethod: 1028,
  undefinedObject: 1030,
  false: 1032,
  true: 1034,
} as const

/** nil, false, true, free lists and hidden roots never move. */
export const FIXED_START = 5
/** Indices from here on are ordinary classes, each followed by its metaclass. */
export const FIRST_ORDINARY_CLASS = 1100
const PAGE_SLOTS = 1024
const ROOT_SLOTS = 4096 + 8
const SPECIAL_SLOTS = 60

export interface ClassPlan {
  index: number
  name: string
  /** Base format of the instances. */
  format: number
  /** Named fields of the instances. */
  fields: number
}

export interface Kernel {
  freeLists: number
  specialObjects: number
  /** Object number of each class, in the order of the plans. */
  classes: number[]
  /** Objects from this number on are not part of the kernel: they may die. */
  firstOrdinary: number
}

const known = (index: number, name: string, format: number, fields = 0): ClassPlan => ({ index, name, format, fields })

export const KNOWN_CLASSES: readonly ClassPlan[] = [
  known(1, 'SmallInteger', FORMAT.empty),
  known(2, 'Character', FORMAT.empty),
  known(4, 'SmallFloat64', FORMAT.empty),
  known(32, 'LargeNegativeInteger', FORMAT.bytes),
  known(33, 'LargePositiveInteger', FORMAT.bytes),
  known(34, 'BoxedFloat64', FORMAT.words),
  known(35, 'Message', FORMAT.fixed, 3),
  known(CLASS.context, 'Context', FORMAT.mixed, 6),
  known(38, 'FullBlockClosure', FORMAT.mixed, 4),
  known(CLASS.byteArray, 'ByteArray', FORMAT.bytes),
  known(CLASS.array, 'Array', FORMAT.array),
  known(CLASS.byteString, 'ByteString', FORMAT.bytes),
  known(CLASS.bitmap, 'Bitmap', FORMAT.words),
  known(CLASS.byteSymbol, 'ByteSymbol', FORMAT.bytes),
  known(CLASS.metaclass, 'Metaclass', FORMAT.fixed, 6),
  known(CLASS.compiledMethod, 'CompiledMethod', FORMAT.method),
  known(CLASS.undefinedObject, 'UndefinedObject', FORMAT.empty),
  known(CLASS.false, 'False', FORMAT.empty),
  known(CLASS.true, 'True', FORMAT.empty),
]

/** Special objects: index in the array -> class found there. */
const SPECIAL_CLASSES: readonly [number, number][] = [
  [4, CLASS.bitmap],
  [5, 1],
  [6, CLASS.byteString],
  [7, CLASS.array],
  [9, 34],
  [10, CLASS.context],
  [13, 33],
  [15, 35],
  [16, CLASS.compiledMethod],
  [19, 2],
  [26, CLASS.byteArray],
  [42, 32],
]

export function addKernel(heap: Heap, plans: readonly ClassPlan[], random: Random): Kernel {
  for (const classIndex of [CLASS.undefinedObject, CLASS.false, CLASS.true]) {
    heap.add({ classIndex, format: FORMAT.empty, pointers: 0, rawBytes: 0 })
  }
  const wide = heap.wordSize === 8
  const listCount = wide ? 64 : 32
  const listFormat = wide ? FORMAT.longs : FORMAT.words
  const listClass = wide ? CLASS.longsPun : CLASS.wordsPun
  const freeLists = heap.add({ classIndex: listClass, format: listFormat, pointers: listCount, rawBytes: 0 })
  for (let at = 0; at < listCount; at++) heap.setSlot(freeLists, at, rawSlot(0))
  const roots = heap.add({ classIndex: CLASS.arrayPun, format: FORMAT.array, pointers: ROOT_SLOTS, rawBytes: 0 })
  const pages = addPages(heap, roots, Math.max(...plans.map((plan) => plan.index)) + 1)
  const shape = { classIndex: CLASS.array, format: FORMAT.array, rawBytes: 0 }
  const specialObjects = heap.add({ ...shape, pointers: SPECIAL_SLOTS, hash: heap.nextHash() })
  const classes = addClasses(heap, plans, pages)
  fillSpecialObjects(heap, specialObjects, pages, random)
  return { freeLists, specialObjects, classes, firstOrdinary: heap.count }
}

function addPages(heap: Heap, roots: number, lastIndex: number): number[] {
  const pages: number[] = []
  for (let at = 0; at * PAGE_SLOTS <= lastIndex; at++) {
    const page = heap.add({ classIndex: CLASS.arrayPun, format: FORMAT.array, pointers: PAGE_SLOTS, rawBytes: 0 })
    heap.setSlot(roots, at, page)
    pages.push(page)
  }
  return pages
}

function addSymbol(heap: Heap, text: string): number {
  const hash = heap.nextHash()
  const shape = { classIndex: CLASS.byteSymbol, format: FORMAT.bytes, pointers: 0, rawBytes: text.length, hash }
  const symbol = heap.add(shape)
  heap.setText(symbol, text)
  return symbol
}

/** A class at its index and, for the ones from 1024 up, its metaclass right behind. */
function addClasses(heap: Heap, plans: readonly ClassPlan[], pages: number[]): number[] {
  let parent = 0
  return plans.map((plan) => {
    const ordinary = plan.index >= PAGE_SLOTS
    const metaIndex = ordinary ? plan.index + 1 : CLASS.metaclass
    const shape = { format: FORMAT.fixed, rawBytes: 0 }
    const id = heap.add({ ...shape, classIndex: metaIndex, pointers: 11, hash: plan.index })
    heap.setSlot(pages[plan.index >> 10]!, plan.index & (PAGE_SLOTS - 1), id)
    const classFormat = integerSlot(plan.fields | (plan.format << 16))
    heap.setSlot(id, 0, parent)
    heap.setSlot(id, 2, classFormat)
    if (ordinary) {
      const meta = heap.add({ ...shape, classIndex: CLASS.metaclass, pointers: 6, hash: metaIndex })
      heap.setSlot(pages[metaIndex >> 10]!, metaIndex & (PAGE_SLOTS - 1), meta)
      heap.setSlot(meta, 2, integerSlot(11 | (FORMAT.fixed << 16)))
      heap.setSlot(meta, 5, id)
    }
    heap.setSlot(id, 6, addSymbol(heap, plan.name))
    if (plan.index % 5 === 0) parent = id
    return id
  })
}

function fillSpecialObjects(heap: Heap, specialObjects: number, pages: number[], random: Random): void {
  heap.setSlot(specialObjects, 1, 1)
  heap.setSlot(specialObjects, 2, 2)
  for (const [at, classIndex] of SPECIAL_CLASSES) {
    heap.setSlot(specialObjects, at, heap.slot(pages[classIndex >> 10]!, classIndex & (PAGE_SLOTS - 1)))
  }
  const selectors = heap.add({ classIndex: CLASS.array, format: FORMAT.array, pointers: 64, rawBytes: 0 })
  heap.setSlot(specialObjects, 23, selectors)
  for (let at = 0; at < 64; at += 2) {
    heap.setSlot(selectors, at, addSymbol(heap, at === 0 ? '+' : `${classNameOf(random)}:`))
    heap.setSlot(selectors, at + 1, integerSlot(1))
  }
}
