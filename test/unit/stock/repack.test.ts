/** Repacking: bases that only deltas need are replaced where that saves space, and nothing is lost whatever happens. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { IN_MEMORY } from '../../../src/stock/catalogue.ts'
import type { Stock } from '../../../src/stock/stock.ts'
import { errorCode, temporaryFolder } from '../../disk/fixture.ts'
import { seeded } from '../../disk/lossy-files.ts'
import { type TestContext, test } from '../../harness.ts'
import {
  assertWhole,
  CountedImages,
  imageChain,
  pushChain,
  pushImage,
  SMALL_EDIT,
  shrunkChain,
  type Version,
} from './delta-fixture.ts'
import { stockFor } from './stock-fixture.ts'

const GARBAGE_BYTES = 300_000
const SHRUNK = shrunkChain(200_000, GARBAGE_BYTES)
const LARGE_EDIT = { newObjects: 800, slideFrom: 0.1, restart: true }
/** Keyframe, a dear delta on it, and two that stand on that one. */
const DEEP = imageChain(5, [LARGE_EDIT, SMALL_EDIT, SMALL_EDIT], 600_000)

async function stockOf(t: TestContext, chain: readonly Uint8Array[]): Promise<{ stock: Stock; versions: Version[] }> {
  const stock = await stockFor(t, await temporaryFolder(t), { images: new CountedImages() })
  return { stock, versions: await pushChain(stock, chain) }
}

/** All that is in the packs, read by a new process without its caches. */
async function assertAllWhole(t: TestContext, stock: Stock, versions: readonly Version[]): Promise<void> {
  await stock.close()
  await rm(join(stock.folder, 'rebuilt'), { recursive: true, force: true })
  const fresh = await stockFor(t, stock.folder, { images: new CountedImages(), cataloguePath: IN_MEMORY })
  for (const version of versions) await assertWhole(fresh, version)
  assert.equal(await fresh.check(), [])
  await fresh.close()
}

async function baseOf(stock: Stock, { image }: Version): Promise<string> {
  const kept = await stock.keptAs(image)
  return kept?.as === 'delta' ? String(kept.base) : 'none'
}

test('the newest image takes the place of a base that only deltas need, where that saves space', async (t) => {
  const { stock, versions } = await stockOf(t, SHRUNK)
  const [base, ...others] = versions as [Version, Version, Version, Version]
  await stock.unpin(base.record)
  const swept = await stock.gc()
  assert.ok(swept.baseBytes > GARBAGE_BYTES, 'the base stays for the deltas')
  const before = (await stock.totals()).packBytes
  const report = await stock.repack()
  const after = (await stock.totals()).packBytes
  assert.is(report.replacedBases, 1)
  assert.equal([report.deltas, report.baseBlocks], [2, 0])
  assert.ok(report.freedBytes > GARBAGE_BYTES / 2)
  assert.is(before - after, report.freedBytes)
  assert.is((await stock.keptAs(others[2].image))?.as, 'blocks')
  assert.is(await baseOf(stock, others[0]), String(others[2].image))
  assert.not(await stock.has(base.image))
  const again = await stock.repack()
  assert.equal([again.replacedBases, again.freedBytes], [0, 0])
  const next = await pushImage(stock, imageChain(3, [SMALL_EDIT])[1]!, [others[2].image])
  await assertAllWhole(t, stock, [...others, next])
})

test('a base stays where it is pinned, or where replacing it saves nothing', async (t) => {
  const { stock, versions } = await stockOf(t, SHRUNK)
  assert.is((await stock.repack()).replacedBases, 0)
  for (const { record } of versions.slice(1)) await stock.unpin(record)
  assert.is((await stock.repack()).deltas, 0)
  const other = await stockOf(t, imageChain(7, Array(4).fill(SMALL_EDIT)))
  await other.stock.unpin(other.versions[0]!.record)
  await other.stock.gc()
  const before = (await other.stock.totals()).packBytes
  const report = await other.stock.repack()
  assert.equal([report.replacedBases, report.deltas], [0, 4])
  assert.ok((await other.stock.totals()).packBytes <= before)
  await assertAllWhole(t, stock, versions.slice(0, 1))
  await assertAllWhole(t, other.stock, other.versions.slice(1))
})

