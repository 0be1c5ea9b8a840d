import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { cataloguePath, IN_MEMORY } from '../../../src/stock/catalogue.ts'
import { openStock } from '../../../src/stock/open.ts'
import type { Stock } from '../../../src/stock/stock.ts'
import { errorCode, temporaryFolder } from '../../disk/fixture.ts'
import { LossyFiles, PowerOff, seeded } from '../../disk/lossy-files.ts'
import { test } from '../../harness.ts'
import { someBytes } from './memory-blocks.ts'
import { addVersion, pushVersion, rawBlock, stockFor } from './stock-fixture.ts'

async function isWhole(stock: Stock, record: Parameters<Stock['pin']>[0]): Promise<boolean> {
  try {
    for await (const cid of stock.blocksOf([record])) await stock.get(cid)
    return true
  } catch {
    return false
  }
}

async function packNames(folder: string): Promise<string[]> {
  return (await readdir(join(folder, 'packs'))).sort()
}

test('what is not pinned goes, what is pinned stays, and the bytes are given back to the disk', async (t) => {
  const folder = await temporaryFolder(t)
  const stock = await stockFor(t, folder)
  const shared = someBytes(50_000, 1)
  const kept = await pushVersion(stock, { shared, own: someBytes(20_000, 2) })
  const gone = await pushVersion(stock, { shared, other: someBytes(150_000, 3) })
  assert.is((await stock.gc()).removedBlocks, 0)
  const before = await stock.totals()
  await stock.unpin(gone)
  const report = await stock.gc()
  assert.ok(report.removedBlocks > 100)
  assert.is(report.rewrittenPacks, 1)
  const after = await stock.totals()
  assert.is(before.packBytes - after.packBytes, report.freedBytes)
  assert.ok(report.freedBytes > 80_000)
  assert.ok(await isWhole(stock, kept))
  assert.not(await stock.has(gone))
  const onDisk = await Promise.all((await packNames(folder)).map((name) => stat(join(folder, 'packs', name))))
  assert.is(
    onDisk.reduce((sum, { size }) => sum + size, 0),
    after.packBytes,
  )
  await stock.unpin(kept)
  assert.ok((await stock.gc()).removedPacks >= 1)
  assert.is((await stock.totals()).packBytes, 0)
  assert.equal(await packNames(folder), [])
})

test('unpinning and pinning again loses nothing that two versions share', async (t) => {
  const stock = await stockFor(t, await temporaryFolder(t))
  const shared = someBytes(30_000, 1)
  const one = await pushVersion(stock, { shared, a: someBytes(9000, 2) })
  const two = await pushVersion(stock, { shared, b: someBytes(9000, 3) })
  const random = seeded(7)
  for (let round = 0; round < 12; round++) {
    const record = random() < 0.5 ? one : two
    if (random() < 0.5) await stock.unpin(record, 'own')
    await stock.pin(record, 'own')
    await stock.pin(random() < 0.5 ? one : two, `user ${round}`)
    await stock.gc()
    assert.ok((await isWhole(stock, one)) && (await isWhole(stock, two)), `round ${round}`)
  }
})

test('a lease keeps what was written and what was found, until it is released', async (t) => {
  const stock = await stockFor(t, await temporaryFolder(t))
  const old = await pushVersion(stock, { shared: someBytes(30_000, 1) })
  await stock.unpin(old)
  const lease = stock.lease()
  const { record } = await addVersion(stock, { shared: someBytes(30_000, 1), b: someBytes(9000, 3) }, lease)
  await stock.gc()
  assert.ok(await isWhole(stock, record))
  lease.release()
  await stock.gc()
  assert.not(await stock.has(record))
})

test('versions that are pushed, pulled and unpinned while sweeps run are whole or gone', async (t) => {
  const stock = await stockFor(t, await temporaryFolder(t))
  const random = seeded(11)
  let running = true
  const sweeps = (async () => {
    let count = 0
    for (; running; count++) await stock.gc()
    return count
  })()
  const pinned = []
  for (let round = 0; round < 40; round++) {
    const files = { a: someBytes(4000, Math.floor(random() * 6)), b: someBytes(7000, 100 + Math.floor(random() * 6)) }
    pinned.push(await pushVersion(stock, files))
    if (random() < 0.6) {
      const [gone] = pinned.splice(Math.floor(random() * pinned.length), 1)
      await stock.unpin(gone!)
      for (const other of pinned) if (other.equals(gone)) await stock.pin(other, 'own')
    }
  }
  running = false
  assert.ok((await sweeps) > 3)
  for (const record of pinned) assert.ok(await isWhole(stock, record))
  assert.equal(await stock.check(), [])
})

