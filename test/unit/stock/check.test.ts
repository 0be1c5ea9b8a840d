import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import type { Fetch, Finding } from '../../../src/stock/check.ts'
import { RAW_CODE } from '../../../src/stock/cid.ts'
import type { Stock } from '../../../src/stock/stock.ts'
import { collect, temporaryFolder } from '../../disk/fixture.ts'
import { seeded } from '../../disk/lossy-files.ts'
import type { TestContext } from '../../harness.ts'
import { test } from '../../harness.ts'
import { someBytes } from './memory-blocks.ts'
import { pushVersion, rawBlock, stockFor } from './stock-fixture.ts'

const files = { image: someBytes(40_000, 1), changes: someBytes(9000, 2) }

/** A stock and another one that holds the same, to repair from. */
async function twins(t: TestContext): Promise<{ stock: Stock; record: CID; fetch: Fetch; fetched: CID[] }> {
  const other = await stockFor(t, await temporaryFolder(t))
  await pushVersion(other, files)
  const stock = await stockFor(t, await temporaryFolder(t))
  const record = await pushVersion(stock, files)
  const fetched: CID[] = []
  async function* fetch(cids: CID[]) {
    for (const cid of cids) {
      if (!(await other.has(cid))) continue
      fetched.push(cid)
      yield { cid, bytes: await other.get(cid) }
    }
  }
  return { stock, record, fetch, fetched }
}

async function onlyPack(stock: Stock): Promise<string> {
  const names = await readdir(join(stock.folder, 'packs'))
  return join(stock.folder, 'packs', names[0]!)
}

async function damage(path: string, offsets: number[]): Promise<void> {
  const bytes = await readFile(path)
  for (const at of offsets) bytes[at] = bytes[at]! ^ 0x10
  await writeFile(path, bytes)
}

const kinds = (findings: Finding[]) => findings.map((finding) => finding.what).sort()

test('a whole stock has no findings, and the check says how far it is', async (t) => {
  const { stock } = await twins(t)
  let seen = 0
  const findings = await stock.check({
    onProgress: ({ checkedBlocks, checkedBytes, totalBytes }) => {
      assert.ok(checkedBlocks === ++seen && checkedBytes <= totalBytes)
    },
  })
  assert.equal(findings, [])
  assert.is(seen, (await stock.totals()).blocks)
})

test('any damaged byte of any block is found, named with the versions that need it, and repaired', async (t) => {
  const { stock, record, fetch } = await twins(t)
  const path = await onlyPack(stock)
  const good = await readFile(path)
  const random = seeded(3)
  for (let round = 0; round < 25; round++) {
    await writeFile(path, good)
    await damage(path, [8 + Math.floor(random() * (good.length - 8))])
    const findings = await stock.check()
    assert.is(findings.length, 1, `round ${round}`)
    assert.equal(findings[0]?.pinnedBy.map(String), [String(record)])
  }
  const findings = await stock.check()
  const report = await stock.repair(findings, fetch)
  assert.is(report.repairedBlocks, 1)
  assert.equal(report.stillBad, [])
  assert.equal(await stock.check(), [])
  await stock.close()
  assert.equal(await (await stockFor(t, stock.folder)).check(), [])
})

test('a lost pack is found block by block as far as its nodes tell, and all of it is fetched again', async (t) => {
  const { stock, record, fetch, fetched } = await twins(t)
  const blocks = (await collect(stock.blocksOf([record]))).length
  await rm(await onlyPack(stock))
  await stock.close()
  const next = await stockFor(t, stock.folder)
  const findings = await next.check()
  assert.equal(kinds(findings), ['missing'])
  assert.equal((await next.repair(findings, fetch)).stillBad, [])
  assert.is(fetched.length, blocks)
  assert.equal(await next.check(), [])
})

test('a pack cut off in the middle loses what was behind the cut, and nothing else', async (t) => {
  const { stock, record, fetch, fetched } = await twins(t)
  const path = await onlyPack(stock)
  const bytes = await readFile(path)
  await writeFile(path, bytes.subarray(0, bytes.length / 2))
  const findings = await stock.check()
  assert.equal(findings.find((finding) => finding.what === 'missing')?.pinnedBy.map(String), [String(record)])
  await stock.repair(findings, fetch)
  assert.ok(fetched.length < (await collect(stock.blocksOf([record]))).length)
  assert.equal(await stock.check(), [])
})

test('what others give is verified: lies repair nothing, and the rest is named', async (t) => {
  const { stock, fetch } = await twins(t)
  const path = await onlyPack(stock)
  await damage(path, [500, 5000, 12_000])
  const findings = await stock.check()
  assert.is(findings.length, 3)
  async function* lie(cids: CID[]) {
    for (const cid of cids) yield { cid, bytes: Buffer.from('not what was asked for') }
    yield rawBlock(10, 1)
  }
  const report = await stock.repair(findings, lie)
  assert.is(report.repairedBlocks, 0)
  assert.is(report.stillBad.length, 3)
  assert.is((await stock.check()).length, 3)
  assert.is((await stock.repair(findings, fetch)).repairedBlocks, 3)
  assert.equal(await stock.check(), [])
})

test('damage in what nobody pins is told apart, and the next sweep takes it away', async (t) => {
  const { stock, record } = await twins(t)
  const path = await onlyPack(stock)
  await stock.unpin(record)
  await damage(path, [500])
  const findings = await stock.check()
  assert.equal(
    findings.map((finding) => finding.pinnedBy),
    [[]],
  )
  await stock.gc()
  assert.equal(await stock.check(), [])
})

test('a pinned block that is not what its name says it is, is unreadable', async (t) => {
  const { stock } = await twins(t)
  const { cidOf, DAG_CBOR_CODE } = await import('../../../src/stock/cid.ts')
  const bytes = Buffer.from([0xff, 0x00])
  const cid = cidOf(DAG_CBOR_CODE, bytes)
  await stock.put(cid, bytes)
  await stock.pin(cid, 'own')
  await stock.commit()
  assert.equal(kinds(await stock.check()), ['unreadable'])
})

test('a sweep keeps a pack whose live blocks are damaged, so that what can be read of it stays', async (t) => {
  const { stock, record } = await twins(t)
  const gone = await pushVersion(stock, { big: someBytes(200_000, 9) })
  const leaf = (await collect(stock.blocksOf([record]))).find((cid) => cid.code === RAW_CODE)
  const path = await onlyPack(stock)
  const at = (await readFile(path)).indexOf(leaf!.bytes)
  await damage(path, [at + 45])
  await stock.unpin(gone)
  await stock.gc()
  assert.equal(kinds(await stock.check()), ['damaged'])
})
