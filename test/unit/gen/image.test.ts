/** The generator of images is itself input to other tests: here it is held against an independent reader. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { constants, zstdCompressSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import { chainStep } from '../../gen/chain.ts'
import { type Edit, nextImage } from '../../gen/edit.ts'
import { FORMAT } from '../../gen/heap.ts'
import { generateImage } from '../../gen/image.ts'
import { test } from '../../harness.ts'
import { type WalkedImage, walkImage } from './walk.ts'

const DATA = join(import.meta.dirname, '../../../../shared/data')
const realImages = existsSync(DATA) ? undefined : 'no real images beside the repository (../shared/data)'

const KINDS = [
  { wordSize: 8, segments: 1 },
  { wordSize: 4, segments: 1 },
  { wordSize: 8, segments: 3 },
  { wordSize: 4, segments: 4 },
] as const

const EVERYTHING: Omit<Edit, 'seed'> = {
  newObjects: 500,
  slideFrom: 0.1,
  restart: true,
  touchedSlots: 100,
  droppedObjects: 50,
  movedObjects: 20,
  changedClasses: 5,
  pinnedObjects: 5,
  pinnedGaps: 3,
  ranContexts: 3,
  forwarders: 10,
  freeChunks: 30,
  randomBytes: 5000,
}

/** Pointer slots that are no immediate and do not lead to an object; contexts above their stack pointer left out. */
function wildPointers(image: WalkedImage): number {
  const oops = new Set(image.objects.map((object) => object.oop))
  let wild = 0
  for (const { format, slots, offset, classIndex } of image.objects) {
    if (format > 7 || classIndex === 0) continue
    const live =
      classIndex === 36
        ? 6 + Math.floor(image.word(offset + 8 + 2 * image.wordSize) / 2 ** (image.wordSize === 8 ? 3 : 1))
        : slots
    for (let at = 0; at < Math.min(live, slots); at++) {
      const word = image.word(offset + 8 + at * image.wordSize)
      const isImmediate = word % (image.wordSize === 8 ? 8 : 4) !== 0
      if (!isImmediate && !oops.has(word)) wild++
    }
  }
  return wild
}

for (const kind of KINDS) {
  const name = `${kind.wordSize * 8} bit, ${kind.segments} segments`
  test(`${name}: the heap ends at its bridge, every pointer leads to an object, the size is as asked`, () => {
    const image = generateImage({ seed: 7, sizeBytes: 700_000, ...kind })
    const walked = walkImage(image.bytes)
    assert.is(walked.segments, kind.segments)
    assert.is(walked.objects.length, image.heap.orderCount)
    assert.is(wildPointers(walked), 0)
    assert.ok(Math.abs(image.bytes.length - 700_000) < 40_000, `${image.bytes.length} bytes`)
  })

  test(`${name}: after every kind of edit the next snapshots are valid too, and the one before is untouched`, () => {
    let image = generateImage({ seed: 8, sizeBytes: 400_000, ...kind })
    for (let at = 0; at < 5; at++) {
      const before = Buffer.from(image.bytes)
      const next = nextImage(image, { ...EVERYTHING, seed: at })
      assert.is(wildPointers(walkImage(next.bytes)), 0)
      assert.ok(before.equals(image.bytes))
      assert.not.ok(before.equals(next.bytes))
      image = next
    }
  })
}

test('what lies in front of a pinned object dies without letting it slide, and leaves a free chunk for one snapshot', () => {
  const before = nextImage(generateImage({ seed: 3, sizeBytes: 300_000 }), { seed: 1, pinnedObjects: 40 })
  const after = nextImage(before, { seed: 2, pinnedGaps: 10 })
  const [old, now] = [walkImage(before.bytes), walkImage(after.bytes)]
  const free = now.objects.filter(({ classIndex }) => classIndex === 0)
  assert.is(free.length, 10)
  assert.equal(
    now.objects.map(({ oop, slots }) => [oop, slots]),
    old.objects.map(({ oop, slots }) => [oop, slots]),
  )
  assert.is(walkImage(nextImage(after, { seed: 3 }).bytes).objects.length, old.objects.length - 10)
})

test('the class table leads from the header to classes that carry their index as hash, and to their names', () => {
  const { bytes, plans } = generateImage({ seed: 3, sizeBytes: 400_000 })
  const image = walkImage(bytes)
  const at = new Map(image.objects.map((object) => [object.oop, object]))
  const slot = (oop: number, index: number) => image.word(at.get(oop)!.offset + 8 + index * 8)
  const roots = image.objects[4]!
  for (const { index, name } of plans) {
    const page = slot(roots.oop, index >> 10)
    const found = at.get(slot(page, index & 1023))!
    assert.is(found.hash, index)
    const symbol = at.get(slot(found.oop, 6))!
    const length = symbol.slots * 8 - (symbol.format & 7)
    assert.is(Buffer.from(bytes.subarray(symbol.offset + 8, symbol.offset + 8 + length)).toString(), name)
  }
  assert.is(at.get(image.specialObjects)?.slots, 60)
})

