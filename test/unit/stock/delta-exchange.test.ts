/** Deltas that go from one stock to another. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { IN_MEMORY } from '../../../src/stock/catalogue.ts'
import { RAW_CODE } from '../../../src/stock/cid.ts'
import type { ImageDelta } from '../../../src/stock/delta-frame.ts'
import { openStock, type StockOptions } from '../../../src/stock/open.ts'
import type { Stock } from '../../../src/stock/stock.ts'
import { collect, errorCode, temporaryFolder } from '../../disk/fixture.ts'
import { LossyFiles, PowerOff, seeded } from '../../disk/lossy-files.ts'
import { type TestContext, test } from '../../harness.ts'
import { CountedImages, imageChain, LEAF_BYTES, pushChain, pushImage, SMALL_EDIT } from './delta-fixture.ts'
import { inChunks } from './memory-blocks.ts'
import { stockFor } from './stock-fixture.ts'

const CHAIN = imageChain(3, Array(4).fill(SMALL_EDIT), 120_000)

async function newStock(t: TestContext, options: Partial<StockOptions> = {}): Promise<Stock> {
  return stockFor(t, await temporaryFolder(t), { images: new CountedImages(), ...options })
}

/** The delta that this stock keeps of an image. */
async function deltaOf(stock: Stock, image: CID): Promise<ImageDelta> {
  const [place] = await stock.deltas.chain(image)
  if (place === undefined) throw new Error('it is no delta')
  return stock.deltas.read(place)
}

async function take(stock: Stock, image: ImageDelta, signal: AbortSignal) {
  const lease = stock.lease()
  try {
    const kept = await stock.deltas.take(image, { lease, signal })
    await stock.commit()
    return kept
  } finally {
    lease.release()
  }
}

async function bytesOf(stock: Stock, image: CID, sizeBytes: number): Promise<Buffer> {
  return Buffer.concat(await collect(stock.readFile(image, { expectedBytes: sizeBytes })))
}

test('a delta that came is kept as it is: no leaf and no node is written, and the image is there, byte for byte', async (t) => {
  const [from, to] = [await newStock(t), await newStock(t)]
  const [first, second] = await pushChain(from, CHAIN.slice(0, 2))
  await pushImage(to, CHAIN[0]!, [])
  const before = await to.totals()
  const kept = await take(to, await deltaOf(from, second!.image), t.signal)
  assert.is(kept.as === 'delta' && kept.base.equals(first!.image), true)
  const after = await to.totals()
  assert.is(after.deltas, 1)
  assert.ok(after.packBytes - before.packBytes < 5000, `${after.packBytes - before.packBytes} bytes`)
  assert.ok((await bytesOf(to, second!.image, second!.bytes.length)).equals(second!.bytes))
  assert.is((await take(to, await deltaOf(from, second!.image), t.signal)).as, 'known')
})

test('a delta that makes something else is BadDelta, and leaves nothing', async (t) => {
  const [from, to] = [await newStock(t), await newStock(t)]
  const [, second, third] = await pushChain(from, CHAIN.slice(0, 3))
  await pushImage(to, CHAIN[0]!, [])
  const good = await deltaOf(from, second!.image)
  const other = await deltaOf(from, third!.image)
  const short = { ...good, delta: good.delta.subarray(0, 30) }
  const lies = [short, { ...good, delta: other.delta }, { ...good, root: third!.image }, { ...good, sizeBytes: 70_000 }]
  for (const lie of lies) assert.is(await errorCode(() => take(to, lie, t.signal)), 'BadDelta')
  assert.is((await to.totals()).deltas, 0)
  assert.is(await to.has(second!.image), false)
  assert.equal(await to.check(), [])
})

test('a delta on an image that is not here is refused', async (t) => {
  const [from, to] = [await newStock(t), await newStock(t)]
  const [, second] = await pushChain(from, CHAIN.slice(0, 2))
  assert.is(await errorCode(async () => take(to, await deltaOf(from, second!.image), t.signal)), 'BlockMissing')
})

