/** Which kinds of objects a heap is made of: the statistics of a real Pharo 8 image of 42 MB and 577,997 objects. */

import { FORMAT, type Heap, type ObjectShape } from './heap.ts'
import { CLASS, type ClassPlan, FIRST_ORDINARY_CLASS, KNOWN_CLASSES } from './kernel.ts'
import type { Random } from './random.ts'
import { classNameOf } from './text.ts'

interface SizeClass {
  least: number
  most: number
  /** The share of the way from `least` to `most` is a random number between 0 and 1 to this power. */
  skew: number
}

const SIZES: readonly SizeClass[] = [
  { least: 1, most: 2, skew: 0.25 },
  { least: 3, most: 4, skew: 1 },
  { least: 5, most: 8, skew: 1.3 },
  { least: 9, most: 16, skew: 2 },
  { least: 17, most: 64, skew: 2.2 },
  { least: 65, most: 1024, skew: 11 },
  { least: 1025, most: 31_000, skew: 1.4 },
]

/** Thousands of objects of each format and size class. */
const MIX: readonly [format: number, counts: readonly number[]][] = [
  [FORMAT.fixed, [132, 55, 55, 7.5, 0.5, 0, 0]],
  [FORMAT.array, [33, 22, 22, 13, 17, 4.8, 0.032]],
  [FORMAT.mixed, [3, 4, 12, 10, 4.6, 0.5, 0]],
  [FORMAT.weak, [0, 0, 0.1, 0.1, 0, 0.01, 0]],
  [FORMAT.empty, [0.99, 0, 0, 0, 0, 0, 0]],
  [FORMAT.bytes, [66, 14, 5.2, 2.5, 2.2, 1.0, 0.014]],
  [FORMAT.words, [0.05, 0, 0, 0, 0.05, 0, 0.008]],
  [FORMAT.method, [18, 14, 36.5, 10.8, 12.8, 0.7, 0]],
]

const HASHED_SHARE = 0.32
/** How often an object of the last one's class and size follows. */
const REPEAT_SHARE = 0.25
const ORDINARY_CLASS_BYTES = 13_000
const FEWEST_ORDINARY_CLASSES = 40
const FIELDS_OF_CLASSES = [1, 2, 2, 2, 3, 4, 3, 5, 6, 7, 8, 10, 13, 20] as const

/** Classes for an image of this size: the known ones, then ordinary ones with names and a number of fields. */
export function planClasses(random: Random, sizeBytes: number): ClassPlan[] {
  const plans = [...KNOWN_CLASSES]
  const count = Math.max(FEWEST_ORDINARY_CLASSES, Math.floor(sizeBytes / ORDINARY_CLASS_BYTES))
  for (let at = 0; at < count; at++) {
    const index = FIRST_ORDINARY_CLASS + at * 2
    const format = at % 10 < 7 ? FORMAT.fixed : at % 10 < 9 ? FORMAT.mixed : FORMAT.weak
    const fields = FIELDS_OF_CLASSES[at % FIELDS_OF_CLASSES.length]!
    plans.push({ index, name: classNameOf(random), format, fields })
  }
  return plans
}

/** Draws the shapes of objects as they come in a real heap: neighbours are often of one class. */
export class ShapeSource {
  readonly #random: Random
  readonly #wordSize: number
  readonly #ladder: number[] = []
  readonly #kinds: { format: number; size: SizeClass }[] = []
  readonly #fixedByFields = new Map<number, number[]>()
  readonly #mixed: number[] = []
  readonly #mostSlots: number
  #last: ObjectShape | undefined

  /** `sizeBytes` is that of the heap: in a small one no single object takes more than a part of it. */
  constructor(random: Random, plans: readonly ClassPlan[], heap: Heap, sizeBytes: number) {
    this.#random = random
    this.#wordSize = heap.wordSize
    this.#mostSlots = Math.max(300, sizeBytes / heap.wordSize / 32)
    let sum = 0
    for (const [format, counts] of MIX) {
      counts.forEach((count, at) => {
        if (count === 0) return
        sum += count
        this.#ladder.push(sum)
        this.#kinds.push({ format, size: SIZES[at]! })
      })
    }
    for (const plan of plans) {
      if (plan.index < FIRST_ORDINARY_CLASS) continue
      if (plan.format === FORMAT.mixed) this.#mixed.push(plan.index)
      if (plan.format !== FORMAT.fixed) continue
      const list = this.#fixedByFields.get(plan.fields) ?? []
      list.push(plan.index)
      this.#fixedByFields.set(plan.fields, list)
    }
  }

  next(heap: Heap): ObjectShape {
    const random = this.#random
    const last = this.#last
    if (last !== undefined && random.chance(REPEAT_SHARE)) {
      return { ...last, hash: random.chance(HASHED_SHARE) ? heap.nextHash() : 0 }
    }
    const draw = (random.next() / 2 ** 32) * this.#ladder.at(-1)!
    const { format, size } = this.#kinds[this.#ladder.findIndex((sum) => draw < sum)]!
    const share = (random.next() / 2 ** 32) ** size.skew
    const drawn = size.least + Math.floor(share * (size.most - size.least + 1))
    const slots = Math.min(drawn, size.most, Math.floor(this.#mostSlots))
    const shape = this.#shapeOf(format, slots)
    if (random.chance(HASHED_SHARE)) shape.hash = heap.nextHash()
    this.#last = slots < 65 ? shape : undefined
    return shape
  }

  #shapeOf(format: number, slots: number): ObjectShape {
    const random = this.#random
    const word = this.#wordSize
    if (format === FORMAT.bytes) {
      const classIndex = random.chance(0.55)
        ? CLASS.byteString
        : random.chance(0.8)
          ? CLASS.byteSymbol
          : CLASS.byteArray
      return { classIndex, format, pointers: 0, rawBytes: slots * word - random.below(Math.min(word, 8)) }
    }
    if (format === FORMAT.words) return { classIndex: CLASS.bitmap, format, pointers: 0, rawBytes: slots * 4 }
    if (format === FORMAT.method) {
      const pointers = 1 + Math.floor((slots - 1) * 0.75)
      const rawBytes = Math.max(1, slots - pointers) * word - random.below(word)
      return { classIndex: CLASS.compiledMethod, format, pointers, rawBytes }
    }
    if (format === FORMAT.fixed) {
      const classes = this.#fixedByFields.get(slots) ?? this.#fixedByFields.get(2)!
      const pointers = this.#fixedByFields.has(slots) ? slots : 2
      return { classIndex: random.pick(classes), format, pointers, rawBytes: 0 }
    }
    const pointers = format === FORMAT.empty ? 0 : slots
    if (format === FORMAT.array) return { classIndex: CLASS.array, format, pointers, rawBytes: 0 }
    return { classIndex: random.pick(this.#mixed), format, pointers, rawBytes: 0 }
  }
}
