import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { readHeap, type SpurHeap, UNIT_WORDS } from '../../../src/spur/heap.ts'
import { PieceFinder } from '../../../src/spur/pieces.ts'
import { Segments, UNIT_BYTES } from '../../../src/spur/segments.ts'
import { nextImage } from '../../gen/edit.ts'
import { generateImage } from '../../gen/image.ts'
import { test } from '../../harness.ts'
import { walkImage } from '../gen/walk.ts'

const DATA = join(import.meta.dirname, '../../../../shared/data')
const realImages = existsSync(DATA) ? undefined : 'no real images beside the repository (../shared/data)'

function heapOf(bytes: Uint8Array): SpurHeap {
  const reading = readHeap(bytes)
  if (reading.kind === 'unfit') throw new Error(reading.reason)
  return reading.heap
}

function reasonOf(bytes: Uint8Array): string {
  const reading = readHeap(bytes)
  return reading.kind === 'unfit' ? reading.reason : ''
}

/** Objects as the independent walk sees them, and as the heap does. */
function assertSameObjects(bytes: Uint8Array): void {
  const walked = walkImage(bytes)
  const heap = heapOf(bytes)
  const pieces = Array.from({ length: heap.count }, (_, piece) => piece).filter((piece) => heap.isObject[piece] === 1)
  assert.is(pieces.length, walked.objects.length)
  assert.is(heap.segments.list.length, walked.segments)
  for (const [at, object] of walked.objects.entries()) {
    const piece = pieces[at]!
    assert.is(heap.headers[piece]! * UNIT_BYTES, object.offset)
    assert.is((heap.starts[piece + 1]! - heap.starts[piece]!) * UNIT_BYTES, object.bytes)
    assert.is(heap.segments.addressOf(heap.headers[piece]!), object.oop)
    assert.is(heap.segments.unitAt(object.oop), heap.headers[piece])
  }
}

for (const wordSize of [8, 4] as const) {
  for (const segments of [1, 4]) {
    test(`walks ${wordSize * 8} bit, ${segments} segments, with free chunks, as an independent reader does`, () => {
      const image = generateImage({ seed: 2, sizeBytes: 200_000, wordSize, segments, severalBytecodeSets: true })
      assertSameObjects(image.bytes)
      assertSameObjects(nextImage(image, { seed: 3, freeChunks: 20, forwarders: 5, newObjects: 100 }).bytes)
    })
  }
}

test('the pieces of a file have no gap, and each is found by its header and by nothing else', () => {
  const heap = heapOf(generateImage({ seed: 2, sizeBytes: 150_000, segments: 2 }).bytes)
  const finder = new PieceFinder(heap)
  const headers = new Map<number, number>()
  for (let piece = 0; piece < heap.count; piece++) {
    assert.ok(heap.starts[piece]! < heap.starts[piece + 1]!)
    headers.set(heap.headers[piece]!, piece)
  }
  assert.is(heap.starts[0], 0)
  assert.is(heap.starts[heap.count], heap.units)
  for (let unit = 0; unit < heap.units; unit++) assert.is(finder.at(unit), headers.get(unit) ?? -1)
})

test(
  'real images are walked to their end, as an independent reader does',
  () => {
    for (const file of ['kernel64/k0-as-built', 'kernel64/k1-saved', 'kernel32/headless']) {
      assertSameObjects(new Uint8Array(readFileSync(join(DATA, `${file}.image`))))
    }
  },
  { skip: realImages },
)

test('bytes that do not lie on a multiple of 4 are read all the same', () => {
  const { bytes } = generateImage({ seed: 2, sizeBytes: 100_000 })
  const shifted = new Uint8Array(bytes.length + 1)
  shifted.set(bytes, 1)
  assert.equal(heapOf(shifted.subarray(1)).starts, heapOf(bytes).starts)
})

test('what follows the heap is one more piece', () => {
  const { bytes } = generateImage({ seed: 2, sizeBytes: 100_000 })
  const longer = new Uint8Array(bytes.length + 21)
  longer.set(bytes)
  const [heap, plain] = [heapOf(longer), heapOf(bytes)]
  assert.is(heap.count, plain.count + 1)
  assert.is(heap.starts[heap.count - 1]! * UNIT_BYTES, bytes.length)
})

test('what is no whole Spur image is unfit, with the reason', () => {
  const { bytes } = generateImage({ seed: 2, sizeBytes: 100_000 })
  assert.is(reasonOf(new Uint8Array(0)), 'not a Spur image')
  assert.is(reasonOf(new TextEncoder().encode('no image at all')), 'not a Spur image')
  assert.is(reasonOf(bytes.subarray(0, bytes.length - 8)), 'a segment that ends behind the file')
  assert.is(reasonOf(bytes.subarray(0, 60)), 'a damaged header')
  const prefixed = new Uint8Array(bytes.length + 512)
  prefixed.set(bytes, 512)
  assert.is(reasonOf(prefixed), 'a prefix before the header')
})

/** A copy with one 32-bit word changed. */
function changed(bytes: Uint8Array, word: number, value: number): Uint8Array {
  const copy = bytes.slice()
  new Uint32Array(copy.buffer)[word] = value
  return copy
}

test('a heap that lies is unfit: sizes that do not lead to the bridge, bridges that lead nowhere', () => {
  const { bytes } = generateImage({ seed: 2, sizeBytes: 200_000, segments: 2 })
  const heap = heapOf(bytes)
  const oneSlotMore = 1 << 24
  const lastObject = heap.headers[heap.count - 2]! * UNIT_WORDS + 1
  assert.is(
    reasonOf(changed(bytes, lastObject, heap.words[lastObject]! + oneSlotMore)),
    'objects that do not end at the bridge of their segment',
  )
  const bridge = (heap.segments.list[0]!.firstUnit + heap.segments.list[0]!.units) * UNIT_WORDS - 4
  assert.is(reasonOf(changed(bytes, bridge + 2, 0)), 'segments that do not add up')
  assert.is(reasonOf(changed(bytes, bridge + 2, 12)), 'a segment of odd size')
  assert.is(reasonOf(changed(bytes, bridge + 2, 16)), 'a segment that ends behind the file')
  assert.is(reasonOf(changed(bytes, bridge + 3, 0x7fff_ffff)), 'a segment that ends behind the file')
  const wrapped = changed(changed(bytes, bridge, 0xffff_ffff), bridge + 1, 0xffff_ffff)
  assert.is(reasonOf(wrapped), 'a segment at an impossible address')
})

test('addresses between segments and units outside of them lead nowhere', () => {
  const segments = new Segments([
    { firstUnit: 16, units: 10, address: 8000 },
    { firstUnit: 26, units: 5, address: 1000 },
  ])
  assert.equal(
    [7992, 8000, 8072, 8080, 1000, 1032, 1040, 992].map((address) => segments.unitAt(address)),
    [-1, 16, 25, -1, 26, 30, -1, -1],
  )
  assert.equal(
    [15, 16, 25, 26, 30, 31].map((unit) => segments.addressOf(unit)),
    [-1, 8000, 8072, 1000, 1032, -1],
  )
})