test('the same seed gives the same bytes, another one other bytes', () => {
  const make = (seed: number) => nextImage(generateImage({ seed, sizeBytes: 300_000 }), { ...EVERYTHING, seed }).bytes
  assert.ok(Buffer.from(make(1)).equals(make(1)))
  assert.not.ok(Buffer.from(make(1)).equals(make(2)))
})

test('random bytes are random: they do not compress', () => {
  const image = generateImage({ seed: 1, sizeBytes: 200_000 })
  const next = nextImage(image, { seed: 2, randomBytes: 100_000 })
  const grown = zstdCompressSync(next.bytes).length - zstdCompressSync(image.bytes).length
  assert.ok(grown > 100_000, `${grown} bytes more`)
})

const within = (value: number, least: number, most: number, what: string) =>
  assert.ok(value >= least && value <= most, `${what} is ${value}, not between ${least} and ${most}`)

test('a heap of 20 MB is made of what a real one is made of', () => {
  const { heap, bytes } = generateImage({ seed: 5, sizeBytes: 20_000_000 })
  const share = { pointers: 0, nil: 0, immediates: 0, words: 0, hashed: 0, method: 0, bytes: 0, fixed: 0 }
  for (let id = 0; id < heap.count; id++) {
    share.words += Math.max(1, heap.slotsOf(id))
    if (heap.hash[id] !== 0) share.hashed++
    if (heap.format[id] === FORMAT.method) share.method++
    if (heap.format[id] === FORMAT.bytes) share.bytes++
    if (heap.format[id] === FORMAT.fixed) share.fixed++
    for (let at = 0; at < heap.pointers[id]!; at++) {
      const slot = heap.slot(id, at)
      if (slot < 0) share.immediates++
      else share.pointers++
      if (slot === 0) share.nil++
    }
  }
  within(bytes.length / heap.count, 60, 85, 'bytes per object')
  within(share.pointers / share.words, 0.66, 0.78, 'share of pointers')
  within(share.nil / share.pointers, 0.3, 0.42, 'share of nil')
  within(share.immediates / share.words, 0.08, 0.13, 'share of immediates')
  within(share.hashed / heap.count, 0.28, 0.36, 'share of objects with a hash')
  within(share.method / heap.count, 0.13, 0.19, 'share of methods')
  within(share.bytes / heap.count, 0.13, 0.19, 'share of byte objects')
  within(share.fixed / heap.count, 0.39, 0.47, 'share of objects with fixed fields')
  const level = { params: { [constants.ZSTD_c_compressionLevel]: 3 } }
  within(zstdCompressSync(bytes, level).length / bytes.length, 0.17, 0.27, 'compressed share')
})

/** Shares of equal words (8 bytes) and 4 KiB pages at the same offset. */
function equality(a: Uint8Array, b: Uint8Array): { words: number; pages: number } {
  const [one, two] = [new Float64Array(a.buffer), new Float64Array(b.buffer)].map((x) => new Uint32Array(x.buffer))
  const length = Math.min(one!.length, two!.length) & ~1023
  let words = 0
  let pages = 0
  for (let page = 0; page < length; page += 1024) {
    let equal = 0
    for (let at = page; at < page + 1024; at += 2) if (one![at] === two![at] && one![at + 1] === two![at + 1]) equal++
    words += equal
    if (equal === 512) pages++
  }
  return { words: words / (length / 2), pages: pages / (length / 1024) }
}

/** Equal words and pages in per cent, the least and the most, around those of the steps of a real chain. */
const REAL_EQUALITY = [
  { words: [18, 42], pages: [1, 8] },
  { words: [97, 100], pages: [80, 99] },
  { words: [97, 100], pages: [80, 99] },
  { words: [12, 42], pages: [3, 10] },
  { words: [97, 100], pages: [85, 99] },
  { words: [97, 100], pages: [90, 100] },
  { words: [8, 42], pages: [0, 5] },
  { words: [18, 38], pages: [0, 10] },
  { words: [18, 38], pages: [0, 10] },
] as const

test('a chain of snapshots keeps as many words and pages in place as the real one', () => {
  const sizeBytes = 8_000_000
  let image = generateImage({ seed: 6, sizeBytes })
  REAL_EQUALITY.forEach(({ words, pages }, index) => {
    const { work, edit } = chainStep(index, sizeBytes)
    const next = nextImage(image, edit)
    const equal = equality(image.bytes, next.bytes)
    within(equal.words * 100, words[0], words[1], `${work}: equal words in per cent`)
    within(equal.pages * 100, pages[0], pages[1], `${work}: equal pages in per cent`)
    image = next
  })
})

test(
  'the walk that checks the generator also walks real images to their end',
  () => {
    const files = ['kernel64/k0-as-built', 'kernel64/k1-saved', 'kernel64/k2-saved-after-restart', 'kernel32/headless']
    const counts = files.map(
      (file) => walkImage(new Uint8Array(readFileSync(join(DATA, `${file}.image`)))).objects.length,
    )
    assert.equal(counts, [29_904, 30_679, 30_679, 2493])
  },
  { skip: realImages },
)