test('images that stand on a forgotten delta on a forgotten keyframe are made anew on the newest of them', async (t) => {
  const edits = [{ randomBytes: GARBAGE_BYTES }, { ...LARGE_EDIT, dropLargest: true }, SMALL_EDIT, SMALL_EDIT]
  const { stock, versions } = await stockOf(t, imageChain(5, edits, 600_000).slice(1))
  assert.is(await baseOf(stock, versions[3]!), String(versions[1]!.image))
  for (const { record } of versions.slice(0, 2)) await stock.unpin(record)
  const report = await stock.repack()
  assert.equal([report.replacedBases, report.deltas, report.baseBlocks], [1, 1, 0])
  assert.is(await baseOf(stock, versions[2]!), String(versions[3]!.image))
  await assertAllWhole(t, stock, versions.slice(2))
})

test('a forgotten delta on a keyframe that is pinned is replaced by the newest that stands on it', async (t) => {
  const { stock, versions } = await stockOf(t, DEEP)
  await stock.unpin(versions[1]!.record)
  const report = await stock.repack()
  assert.equal([report.replacedBases, report.deltas], [1, 2])
  assert.is(await baseOf(stock, versions[3]!), String(versions[0]!.image))
  assert.is(await baseOf(stock, versions[2]!), String(versions[3]!.image))
  await assertAllWhole(t, stock, [versions[0]!, ...versions.slice(2)])
})

test('packs of which little is waste are rewritten too', async (t) => {
  const { stock, versions } = await stockOf(t, imageChain(4, Array(6).fill(SMALL_EDIT)))
  await stock.unpin(versions[5]!.record)
  assert.is((await stock.gc()).rewrittenPacks, 0)
  assert.ok((await stock.repack()).rewrittenPacks > 0)
  await assertAllWhole(t, stock, [...versions.slice(0, 5), versions[6]!])
})

test('a repack that is called off, or cannot make deltas, leaves everything whole', async (t) => {
  const { stock, versions } = await stockOf(t, SHRUNK)
  await stock.unpin(versions[0]!.record)
  const controller = new AbortController()
  const stopped = stock.repack({ signal: controller.signal, onImage: () => controller.abort(new Error('stop')) })
  assert.is(await errorCode(() => stopped), 'Error: stop')
  for (const version of versions.slice(1)) await assertWhole(stock, version)
  await stock.close()
  const plain = await stockFor(t, stock.folder)
  assert.is((await plain.repack()).replacedBases, 0)
  await assertAllWhole(t, plain, versions.slice(1))
})

test('whatever is pushed, forgotten, repacked and pushed again, all of it comes back', async (t) => {
  const chain = [...SHRUNK, ...imageChain(3, [SMALL_EDIT, { newObjects: 400, slideFrom: 0.1 }, SMALL_EDIT])]
  let replaced = 0
  for (let seed = 1; seed <= 6; seed++) {
    const random = seeded(seed)
    const folder = await temporaryFolder(t)
    const live = new Map<string, Version>()
    let stock = await stockFor(t, folder, { images: new CountedImages() })
    for (let round = 0; round < 14; round++) {
      const relatives = [...live.values()].map(({ image }) => image).sort(() => random() - 0.5)
      const version = await pushImage(stock, chain[Math.floor(random() * chain.length)]!, relatives)
      live.set(String(version.record), version)
      for (const [record, { record: cid }] of live) {
        if (random() < 0.7 || live.size < 2) continue
        await stock.unpin(cid)
        live.delete(record)
      }
      if (random() < 0.3) await stock.gc()
      if (random() < 0.6) replaced += (await stock.repack()).replacedBases
      await stock.commit()
      if (random() < 0.4) {
        await stock.close()
        const catalogue = random() < 0.5 ? { cataloguePath: IN_MEMORY } : {}
        stock = await stockFor(t, folder, { images: new CountedImages(), ...catalogue })
      }
      for (const one of live.values()) await assertWhole(stock, one, `seed ${seed}, round ${round}`)
    }
    await assertAllWhole(t, stock, [...live.values()])
  }
  assert.ok(replaced > 5, `only ${replaced} bases were replaced`)
})
