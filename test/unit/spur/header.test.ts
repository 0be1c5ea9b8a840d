import { existsSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { isGlasError } from '../../../src/glas/errors.ts'
import {
  describeImage,
  expectedFileBytes,
  isComplete,
  readSpurHeader,
  SPUR_HEAD_BYTES,
} from '../../../src/spur/header.ts'
import { test } from '../../harness.ts'

const DATA = join(import.meta.dirname, '../../../../shared/data')
const realImages = existsSync(DATA) ? undefined : 'no real images beside the repository (../shared/data)'

function headOf(path: string): { head: Uint8Array; sizeBytes: number } {
  const head = new Uint8Array(SPUR_HEAD_BYTES)
  const fd = openSync(path, 'r')
  return { head: head.subarray(0, readSync(fd, head)), sizeBytes: statSync(path).size }
}

/** A header made by hand from the field table, so that the reader is not tested against itself. */
function header64(fields: { format?: number; dataSize?: bigint; firstSegment?: bigint; headerSize?: number } = {}) {
  const view = new DataView(new ArrayBuffer(SPUR_HEAD_BYTES))
  view.setUint32(0, fields.format ?? 68021, true)
  view.setUint32(4, fields.headerSize ?? 128, true)
  view.setBigUint64(8, fields.dataSize ?? 4096n, true)
  view.setBigUint64(16, 0x10000000000n, true)
  view.setBigUint64(24, 0x10000000200n, true)
  view.setUint32(32, 77, true)
  view.setUint32(64, 1 << 20, true)
  view.setUint16(70, 120, true)
  view.setBigUint64(72, fields.firstSegment ?? 4096n, true)
  view.setBigUint64(80, 16n, true)
  return new Uint8Array(view.buffer)
}

function spur(head: Uint8Array) {
  const reading = readSpurHeader(head)
  if (reading.kind !== 'spur') throw new Error(`expected a Spur header, got ${reading.kind}`)
  return reading.header
}

test(
  'reads the header of a real 64-bit image, and finds the file complete',
  () => {
    const { head, sizeBytes } = headOf(join(DATA, 'kernel64/k1-saved.image'))
    const header = spur(head)
    assert.is(header.formatNumber, 68021)
    assert.is(header.wordSizeBytes, 8)
    assert.is(header.headerSizeBytes, 128)
    assert.is(header.dataSizeBytes, 0x2762c8)
    assert.is(header.oldBase, 0x5629264e78e0)
    assert.is(header.firstSegmentBytes, 0x2762c8)
    assert.is(expectedFileBytes(header), sizeBytes)
    assert.ok(isComplete(header, sizeBytes))
  },
  { skip: realImages },
)

test(
  'reads the header of a real 32-bit image',
  () => {
    const { head, sizeBytes } = headOf(join(DATA, 'kernel32/headless.image'))
    const header = spur(head)
    assert.is(header.formatNumber, 6521)
    assert.is(header.wordSizeBytes, 4)
    assert.is(header.oldBase, 0x03204000)
    assert.is(header.specialObjectsOop, 0x03224618)
    assert.ok(isComplete(header, sizeBytes))
    assert.equal(describeImage(head).format, { number: 6521, wordSizeBytes: 4, imageVersion: 0 })
  },
  { skip: realImages },
)

test('a file one byte short of its header plus data is incomplete; trailing bytes do no harm', () => {
  const header = spur(header64())
  assert.not.ok(isComplete(header, 128 + 4095))
  assert.ok(isComplete(header, 128 + 4096))
  assert.ok(isComplete(header, 128 + 4096 + 700))
})

test('reads every field of a 64-bit header, with several bytecode sets too', () => {
  const header = spur(header64({ format: 68533 }))
  assert.equal(header, {
    formatNumber: 68533,
    wordSizeBytes: 8,
    multipleBytecodeSets: true,
    offsetBytes: 0,
    headerSizeBytes: 128,
    dataSizeBytes: 4096,
    oldBase: 0x10000000000,
    specialObjectsOop: 0x10000000200,
    lastHash: 77,
    flags: 0,
    edenBytes: 1 << 20,
    imageVersion: 120,
    firstSegmentBytes: 4096,
    freeBytes: 16,
  })
})

test('finds a header after a 512-byte prefix', () => {
  const head = new Uint8Array(SPUR_HEAD_BYTES)
  head.set(header64().subarray(0, 128), 512)
  const header = spur(head)
  assert.is(header.offsetBytes, 512)
  assert.is(expectedFileBytes(header), 512 + 128 + 4096)
})

test('an older object format and a foreign byte order are told apart from what is no image', () => {
  const first = (number: number, littleEndian = true) => {
    const view = new DataView(new ArrayBuffer(1024))
    view.setUint32(0, number, littleEndian)
    return readSpurHeader(new Uint8Array(view.buffer))
  }
  assert.equal(first(6505), { kind: 'other', formatNumber: 6505, reason: 'before Spur' })
  assert.equal(first(68019), { kind: 'other', formatNumber: 68019, reason: 'before Spur' })
  assert.equal(first(68021, false), { kind: 'other', formatNumber: 68021, reason: 'foreign byte order' })
  assert.equal(first(0x464c457f), { kind: 'unknown' })
  assert.equal(readSpurHeader(new Uint8Array(0)), { kind: 'unknown' })
  assert.equal(describeImage(new Uint8Array(3)), { format: null, expectedBytes: null })
})

test('a header that contradicts itself is BadImage', () => {
  const bad = [
    header64().subarray(0, 100),
    header64({ headerSize: 64 }),
    header64({ dataSize: 0n }),
    header64({ dataSize: 2n ** 60n }),
    header64({ dataSize: 4095n }),
    header64({ firstSegment: 8192n }),
    header64({ firstSegment: 0n }),
  ]
  for (const head of bad) {
    assert.throws(
      () => readSpurHeader(head),
      (error: unknown) => isGlasError(error, 'BadImage'),
    )
  }
})

test('any bytes give a reading or BadImage, never another failure', () => {
  const start = fc.constantFrom(6521, 7033, 68021, 68533, 6505, 0)
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 1200 }), (number, bytes) => {
      if (bytes.length >= 4) new DataView(bytes.buffer).setUint32(0, number, true)
      try {
        readSpurHeader(bytes)
      } catch (error) {
        assert.ok(isGlasError(error, 'BadImage'), String(error))
      }
    }),
    { numRuns: 500, seed: 20240517 },
  )
})
