import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { decodeDelta } from '../../../src/spur/decode.ts'
import { type EncodeLimits, encodeDelta } from '../../../src/spur/encode.ts'
import { chainStep } from '../../gen/chain.ts'
import { type Edit, nextImage } from '../../gen/edit.ts'
import { type GeneratedImage, generateImage } from '../../gen/image.ts'
import { test } from '../../harness.ts'

const DATA = join(import.meta.dirname, '../../../../shared/data')
const realImages = existsSync(DATA) ? undefined : 'no real images beside the repository (../shared/data)'
const PROPERTY_RUNS = { numRuns: 40, seed: 20_240_108 }

/** The delta, after a check that it makes `next` of `base` again. */
function deltaOf(base: Uint8Array, next: Uint8Array): Uint8Array {
  const encoding = encodeDelta(base, next)
  if (encoding.kind === 'unfit') throw new Error(encoding.reason)
  assert.ok(Buffer.from(next).equals(decodeDelta(base, encoding.bytes, next.length)), 'not the same bytes')
  return encoding.bytes
}

const wordSizes = fc.constantFrom(8 as const, 4 as const)
const images = fc.record({
  seed: fc.nat(1000),
  sizeBytes: fc.integer({ min: 120_000, max: 300_000 }),
  wordSize: wordSizes,
  segments: fc.integer({ min: 1, max: 4 }),
  severalBytecodeSets: fc.boolean(),
})
const count = (most: number) => fc.option(fc.nat(most), { nil: 0 })
const edits: fc.Arbitrary<Edit> = fc.record({
  seed: fc.nat(1000),
  newObjects: count(300),
  randomBytes: count(3000),
  slideFrom: fc.double({ min: 0, max: 1, noNaN: true }),
  restart: fc.boolean(),
  touchedSlots: count(200),
  droppedObjects: count(200),
  movedObjects: count(100),
  changedClasses: count(20),
  pinnedObjects: count(20),
  pinnedGaps: count(10),
  ranContexts: count(10),
  forwarders: count(20),
  freeChunks: count(20),
  segments: fc.integer({ min: 1, max: 4 }),
})

test('any image is rebuilt byte for byte from any earlier one, whatever happened in between', () => {
  fc.assert(
    fc.property(images, edits, edits, (options, first, second) => {
      const before = generateImage(options)
      const middle = nextImage(before, first)
      const after = nextImage(middle, second)
      const fits = [
        [before.bytes, middle.bytes],
        [middle.bytes, after.bytes],
        [after.bytes, before.bytes],
      ] as const
      for (const [base, next] of fits) deltaOf(base, next)
    }),
    PROPERTY_RUNS,
  )
})

test('unrelated images are rebuilt byte for byte, or are unfit', () => {
  fc.assert(
    fc.property(images, images, (one, other) => {
      const [base, next] = [generateImage(one).bytes, generateImage(other).bytes]
      const encoding = encodeDelta(base, next)
      if (encoding.kind === 'delta') assert.ok(Buffer.from(next).equals(decodeDelta(base, encoding.bytes, next.length)))
    }),
    { ...PROPERTY_RUNS, numRuns: 15 },
  )
})

test('bytes changed anywhere in an image are kept, as long as the heap can be walked', () => {
  const image = generateImage({ seed: 3, sizeBytes: 150_000, segments: 2 })
  const changes = fc.array(fc.tuple(fc.nat(image.bytes.length - 1), fc.nat(255)), { maxLength: 50 })
  fc.assert(
    fc.property(changes, fc.boolean(), (list, changeBase) => {
      const damaged = image.bytes.slice()
      for (const [at, byte] of list) damaged[at] = byte
      const [base, next] = changeBase ? [damaged, image.bytes] : [image.bytes, damaged]
      const encoding = encodeDelta(base, next)
      if (encoding.kind === 'delta') assert.ok(Buffer.from(next).equals(decodeDelta(base, encoding.bytes, next.length)))
    }),
    PROPERTY_RUNS,
  )
})

test('trailing bytes, odd sizes and unaligned buffers come out as they went in', () => {
  const { bytes } = generateImage({ seed: 3, sizeBytes: 120_000 })
  for (let more = 0; more < 20; more++) {
    const buffer = new Uint8Array(bytes.length + more + 1).fill(more)
    buffer.set(bytes, 1)
    deltaOf(bytes, buffer.subarray(1))
    deltaOf(buffer.subarray(1), bytes)
    deltaOf(bytes, Buffer.from(buffer.buffer, 1))
  }
})

