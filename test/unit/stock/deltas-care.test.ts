/** Sweeps and checks of stocks whose images are deltas: bases stay while they are needed, damage costs what it must. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Fetch } from '../../../src/stock/check.ts'
import { RAW_CODE } from '../../../src/stock/cid.ts'
import { FRAME_HEADER_BYTES } from '../../../src/stock/frame.ts'
import type { Stock } from '../../../src/stock/stock.ts'
import { collect, temporaryFolder } from '../../disk/fixture.ts'
import { seeded } from '../../disk/lossy-files.ts'
import { type TestContext, test } from '../../harness.ts'
import {
  addImageVersion,
  assertWhole,
  CountedImages,
  imageChain,
  pushChain,
  pushImage,
  SMALL_EDIT,
  type Version,
} from './delta-fixture.ts'
import { stockFor } from './stock-fixture.ts'

const LARGE_EDIT = { newObjects: 800, slideFrom: 0.1, restart: true }
/** Keyframe, a dear delta on it, and two that stand on that one. */
const DEEP = imageChain(5, [LARGE_EDIT, SMALL_EDIT, SMALL_EDIT], 600_000)

async function deepStock(t: TestContext): Promise<{ stock: Stock; versions: Version[] }> {
  const stock = await stockFor(t, await temporaryFolder(t), { images: new CountedImages() })
  const versions = await pushChain(stock, DEEP)
  return { stock, versions }
}

async function forgetCache(stock: Stock): Promise<void> {
  await rm(join(stock.folder, 'rebuilt'), { recursive: true, force: true })
}

test('bases stay as long as a delta needs them, and go with the last one', async (t) => {
  const { stock, versions } = await deepStock(t)
  for (const { record } of versions.slice(0, 3)) await stock.unpin(record)
  const report = await stock.gc()
  assert.is(report.deltas, 2)
  assert.ok(report.baseBlocks > 10 && report.baseBytes > 10_000)
  await forgetCache(stock)
  await assertWhole(stock, versions[3]!)
  assert.equal(await stock.keptAs(versions[2]!.image), undefined)
  assert.equal(await stock.check(), [])
  await stock.unpin(versions[3]!.record)
  await stock.gc()
  const { blocks, deltas, packBytes } = await stock.totals()
  assert.equal([blocks, deltas, packBytes], [0, 0, 0])
})

test('a delta that nobody needs goes, also when others have blocks in common with it', async (t) => {
  const { stock, versions } = await deepStock(t)
  await stock.unpin(versions[2]!.record)
  assert.is((await stock.gc()).deltas, 2)
  await stock.close()
  const next = await stockFor(t, stock.folder, { images: new CountedImages() })
  for (const version of versions.filter((_, index) => index !== 2)) await assertWhole(next, version)
  assert.equal(await next.check(), [])
})

test('the frame of a delta that was swept does not come back without its base', async (t) => {
  const { stock, versions } = await deepStock(t)
  const random = seeded(1)
  // So much lives in the pack with the last delta that it is not rewritten.
  await stock.close()
  const next = await stockFor(t, stock.folder, { images: new CountedImages() })
  const last = await pushImage(next, imageChain(5, [LARGE_EDIT, SMALL_EDIT, SMALL_EDIT, SMALL_EDIT], 600_000).at(-1)!, [
    versions[3]!.image,
  ])
  assert.is(last.kept.as, 'delta')
  await pushImage(next, Buffer.from(Array.from({ length: 600_000 }, () => random() * 256)), [])
  for (const { record } of [...versions, last]) await next.unpin(record)
  await next.gc()
  assert.ok(await find(next, last.image.bytes), 'its frame is still there')
  // A check makes the catalogue anew from the packs.
  assert.equal(await next.check(), [])
  for (const { image } of [...versions, last]) assert.not(await next.has(image))
  const fresh = await pushChain(next, DEEP)
  for (const version of fresh) await assertWhole(next, version)
  assert.equal(await next.check(), [])
})

test('a lease on one leaf of an image keeps all that it takes to read it', async (t) => {
  const { stock, versions } = await deepStock(t)
  const leaf = (await collect(stock.blocksOf([versions[3]!.image]))).filter((cid) => cid.code === RAW_CODE).at(-1)!
  const lease = stock.lease()
  lease.keep(leaf)
  for (const { record } of versions) await stock.unpin(record)
  await stock.gc()
  await forgetCache(stock)
  await stock.get(leaf)
  lease.release()
  await stock.gc()
  assert.not(await stock.has(leaf))
})

test('a base that is chosen while a sweep runs is kept for the delta', async (t) => {
  const { stock, versions } = await deepStock(t)
  for (const { record } of versions) await stock.unpin(record)
  const [bytes] = imageChain(5, [LARGE_EDIT, SMALL_EDIT, SMALL_EDIT, SMALL_EDIT], 600_000).slice(-1)
  const lease = stock.lease()
  const [added] = await Promise.all([
    addImageVersion(stock, bytes!, { relatives: [versions[3]!.image], lease }),
    stock.gc(),
    stock.gc(),
  ])
  await stock.pin(added!.record, 'own')
  await stock.commit()
  lease.release()
  await stock.gc()
  await forgetCache(stock)
  await assertWhole(stock, added!)
  assert.equal(await stock.check(), [])
})

