import { appendFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { sha512 } from 'multiformats/hashes/sha2'
import * as assert from 'uvu/assert'
import { cataloguePath, IN_MEMORY } from '../../../src/stock/catalogue.ts'
import { MAX_BLOCK_BYTES, RAW_CODE } from '../../../src/stock/cid.ts'
import { CODEC_RAW, CODEC_ZSTD } from '../../../src/stock/codec.ts'
import { collect, errorCode, temporaryFolder } from '../../disk/fixture.ts'
import { test } from '../../harness.ts'
import { inChunks, someBytes } from './memory-blocks.ts'
import { pushVersion, rawBlock, stockFor } from './stock-fixture.ts'

test('blocks, pins and reasons that were committed are there for the next process', async (t) => {
  const folder = await temporaryFolder(t)
  const stock = await stockFor(t, folder)
  const record = await pushVersion(stock, { a: someBytes(9000, 1), b: someBytes(10, 2) })
  await stock.pin(record, 'follow:me')
  await stock.commit()
  await stock.close()
  const next = await stockFor(t, folder)
  assert.equal(next.pinReasons(record), ['own', 'follow:me'])
  for await (const cid of next.blocksOf([record])) await next.get(cid)
  await next.unpin(record, 'own')
  await next.commit()
  assert.equal((await stockFor(t, folder, { writable: false })).pinReasons(record), ['follow:me'])
})

test('what was put and not committed is gone after the process is', async (t) => {
  const folder = await temporaryFolder(t)
  const stock = await stockFor(t, folder)
  const kept = rawBlock(3000, 1)
  const lost = rawBlock(3000, 2)
  await stock.put(kept.cid, kept.bytes)
  await stock.commit()
  await stock.put(lost.cid, lost.bytes)
  assert.ok(await stock.has(lost.cid))
  await stock.close()
  const next = await stockFor(t, folder)
  assert.ok(await next.has(kept.cid))
  assert.not(await next.has(lost.cid))
  assert.is(await errorCode(() => next.get(lost.cid)), 'BlockMissing')
})

test('a block is written once, however often and at once it is put', async (t) => {
  const stock = await stockFor(t, await temporaryFolder(t))
  const { cid, bytes } = rawBlock(100_000, 1)
  const isNew = await Promise.all(Array.from({ length: 5 }, () => stock.put(cid, bytes)))
  assert.equal(isNew.filter(Boolean).length, 1)
  await stock.commit()
  assert.not(await stock.put(cid, bytes))
  const { blocks, packBytes } = await stock.totals()
  assert.is(blocks, 1)
  assert.ok(packBytes < 100_000)
})

test('blocks that compress are kept compressed, others as they are, and both come back', async (t) => {
  const stock = await stockFor(t, await temporaryFolder(t))
  const noise = Buffer.alloc(200_000)
  let state = 1
  for (let i = 0; i < noise.length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    noise[i] = state >>> 16
  }
  const { cidOf } = await import('../../../src/stock/cid.ts')
  const blocks = [noise, Buffer.alloc(200_000, 'x'), Buffer.alloc(0), Buffer.alloc(1), Buffer.alloc(MAX_BLOCK_BYTES)]
  const codecs: number[] = []
  for (const bytes of blocks) {
    const cid = cidOf(RAW_CODE, bytes)
    await stock.put(cid, bytes)
    codecs.push((await stock.getStored(cid)).codec)
    assert.ok(Buffer.from(await stock.get(cid)).equals(bytes))
    assert.is(await stock.sizeOf(cid), bytes.length)
  }
  assert.equal(codecs, [CODEC_RAW, CODEC_ZSTD, CODEC_RAW, CODEC_RAW, CODEC_ZSTD])
})

test('blocks go from stock to stock as they lie there, and are verified on the way in', async (t) => {
  const one = await stockFor(t, await temporaryFolder(t))
  const other = await stockFor(t, await temporaryFolder(t))
  const { cid, bytes } = rawBlock(50_000, 3)
  await one.put(cid, bytes)
  const stored = await one.getStored(cid)
  const wrong = rawBlock(50_000, 4)
  assert.is(await errorCode(() => other.putStored(wrong.cid, stored)), 'BlockMismatch')
  const half = { ...stored, stored: stored.stored.subarray(0, 1000) }
  assert.is(await errorCode(() => other.putStored(cid, half)), 'BadMessage')
  const bomb = { ...stored, rawLength: 40_000 }
  assert.is(await errorCode(() => other.putStored(cid, bomb)), 'BadMessage')
  const huge = { ...stored, rawLength: MAX_BLOCK_BYTES + 1 }
  assert.is(await errorCode(() => other.putStored(cid, huge)), 'LimitExceeded')
  assert.is(await errorCode(() => other.putStored(cid, { ...stored, codec: 9 })), 'UnknownFormat')
  assert.not(await other.has(cid))
  assert.ok(await other.putStored(cid, stored))
  assert.equal(Buffer.from(await other.get(cid)), Buffer.from(bytes))
})

test('bytes that are not those of the CID, foreign CIDs and blocks that are too large are refused', async (t) => {
  const stock = await stockFor(t, await temporaryFolder(t))
  const { cid } = rawBlock(10, 1)
  assert.is(await errorCode(() => stock.put(cid, Buffer.from('other'))), 'BlockMismatch')
  const foreign = CID.createV1(RAW_CODE, await sha512.digest(Buffer.from('x')))
  assert.is(await errorCode(() => stock.put(foreign, Buffer.from('x'))), 'UnknownFormat')
  assert.is(await errorCode(() => stock.has(foreign)), 'UnknownFormat')
  assert.is(await errorCode(() => stock.put(CID.createV1(0x51, cid.multihash), Buffer.from('x'))), 'UnknownFormat')
  assert.is(await errorCode(() => stock.put(cid, new Uint8Array(MAX_BLOCK_BYTES + 1))), 'LimitExceeded')
  assert.is(await errorCode(() => stock.pin(cid, 'own')), 'BlockMissing')
})

test('a damaged block is never given out: the error names the block and the pack', async (t) => {
  const folder = await temporaryFolder(t)
  const stock = await stockFor(t, folder)
  const { cid, bytes } = rawBlock(5000, 1)
  await stock.put(cid, bytes)
  await stock.commit()
  const pack = join(folder, 'packs', (await readdir(join(folder, 'packs')))[0]!)
  const good = await readFile(pack)
  for (const at of [9, 30, 64, 80, good.length - 1]) {
    const bad = Buffer.from(good)
    bad[at] = bad[at]! ^ 1
    await writeFile(pack, bad)
    assert.is(await errorCode(() => stock.get(cid)), 'BlockMismatch', `byte ${at}`)
    assert.is(await errorCode(() => stock.getStored(cid)), 'BlockMismatch', `byte ${at}`)
  }
  await writeFile(pack, good)
  await stock.get(cid)
})

test('the catalogue can be lost, damaged, behind or of another world: the packs say it all', async (t) => {
  const folder = await temporaryFolder(t)
  const path = cataloguePath(folder)
  const records = []
  for (let round = 0; round < 6; round++) {
    const stock = await stockFor(t, folder)
    records.push(await pushVersion(stock, { a: someBytes(20_000, round), b: someBytes(5000, 1) }))
    for (const record of records) for await (const cid of stock.blocksOf([record])) await stock.get(cid)
    await stock.close()
    if (round === 0) await rm(path)
    if (round === 1) await writeFile(path, 'this is no database, although it is long enough to be looked at'.repeat(99))
    if (round === 2) await writeFile(path, (await readFile(path)).subarray(0, 5000))
    if (round === 3) await appendFile(path, Buffer.alloc(100))
    if (round === 4) {
      const other = await stockFor(t, await temporaryFolder(t))
      await pushVersion(other, { c: someBytes(99_000, 9) })
      await other.close()
      await writeFile(path, await readFile(cataloguePath(other.folder)))
    }
  }
})

test('a reader sees what was committed, beside a writer that goes on', async (t) => {
  const folder = await temporaryFolder(t)
  const empty = await stockFor(t, join(folder, 'not', 'there'), { writable: false })
  assert.equal(empty.pins(), [])
  assert.not(await empty.has(rawBlock(1, 1).cid))
  const writer = await stockFor(t, folder)
  const record = await pushVersion(writer, { a: someBytes(9000, 1) })
  for (const options of [{}, { cataloguePath: IN_MEMORY }]) {
    const reader = await stockFor(t, folder, { writable: false, ...options })
    assert.equal(
      reader.pins().map((pin) => pin.cid.toString()),
      [record.toString()],
    )
    for await (const cid of reader.blocksOf([record])) await reader.get(cid)
    assert.is(await errorCode(() => reader.put(rawBlock(1, 1).cid, rawBlock(1, 1).bytes)), 'NotAllowed')
    assert.is(await errorCode(() => reader.commit()), 'NotAllowed')
    assert.is(await errorCode(() => reader.pin(record, 'x')), 'NotAllowed')
  }
})

test('a reader whose packs vanish under it looks again', async (t) => {
  const folder = await temporaryFolder(t)
  const writer = await stockFor(t, folder)
  const dead = await pushVersion(writer, { a: someBytes(90_000, 1) })
  const record = await pushVersion(writer, { a: someBytes(9000, 2) })
  const readers = []
  for (const options of [{}, { cataloguePath: IN_MEMORY }]) {
    const reader = await stockFor(t, folder, { writable: false, ...options })
    assert.ok(await reader.has(record))
    readers.push(reader)
  }
  await writer.unpin(dead)
  const report = await writer.gc()
  assert.is(report.rewrittenPacks, 1)
  for (const reader of readers) for await (const cid of reader.blocksOf([record])) await reader.get(cid)
})

test('one writer at a time; the next one gets the stock when it is closed', async (t) => {
  const folder = await temporaryFolder(t)
  const first = await stockFor(t, folder)
  assert.is(await errorCode(() => stockFor(t, folder)), 'StoreLocked')
  const second = stockFor(t, folder, { waitMs: 5000 })
  await first.close()
  await (await second).close()
})

test('a process that only reads pins opens no catalogue', async (t) => {
  const folder = await temporaryFolder(t)
  const stock = await stockFor(t, folder, { cataloguePath: IN_MEMORY })
  await pushVersion(stock, { a: someBytes(9000, 1) })
  await stock.close()
  const reader = await stockFor(t, folder, { writable: false })
  assert.is(reader.pins().length, 1)
  assert.is(await stat(cataloguePath(folder)).catch(() => undefined), undefined)
})

test('directories and files come back as they were', async (t) => {
  const stock = await stockFor(t, await temporaryFolder(t))
  const bytes = someBytes(70_000, 1)
  const file = await stock.addFile(inChunks(bytes, 7000), { leafBytes: 1024 })
  assert.is(file.sizeBytes, 70_000)
  const { cid } = await stock.addDirectory(
    new Map([
      ['f', { kind: 'file', ...file }],
      ['l', { kind: 'symlink', target: '../ö' }],
      ['d', { kind: 'directory', entries: new Map() }],
    ]),
  )
  const [d, f, l] = await stock.readDirectory(cid)
  assert.equal([d!.kind, d!.name, f!.kind, f!.name, l!.kind, l!.name], ['directory', 'd', 'file', 'f', 'symlink', 'l'])
  assert.ok(l!.kind === 'symlink' && l!.target === '../ö')
  assert.ok(f!.kind === 'file' && f!.sizeBytes === 70_000)
  const read = await collect(stock.readFile(f!.cid, { expectedBytes: 70_000 }))
  assert.ok(Buffer.concat(read).equals(bytes))
})

test('many commits at once are some few, and each acknowledges what came before it', async (t) => {
  const folder = await temporaryFolder(t)
  const stock = await stockFor(t, folder)
  const blocks = Array.from({ length: 50 }, (_, i) => rawBlock(500 + i, i))
  await Promise.all(
    blocks.map(async ({ cid, bytes }) => {
      await stock.put(cid, bytes)
      await stock.commit()
      const reader = await stockFor(t, folder, { writable: false, cataloguePath: IN_MEMORY })
      assert.ok(await reader.has(cid))
    }),
  )
})