test('many small packs are put together', async (t) => {
  const folder = await temporaryFolder(t)
  const records = []
  for (let round = 0; round < 20; round++) {
    const stock = await stockFor(t, folder)
    records.push(await pushVersion(stock, { a: someBytes(3000, round) }))
    await stock.close()
  }
  assert.is((await packNames(folder)).length, 20)
  const stock = await stockFor(t, folder)
  await stock.gc()
  assert.is((await packNames(folder)).length, 1)
  for (const record of records) assert.ok(await isWhole(stock, record))
})

test('nothing is removed where a node of a pinned version is lost', async (t) => {
  const folder = await temporaryFolder(t)
  const stock = await stockFor(t, folder)
  const record = await pushVersion(stock, { a: someBytes(9000, 1) })
  await stock.close()
  const [pack] = await packNames(folder)
  const next = await stockFor(t, folder)
  const garbage = rawBlock(5000, 9)
  await next.put(garbage.cid, garbage.bytes)
  await next.pin(record, 'again')
  await next.commit()
  await next.close()
  await rm(join(folder, 'packs', pack!))
  await rm(cataloguePath(folder))
  const damaged = await stockFor(t, folder)
  assert.is(await errorCode(() => damaged.gc()), 'BlockMissing')
  assert.ok(await damaged.has(garbage.cid))
})

test('a sweep that is aborted loses nothing', async (t) => {
  const stock = await stockFor(t, await temporaryFolder(t))
  const kept = await pushVersion(stock, { a: someBytes(20_000, 1) })
  const gone = await pushVersion(stock, { a: someBytes(90_000, 2) })
  await stock.unpin(gone)
  assert.ok((await errorCode(() => stock.gc({ signal: AbortSignal.abort() }))) !== undefined)
  assert.ok(await isWhole(stock, kept))
  await stock.gc()
  assert.ok(await isWhole(stock, kept))
})

/** Pushes, unpins and sweeps until the power fails; `pinned` are those that must be there, whatever happens. */
async function work(stock: Stock, round: number, pinned: Set<string>): Promise<void> {
  const push = async (seed: number, size: number) => {
    const record = await pushVersion(stock, { shared: someBytes(3000, 1), own: someBytes(size, seed) })
    pinned.add(String(record))
    return record
  }
  for (let i = 0; i < 3; i++) {
    const seed = round * 100 + i * 10
    await push(seed, 3000)
    const gone = await push(seed + 1, 9000)
    pinned.delete(String(gone))
    await stock.unpin(gone)
    await Promise.all([stock.gc(), push(seed + 2, 3000), push(seed + 3, 1000)])
  }
}

/** One life of a writer, from taking the lock to the power failure. */
async function live(files: LossyFiles, catalogue: string, round: number, pinned: Set<string>): Promise<void> {
  const holder = { host: 'here', pid: process.pid, started: `life ${round}`, pidNamespace: null }
  let stock: Stock | undefined
  try {
    stock = await openStock('/home/stock', { writable: true, files, holder, cataloguePath: catalogue })
    await work(stock, round, pinned)
  } catch (error) {
    if (!(error instanceof PowerOff)) throw error
  }
  await stock?.close().catch(() => {})
}

async function checkSurvivors(files: LossyFiles, catalogue: string, pinned: Set<string>, where: string): Promise<void> {
  const stock = await openStock('/home/stock', { writable: false, files, cataloguePath: catalogue })
  const records = stock.pins().map((pin) => pin.cid)
  const found = records.map(String)
  for (const record of pinned) assert.ok(found.includes(record), `${where}: ${record}`)
  for (const record of records) assert.ok(await isWhole(stock, record), where)
  assert.equal(await stock.check(), [], where)
  await stock.close()
}

test('a power failure at any step, sweeps included, loses no acknowledged version', async (t) => {
  const folder = await temporaryFolder(t)
  for (let seed = 0; seed < 80; seed++) {
    const random = seeded(seed)
    let files = new LossyFiles()
    // Every other time the catalogue outlives the packs' losses, and must not say more than they hold.
    const catalogue = seed % 2 === 0 ? IN_MEMORY : join(folder, `${seed}.sqlite`)
    const pinned = new Set<string>()
    for (let round = 0; round < 3; round++) {
      files.failAtStep = 20 + Math.floor(random() * 420)
      await live(files, catalogue, round, pinned)
      files = files.powerFailure(random)
      await checkSurvivors(files, catalogue, pinned, `seed ${seed}, round ${round}`)
    }
  }
})
