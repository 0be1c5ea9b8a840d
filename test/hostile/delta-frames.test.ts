/** Deltas in a pack that lie, or are not what they say: refused, and never a wrong byte. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { encodeAndCheck, rebuildAndCheck } from '../../src/beam/image-jobs.ts'
import { cidOf, DAG_PB_CODE, RAW_CODE } from '../../src/stock/cid.ts'
import { decodeDeltaFrame, encodeDeltaFrame, nodesOf } from '../../src/stock/delta-frame.ts'
import { decodeFrameHeader, FRAME_HEADER_BYTES, MAX_DELTA_BYTES } from '../../src/stock/frame.ts'
import { type ImageDeltas, MAX_IMAGE_BYTES } from '../../src/stock/image-deltas.ts'
import { collect, errorCode, temporaryFolder } from '../disk/fixture.ts'
import { seeded } from '../disk/lossy-files.ts'
import { test } from '../harness.ts'
import { imageChain, pushImage, SMALL_EDIT } from '../unit/stock/delta-fixture.ts'
import { stockFor } from '../unit/stock/stock-fixture.ts'

const [BASE, NEXT] = imageChain(4, [SMALL_EDIT]) as [Uint8Array, Uint8Array]

const BASE_ROOT = cidOf(DAG_PB_CODE, Buffer.from('base'))

/** Says that it has checked what it has not. */
class Liar implements ImageDeltas {
  readonly #lie: (delta: Uint8Array) => Uint8Array

  constructor(lie: (delta: Uint8Array) => Uint8Array) {
    this.#lie = lie
  }

  async encode({ base, image }: Parameters<ImageDeltas['encode']>[0]) {
    const encoded = encodeAndCheck({ base, image }, MAX_IMAGE_BYTES)
    return encoded.kind === 'delta' ? { ...encoded, bytes: this.#lie(encoded.bytes) } : encoded
  }

  async rebuild(job: Parameters<ImageDeltas['rebuild']>[0]) {
    return rebuildAndCheck(job)
  }
}

test('a delta that makes other bytes, any bytes at all, or none, is damage, told by a check, and given to nobody', async (t) => {
  const random = seeded(2)
  const lies: Array<(delta: Uint8Array) => Uint8Array> = [
    (delta) => delta.subarray(0, 20),
    () => new Uint8Array(0),
    () => Buffer.from(Array.from({ length: 500 }, () => random() * 256)),
    ...Array.from({ length: 12 }, () => (delta: Uint8Array) => {
      const bad = Buffer.from(delta)
      const at = Math.floor(random() * bad.length)
      bad[at] = bad[at]! ^ (1 + Math.floor(random() * 255))
      return bad
    }),
  ]
  for (const [round, lie] of lies.entries()) {
    const stock = await stockFor(t, await temporaryFolder(t), { images: new Liar(lie) })
    const first = await pushImage(stock, BASE, [])
    const second = await pushImage(stock, NEXT, [first.image])
    assert.is(second.kept.as, 'delta')
    await rm(join(stock.folder, 'rebuilt'), { recursive: true, force: true })
    const leaves = (await collect(stock.blocksOf([second.image]))).filter((cid) => cid.code === RAW_CODE)
    const codes = new Set(await Promise.all(leaves.map((cid) => errorCode(() => stock.get(cid)))))
    const findings = await stock.check()
    // A byte of the delta may not matter: then all of it is as it should be.
    if (codes.has('BlockMismatch')) assert.ok(findings.length > 0, `lie ${round}`)
    else assert.equal([...codes], [undefined], `lie ${round}`)
    assert.ok(
      [...codes].every((code) => code === undefined || code === 'BlockMismatch'),
      [...codes].join(),
    )
    await stock.close()
  }
})

test('a frame is taken only if its leaves make the file that it is for', async () => {
  const digests = Buffer.alloc(96, 1)
  const shape = { sizeBytes: 5000, leafBytes: 2000, digests }
  const { root } = await nodesOf(shape)
  const [header, stored] = encodeDeltaFrame({ root, base: BASE_ROOT, ...shape, delta: Buffer.from('delta') }) as [
    Buffer,
    Buffer,
  ]
  const decode = async (bytes: Uint8Array) => {
    const read = decodeFrameHeader(header)
    return read === undefined ? undefined : decodeDeltaFrame(read, bytes)
  }
  assert.ok((await decode(stored))?.root.equals(root))
  assert.is(header.length, FRAME_HEADER_BYTES)
  const changes = fc.tuple(fc.nat(40 + 96 - 1), fc.integer({ min: 1, max: 255 }))
  await fc.assert(
    fc.asyncProperty(changes, async ([at, bits]) => {
      const bad = Buffer.from(stored)
      bad[at] = bad[at]! ^ bits
      const taken = await decode(bad).catch(() => undefined)
      // The base may be any file: what it makes is checked when it is rebuilt.
      assert.ok(taken === undefined || at < 36)
    }),
    { numRuns: 200, seed: 5 },
  )
  for (const length of [0, 10, 39, 40, 100]) assert.is(await decode(stored.subarray(0, length)), undefined)
})

test('the header of a frame that would not fit in memory is no header', () => {
  const image = { root: BASE_ROOT, base: BASE_ROOT, leafBytes: 2000, digests: Buffer.alloc(96), sizeBytes: 5000 }
  const [header] = encodeDeltaFrame({ ...image, delta: new Uint8Array(0) })
  for (const storedLength of [MAX_DELTA_BYTES, MAX_DELTA_BYTES + 1, 2 ** 32 - 1]) {
    const bytes = Buffer.from(header!)
    bytes.writeUInt32LE(storedLength, 12)
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 56)), 56)
    assert.is(decodeFrameHeader(bytes) === undefined, storedLength > MAX_DELTA_BYTES)
  }
})

test('kinds and formats of a newer program are refused with the advice to update', async () => {
  const image = { root: BASE_ROOT, base: BASE_ROOT, leafBytes: 2000, digests: Buffer.alloc(96), sizeBytes: 5000 }
  const [header] = encodeDeltaFrame({ ...image, delta: new Uint8Array(0) })
  for (const [at, value] of [
    [4, 3],
    [5, 2],
  ] as const) {
    const bytes = Buffer.from(header!)
    bytes[at] = value
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 56)), 56)
    assert.is(await errorCode(() => decodeFrameHeader(bytes)), 'UnknownFormat')
  }
})