test('deltas on deltas are taken as deep as a stock keeps them, and made anew beyond', async (t) => {
  const images = new CountedImages()
  const [from, to] = [await newStock(t), await newStock(t, { images })]
  const versions = []
  for (const bytes of CHAIN) versions.push(await pushImage(from, bytes, []))
  await pushImage(to, CHAIN[0]!, [])
  const depths: number[] = []
  for (const [at, { image, bytes }] of versions.slice(1).entries()) {
    const made = await from.deltas.make(versions[at]!.image, image, t.signal)
    if (typeof made === 'string') throw new Error(made)
    assert.ok(made.base.equals(versions[at]!.image))
    await take(to, made, t.signal)
    depths.push((await to.deltas.chain(image)).length)
    assert.ok((await bytesOf(to, image, bytes.length)).equals(bytes))
  }
  assert.ok(
    depths.every((depth) => depth === 1 || depth === 2),
    depths.join(),
  )
  assert.is(depths[1], 2)
  assert.ok(images.encodings > 0, 'the third one would have been too deep')
  assert.equal(await to.check(), [])
})

test('a delta is made on the image that was asked for, whatever the stock keeps it on', async (t) => {
  const stock = await newStock(t)
  const versions = await pushChain(stock, CHAIN.slice(0, 3))
  const [, second, third] = versions
  const made = await stock.deltas.make(second!.image, third!.image, t.signal)
  assert.ok(typeof made !== 'string' && made.base.equals(second!.image) && made.root.equals(third!.image))
  const text = Buffer.alloc(3 * LEAF_BYTES, 'no image at all')
  const lease = stock.lease()
  const file = await stock.addFile(inChunks(text, 5000), { leafBytes: LEAF_BYTES, lease })
  assert.is(typeof (await stock.deltas.make(second!.image, file.cid, t.signal)), 'string')
  lease.release()
})

test('what has to be made before a block can be read is known before', async (t) => {
  const stock = await newStock(t)
  const [first, second] = await pushChain(stock, CHAIN.slice(0, 2))
  const leafOf = async (image: CID) => (await collect(stock.blocksOf([image]))).find(({ code }) => code === RAW_CODE)!
  await rm(join(stock.folder, 'rebuilt'), { recursive: true, force: true })
  assert.is(await stock.deltas.coldBytes(await leafOf(first!.image)), 0)
  assert.is(await stock.deltas.coldBytes(second!.image), 0)
  const leaf = await leafOf(second!.image)
  assert.is(await stock.deltas.coldBytes(leaf), second!.bytes.length)
  await stock.get(leaf)
  assert.is(await stock.deltas.coldBytes(leaf), 0)
})

test('the power fails at any step of taking a delta: what was acknowledged is there, and nothing is half there', async (t) => {
  const folder = await temporaryFolder(t)
  const from = await newStock(t)
  const [, second, third] = await pushChain(from, CHAIN.slice(0, 3))
  const came = await deltaOf(from, second!.image)
  const next = await from.deltas.make(second!.image, third!.image, t.signal)
  if (typeof next === 'string') throw new Error(next)
  const options = { writable: true, images: new CountedImages(), cataloguePath: IN_MEMORY, rebuilt: { folder } }
  const life = (step: number) => ({ host: 'here', pid: process.pid, started: `life ${step}`, pidNamespace: null })
  for (let step = 1, isOver = false; !isOver; step++) {
    const files = new LossyFiles()
    let stock = await openStock('/home/stock', { ...options, files, holder: life(0) })
    await pushImage(stock, CHAIN[0]!, [])
    files.failAtStep = files.steps + step
    let acknowledged = 0
    const lease = stock.lease()
    try {
      for (const delta of [came, next]) {
        await stock.deltas.take(delta, { lease, signal: t.signal })
        await stock.pin(delta.root, 'pulled')
        await stock.commit()
        acknowledged++
      }
    } catch (error) {
      if (!(error instanceof PowerOff || (error as Error).cause instanceof PowerOff)) throw error
    }
    isOver = files.steps < files.failAtStep
    await stock.close().catch(() => {})
    stock = await openStock('/home/stock', { ...options, files: files.powerFailure(seeded(step)), holder: life(1) })
    assert.equal(await stock.check(), [], `step ${step}`)
    assert.ok(stock.pins().length >= 1 + acknowledged, `step ${step}: an acknowledged image is lost`)
    for (const { root, sizeBytes } of [came, next].slice(0, acknowledged)) {
      assert.is((await bytesOf(stock, root, sizeBytes)).length, sizeBytes, `step ${step}`)
    }
    await take(stock, came, t.signal)
    await take(stock, next, t.signal)
    assert.ok((await bytesOf(stock, next.root, next.sizeBytes)).equals(CHAIN[2]!), `step ${step}, again`)
    await stock.close()
  }
})
