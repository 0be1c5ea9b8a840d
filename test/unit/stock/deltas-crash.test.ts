/** Images that are kept as deltas, when the power fails or the process is killed between any two steps. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { IN_MEMORY } from '../../../src/stock/catalogue.ts'
import { openStock, type StockOptions } from '../../../src/stock/open.ts'
import type { Stock } from '../../../src/stock/stock.ts'
import { temporaryFolder } from '../../disk/fixture.ts'
import { LossyFiles, PowerOff, seeded } from '../../disk/lossy-files.ts'
import { test } from '../../harness.ts'
import { CountedImages, pushChain, pushImage, shrunkChain } from './delta-fixture.ts'

const CHAIN = shrunkChain(100_000, 50_000)
const KILLS = 8
/** Some rounds of the scribbler. */
const MAX_LIFE_MS = 400

/** Pushes, forgets, sweeps and repacks until the power fails; `pinned` are those that must be there. */
async function work(stock: Stock, random: () => number, pinned: Map<string, Uint8Array>): Promise<void> {
  for (let round = 0; round < 4; round++) {
    const relatives = stock.pins().map(({ cid }) => cid)
    const images = await Promise.all(relatives.map((record) => imageOf(stock, record)))
    const bytes = CHAIN[Math.floor(random() * CHAIN.length)]!
    const { record } = await pushImage(stock, bytes, images.reverse())
    pinned.set(String(record), bytes)
    if (random() < 0.4) {
      pinned.delete(String(record))
      await stock.unpin(record)
    }
    if (random() < 0.6) await (random() < 0.5 ? stock.gc() : stock.repack())
  }
}

/** The image file of a version of the fixture. */
async function imageOf(stock: Stock, record: Parameters<Stock['pin']>[0]) {
  for await (const cid of stock.blocksOf([record])) {
    if (cid.equals(record)) continue
    return (await stock.readDirectory(cid)).find(({ name }) => name === 'a.image')!.cid
  }
  throw new Error('no contents')
}

async function checkSurvivors(stock: Stock, pinned: ReadonlyMap<string, Uint8Array>, where: string): Promise<void> {
  const pins = new Map(stock.pins().map(({ cid }) => [String(cid), cid]))
  for (const record of pinned.keys()) assert.ok(pins.has(record), `${where}: ${record} is gone`)
  assert.equal(await stock.check(), [], where)
  for (const [text, bytes] of pinned) {
    const image = await imageOf(stock, pins.get(text)!)
    const pieces = await Array.fromAsync(stock.readFile(image, { expectedBytes: bytes.length }))
    assert.ok(Buffer.concat(pieces).equals(bytes), where)
  }
  await stock.close()
}

test('a power failure at any step loses no acknowledged version, be it kept as blocks or as a delta', async (t) => {
  const folder = await temporaryFolder(t)
  let deltas = 0
  for (let seed = 0; seed < 25; seed++) {
    const random = seeded(seed)
    let files = new LossyFiles()
    const options: StockOptions = {
      writable: true,
      images: new CountedImages(),
      cataloguePath: seed % 2 === 0 ? IN_MEMORY : join(folder, `${seed}.sqlite`),
      rebuilt: { folder: join(folder, String(seed)) },
    }
    const pinned = new Map<string, Uint8Array>()
    for (let round = 0; round < 2; round++) {
      files.failAtStep = 20 + Math.floor(random() * 250)
      const holder = { host: 'here', pid: process.pid, started: `life ${round}`, pidNamespace: null }
      let stock: Stock | undefined
      try {
        stock = await openStock('/home/stock', { ...options, files, holder })
        await work(stock, random, pinned)
      } catch (error) {
        if (!(error instanceof PowerOff)) throw error
      }
      await stock?.close().catch(() => {})
      files = files.powerFailure(random)
      const reader = await openStock('/home/stock', { ...options, files, writable: false })
      deltas += (await reader.totals()).deltas
      await checkSurvivors(reader, pinned, `seed ${seed}, round ${round}`)
    }
  }
  assert.ok(deltas > 10, `only ${deltas} deltas were there at all`)
})

test('a power failure at any step of a repack loses nothing, and the next one goes on', async (t) => {
  const folder = await temporaryFolder(t)
  const before = new LossyFiles()
  const optionsFor = (name: string): StockOptions => ({
    writable: true,
    images: new CountedImages(),
    cataloguePath: join(folder, `${name}.sqlite`),
    rebuilt: { folder: join(folder, name) },
    holder: { host: 'here', pid: process.pid, started: name, pidNamespace: null },
  })
  const stock = await openStock('/home/stock', { ...optionsFor('0'), files: before })
  const [gone, ...versions] = await pushChain(stock, CHAIN)
  await stock.unpin(gone!.record)
  await stock.commit()
  await stock.close()
  const pinned = new Map(versions.map(({ record, bytes }) => [String(record), bytes]))
  let isDone = false
  let replacedBases = 0
  for (let step = 1; !isDone; step++) {
    // Another copy of the same folder each time: all of it was synced.
    const files = before.powerFailure(seeded(step))
    files.failAtStep = step
    const options = optionsFor(String(step))
    const writer = openStock('/home/stock', { ...options, files })
    try {
      isDone = (await (await writer).repack()).replacedBases === 1
    } catch (error) {
      if (!(error instanceof PowerOff)) throw error
    }
    await writer.then((one) => one.close()).catch(() => {})
    const after = files.powerFailure(seeded(step))
    const where = `step ${step}`
    // With the catalogue that the writer left, and without.
    await checkSurvivors(await openStock('/home/stock', { ...options, files: after, writable: false }), pinned, where)
    const holder = { ...options.holder!, started: 'next' }
    const next = await openStock('/home/stock', { ...options, holder, files: after, cataloguePath: IN_MEMORY })
    replacedBases += (await next.repack()).replacedBases
    assert.is((await next.totals()).deltas, 2, where)
    assert.not(await next.has(gone!.image), where)
    await checkSurvivors(next, pinned, where)
  }
  assert.ok(replacedBases > 10, `only ${replacedBases} bases were replaced after a failure`)
})

test(`${KILLS} writers of deltas killed at random moments lose nothing that they acknowledged`, async (t) => {
  const folder = await temporaryFolder(t)
  const pinned = new Map<string, Uint8Array>()
  for (let seed = 1; seed <= KILLS; seed++) {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'delta-scribbler.ts'), folder, String(seed)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      said += text
    })
    await once(child.stdout, 'data')
    await sleep(seeded(seed)() * MAX_LIFE_MS)
    child.kill('SIGKILL')
    await once(child, 'close')
    for (const line of said.split('\n').slice(0, -1)) {
      const [what, cid = '', index = '0'] = line.split(' ')
      if (what === 'pinned') pinned.set(cid, CHAIN[Number(index)]!)
      if (what === 'unpinning') pinned.delete(cid)
    }
    const stock = await openStock(folder, { writable: seed % 2 === 0, images: new CountedImages() })
    if (seed % 4 === 0) await stock.gc()
    await checkSurvivors(stock, pinned, `seed ${seed}`)
  }
  assert.ok(pinned.size > 0)
})