test('an image that did not change takes a hundred bytes', () => {
  const { bytes } = generateImage({ seed: 3, sizeBytes: 500_000 })
  assert.ok(deltaOf(bytes, bytes).length <= 100)
})

test('the same input gives the same delta', () => {
  const image = generateImage({ seed: 3, sizeBytes: 200_000 })
  const next = nextImage(image, { seed: 4, newObjects: 50, slideFrom: 0.2 })
  assert.equal(deltaOf(image.bytes, next.bytes), deltaOf(image.bytes, next.bytes))
})

function smallStep(image: GeneratedImage): GeneratedImage {
  return nextImage(image, { seed: 5, newObjects: 100, slideFrom: 0.03, restart: true, touchedSlots: 100 })
}

for (const wordSize of [8, 4] as const) {
  for (const segments of [1, 3]) {
    test(`${wordSize * 8} bit, ${segments} segments: a hundred objects, a slid heap and a new base take 8 KB`, () => {
      const image = generateImage({ seed: 5, sizeBytes: 5_000_000, wordSize, segments })
      const bytes = deltaOf(image.bytes, smallStep(image).bytes).length
      assert.ok(bytes <= 8000, `${bytes} bytes`)
    })
  }
}

test('new objects take no more than they do compressed for themselves', () => {
  const image = generateImage({ seed: 5, sizeBytes: 5_000_000 })
  const next = nextImage(image, { seed: 6, newBytes: 1_000_000, slideFrom: 0.03, restart: true })
  const alone = zstdCompressSync(next.bytes.subarray(next.bytes.length - 950_000)).length
  const bytes = deltaOf(image.bytes, next.bytes).length
  assert.ok(bytes <= alone * 1.2, `${bytes} bytes, ${alone} compressed`)
})

/** Steps of the real chain scaled to a tenth, and what each may take: what the real ones took, in KiB. */
const CHAIN_MOST_KIB = [16, 21, 47, 131, 4133, 8, 2289, 25, 22]

test('along a chain of snapshots no delta is larger than that of the same step in an image ten times as large', () => {
  const sizeBytes = 4_260_000
  let image = generateImage({ seed: 6, sizeBytes })
  for (const [index, mostKib] of CHAIN_MOST_KIB.entries()) {
    const { work, edit } = chainStep(index, sizeBytes)
    const next = nextImage(image, edit)
    const bytes = deltaOf(image.bytes, next.bytes).length
    assert.ok(bytes <= mostKib * 1024, `${work}: ${bytes} bytes`)
    image = next
  }
})

test(
  'a real image after a restart takes 2 KB, after its first start 70 KB',
  () => {
    const [built, saved, restarted] = ['k0-as-built', 'k1-saved', 'k2-saved-after-restart'].map(
      (name) => new Uint8Array(readFileSync(join(DATA, `kernel64/${name}.image`))),
    )
    assert.ok(deltaOf(saved!, restarted!).length <= 2000)
    assert.ok(deltaOf(built!, saved!).length <= 70_000)
    assert.ok(deltaOf(built!, restarted!).length <= 70_000)
    deltaOf(restarted!, built!)
  },
  { skip: realImages },
)

test('what cannot be a delta is unfit, with the reason', () => {
  const { bytes } = generateImage({ seed: 1, sizeBytes: 120_000 })
  const narrow = generateImage({ seed: 1, sizeBytes: 120_000, wordSize: 4 }).bytes
  const reason = (base: Uint8Array, next: Uint8Array, limits?: EncodeLimits) => {
    const encoding = encodeDelta(base, next, limits)
    return encoding.kind === 'unfit' ? encoding.reason : ''
  }
  assert.is(reason(bytes, narrow), 'another word size than the base')
  assert.is(reason(bytes, bytes.subarray(8)), 'not a Spur image')
  assert.is(reason(bytes.subarray(8), bytes), 'the base: not a Spur image')
  assert.is(reason(bytes, bytes, { maxImageBytes: 100_000 }), `an image of ${bytes.length} bytes, above the limit`)
  const grown = nextImage(generateImage({ seed: 1, sizeBytes: 120_000 }), { seed: 2, randomBytes: 500_000 })
  assert.is(reason(bytes, grown.bytes), 'too different from the base')
  const some = nextImage(generateImage({ seed: 1, sizeBytes: 120_000 }), { seed: 2, randomBytes: 5000 })
  assert.is(reason(bytes, some.bytes, { mostLiteralBytes: 6000 }), '')
  assert.is(reason(bytes, some.bytes, { mostLiteralBytes: 4000 }), 'too different from the base')
})