test('deltas that are pushed and forgotten while sweeps run are whole or gone', async (t) => {
  const stock = await stockFor(t, await temporaryFolder(t), { images: new CountedImages() })
  const chain = imageChain(9, Array(8).fill(SMALL_EDIT), 120_000)
  const random = seeded(3)
  const live = new Map<string, Version>()
  let running = true
  const sweeps = (async () => {
    while (running) await stock.gc()
  })()
  for (let round = 0; round < 24; round++) {
    const relatives = [...live.values()].map(({ image }) => image).reverse()
    const version = await pushImage(stock, chain[Math.floor(random() * chain.length)]!, relatives)
    live.set(String(version.record), version)
    if (random() < 0.5) continue
    const [gone] = [...live.keys()].slice(Math.floor(random() * live.size))
    await stock.unpin(live.get(gone!)!.record)
    live.delete(gone!)
  }
  running = false
  await sweeps
  await forgetCache(stock)
  for (const version of live.values()) await assertWhole(stock, version)
  assert.equal(await stock.check(), [])
})

/** The offsets of a block's bytes in the packs, by its CID. */
async function find(stock: Stock, bytes: Uint8Array): Promise<{ path: string; at: number; good: Buffer }> {
  for (const name of await readdir(join(stock.folder, 'packs'))) {
    const path = join(stock.folder, 'packs', name)
    const good = await readFile(path)
    const at = good.indexOf(Buffer.from(bytes))
    if (at >= 0) return { path, at: at - 20, good }
  }
  throw new Error('not found')
}

async function fetcherOf(t: TestContext): Promise<{ fetch: Fetch; asked: string[] }> {
  const other = await stockFor(t, await temporaryFolder(t))
  await pushChain(other, DEEP)
  const asked: string[] = []
  async function* fetch(cids: Parameters<Fetch>[0]) {
    for (const cid of cids) {
      asked.push(String(cid))
      if (await other.has(cid)) yield { cid, bytes: await other.get(cid) }
    }
  }
  return { fetch, asked }
}

test('damage in a base is told with all that depends on it, and its repair repairs that too', async (t) => {
  const { stock, versions } = await deepStock(t)
  const { fetch, asked } = await fetcherOf(t)
  const leaf = (await collect(stock.blocksOf([versions[0]!.image]))).filter((cid) => cid.code === RAW_CODE).at(-2)!
  const { path, at, good } = await find(stock, leaf.bytes)
  good[at + FRAME_HEADER_BYTES + 100]! ^= 1
  await writeFile(path, good)
  await forgetCache(stock)
  const findings = await stock.check()
  const base = findings.find(({ cid }) => cid.equals(leaf))
  assert.equal(base?.pinnedBy.map(String).sort(), versions.map(({ record }) => String(record)).sort())
  assert.ok(findings.some(({ image }) => image?.equals(versions[3]!.image)))
  assert.equal((await stock.repair(findings, fetch)).stillBad, [])
  assert.equal(asked, [String(leaf)])
  assert.equal(await stock.check(), [])
  for (const version of versions) await assertWhole(stock, version)
})

test('a base that nobody can repair is done without: images that stood on it become blocks', async (t) => {
  const { stock, versions } = await deepStock(t)
  const { fetch } = await fetcherOf(t)
  const leaf = (await collect(stock.blocksOf([versions[0]!.image]))).filter((cid) => cid.code === RAW_CODE).at(-2)!
  const { path, at, good } = await find(stock, leaf.bytes)
  good[at + FRAME_HEADER_BYTES + 100]! ^= 1
  await writeFile(path, good)
  await forgetCache(stock)
  await stock.unpin(versions[0]!.record)
  const findings = await stock.check()
  await stock.repair(findings, (cids) => fetch(cids.filter((cid) => !cid.equals(leaf))))
  await forgetCache(stock)
  for (const version of versions.slice(1)) await assertWhole(stock, version)
  assert.is((await stock.gc()).deltas, 0)
  assert.equal(await stock.check(), [])
})

test('any damaged byte of a delta is found and repaired; nothing wrong is ever given out', async (t) => {
  const { stock, versions } = await deepStock(t)
  const { fetch } = await fetcherOf(t)
  const { path, at, good } = await find(stock, versions[2]!.image.bytes)
  const kept = versions[2]!.kept
  assert.ok(kept.as === 'delta')
  const random = seeded(8)
  const offsets = [5, 10, 30, FRAME_HEADER_BYTES + 1, FRAME_HEADER_BYTES + 38, FRAME_HEADER_BYTES + 50]
  for (const offset of [...offsets, FRAME_HEADER_BYTES + 1300 + Math.floor(random() * 500)]) {
    const bad = Buffer.from(good)
    bad[at + offset]! ^= 0x20
    await writeFile(path, bad)
    await forgetCache(stock)
    const findings = await stock.check()
    assert.ok(findings.length > 0, `byte ${offset}`)
    for (const { pinnedBy } of findings) {
      assert.ok(
        pinnedBy.every((record) => record.equals(versions[2]!.record)),
        `byte ${offset}`,
      )
    }
    await writeFile(path, good)
    assert.equal(await stock.check(), [])
  }
  const bad = Buffer.from(good)
  bad[at + FRAME_HEADER_BYTES + 1300]! ^= 0x20
  await writeFile(path, bad)
  await forgetCache(stock)
  assert.equal((await stock.repair(await stock.check(), fetch)).stillBad, [])
  for (const version of versions) await assertWhole(stock, version)
})
