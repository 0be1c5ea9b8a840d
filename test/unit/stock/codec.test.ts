import { constants, createZstdCompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { GlasError } from '../../../src/glas/errors.ts'
import { CODEC_RAW, CODEC_ZSTD, decodeStored, encodeStored } from '../../../src/stock/codec.ts'
import { decodeFrameHeader } from '../../../src/stock/frame.ts'
import { ByteWindow, Gate } from '../../../src/stock/gate.ts'
import { collect, errorCode } from '../../disk/fixture.ts'
import { test } from '../../harness.ts'
import { someBytes } from './memory-blocks.ts'

test('any bytes come back from their stored form, which is never larger', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), fc.nat(100_000), async (bytes, padding) => {
      const raw = Buffer.concat([bytes, Buffer.alloc(padding)])
      const stored = await encodeStored(raw)
      assert.ok(stored.stored.length <= raw.length)
      assert.ok(Buffer.from(await decodeStored(stored)).equals(raw))
    }),
    { seed: 1 },
  )
})

test('no stored form from elsewhere does more than fail', async () => {
  const good = (await encodeStored(someBytes(5000, 1))).stored
  await fc.assert(
    fc.asyncProperty(
      fc.nat(good.length - 1),
      fc.nat(255),
      fc.nat(6000),
      fc.nat(3),
      async (at, byte, rawLength, codec) => {
        const stored = Buffer.from(good)
        stored[at] = byte
        try {
          assert.is((await decodeStored({ codec, rawLength, stored })).length, rawLength)
        } catch (error) {
          assert.instance(error, GlasError)
        }
      },
    ),
    { seed: 2, numRuns: 500 },
  )
})

test('a stored form that asks for a large window, or unfolds beyond what it says, is refused', async () => {
  // Streamed, so that the frame does not know its size and keeps the window that was asked for.
  const stream = createZstdCompress({ params: { [constants.ZSTD_c_windowLog]: 27 } })
  const collecting = collect(stream as AsyncIterable<Uint8Array>)
  for (let i = 0; i < 20; i++) stream.write(Buffer.alloc(100_000, 'x'))
  stream.end()
  const wide = Buffer.concat(await collecting)
  const asked = { codec: CODEC_ZSTD, rawLength: 2_000_000, stored: wide }
  assert.is(zstdDecompressSync(wide).length, asked.rawLength)
  assert.is(await errorCode(() => decodeStored(asked)), 'BadMessage')
  const bomb = zstdCompressSync(Buffer.alloc(100_000_000))
  assert.is(
    await errorCode(() => decodeStored({ codec: CODEC_ZSTD, rawLength: 2_000_000, stored: bomb })),
    'BadMessage',
  )
  assert.is(
    await errorCode(() => decodeStored({ codec: CODEC_ZSTD, rawLength: 0, stored: bomb.subarray(0, 0) })),
    'BadMessage',
  )
  assert.is(
    await errorCode(() => decodeStored({ codec: CODEC_RAW, rawLength: 5, stored: Buffer.alloc(4) })),
    'BadMessage',
  )
  assert.is(
    await errorCode(() => decodeStored({ codec: CODEC_RAW, rawLength: -1, stored: Buffer.alloc(0) })),
    'LimitExceeded',
  )
})

test('bytes that are no frame header are told as such', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      assert.is(decodeFrameHeader(bytes), undefined)
    }),
    { seed: 3, numRuns: 1000 },
  )
})

test('a gate lets so many through at a time, in order, whether they fail or not', async () => {
  const gate = new Gate(3)
  let running = 0
  let most = 0
  const order: number[] = []
  const jobs = Array.from({ length: 30 }, (_, i) =>
    gate.run(async () => {
      order.push(i)
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
      if (i % 4 === 0) throw new Error('this one fails')
    }),
  )
  assert.is((await Promise.allSettled(jobs)).filter((job) => job.status === 'rejected').length, 8)
  assert.is(most, 3)
  assert.equal(
    order,
    [...order].sort((a, b) => a - b),
  )
})

test('a window of bytes makes its filler wait while it is full, and tells of failures', async () => {
  const window = new ByteWindow(100)
  let flying = 0
  let most = 0
  const work = async () => {
    most = Math.max(most, ++flying)
    await new Promise((resolve) => setImmediate(resolve))
    flying--
  }
  for (let i = 0; i < 50; i++) await window.add(30, work())
  await window.drain()
  assert.ok(most <= 4 && flying === 0)
  await window.add(10, Promise.reject(new Error('lost')))
  assert.match(String(await errorCode(() => window.drain())), 'lost')
})
