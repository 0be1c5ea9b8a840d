import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { cidOf, DAG_CBOR_CODE, keyOf, RAW_CODE } from '../../../src/stock/cid.ts'
import { linksOf } from '../../../src/stock/links.ts'
import type { Stock } from '../../../src/stock/stock.ts'
import type { Wants } from '../../../src/stock/wants.ts'
import { collect, errorCode, temporaryFolder } from '../../disk/fixture.ts'
import { seeded } from '../../disk/lossy-files.ts'
import type { TestContext } from '../../harness.ts'
import { test } from '../../harness.ts'
import { someBytes } from './memory-blocks.ts'
import { pushVersion, rawBlock, stockFor } from './stock-fixture.ts'

async function twoStocks(t: TestContext): Promise<{ holder: Stock; puller: Stock }> {
  const holder = await stockFor(t, await temporaryFolder(t))
  return { holder, puller: await stockFor(t, await temporaryFolder(t)) }
}

/** Pulls all that is wanted, `batchBlocks` at a time, and gives what was asked for. */
async function pull(wants: Wants, holder: Stock, batchBlocks: number, stored = false): Promise<CID[]> {
  const asked: CID[] = []
  while (!(await wants.isDone())) {
    const batch = await wants.next(batchBlocks)
    assert.ok(batch.length > 0 && batch.length <= batchBlocks)
    asked.push(...batch)
    for (const cid of batch) {
      if (stored) await wants.arrivedStored(cid, await holder.getStored(cid))
      else await wants.arrived(cid, await holder.get(cid))
    }
  }
  return asked
}

const files = { image: someBytes(40_000, 1), changes: someBytes(9000, 2), empty: new Uint8Array(0) }

test('everything that is missing is asked for once, and the version is whole afterwards', async (t) => {
  const { holder, puller } = await twoStocks(t)
  const record = await pushVersion(holder, files)
  const all = (await collect(holder.blocksOf([record]))).map(String)
  for (const stored of [false, true]) {
    const other = stored ? puller : await stockFor(t, await temporaryFolder(t))
    const asked = await pull(other.wants([record], { lease: other.lease() }), holder, 7, stored)
    assert.equal(asked.map(String).sort(), [...all].sort())
    assert.equal((await collect(other.blocksOf([record]))).map(String), all)
  }
})

test('after a break only what is still missing is asked for', async (t) => {
  const { holder, puller } = await twoStocks(t)
  const record = await pushVersion(holder, files)
  const total = (await collect(holder.blocksOf([record]))).length
  const first = puller.wants([record], { lease: puller.lease() })
  let arrived = 0
  for (let round = 0; round < 4; round++) {
    for (const cid of await first.next(5)) {
      await first.arrived(cid, await holder.get(cid))
      arrived++
    }
  }
  await puller.commit()
  await puller.close()
  const next = await stockFor(t, puller.folder)
  const wants = next.wants([record], { lease: next.lease() })
  assert.is((await pull(wants, holder, 50)).length, total - arrived)
  assert.is(wants.counts.presentBlocks, arrived)
  assert.is(wants.counts.arrivedBlocks, total - arrived)
})

test('of a second version only the changes are asked for', async (t) => {
  const { holder, puller } = await twoStocks(t)
  const one = await pushVersion(holder, files)
  await pull(puller.wants([one], { lease: puller.lease() }), holder, 10)
  const changed = Uint8Array.from(files.image)
  changed[20_000] = changed[20_000]! ^ 1
  const two = await pushVersion(holder, { ...files, image: changed })
  // The record, the directory, the node of the image and one leaf.
  assert.is((await pull(puller.wants([two], { lease: puller.lease() }), holder, 10)).length, 4)
})

test('a pinned version is not walked, and complete nodes are not walked twice', async (t) => {
  const { holder, puller } = await twoStocks(t)
  const one = await pushVersion(holder, files)
  await pull(puller.wants([one], { lease: puller.lease() }), holder, 10)
  const again = puller.wants([one], { lease: puller.lease() })
  assert.ok(await again.isDone())
  assert.is(again.counts.presentBlocks, 1)
  await puller.pin(one, 'pulled')
  const pinned = puller.wants([one], { lease: puller.lease() })
  assert.ok(await pinned.isDone())
  assert.is(pinned.counts.presentBlocks, 0)
})

test('what a holder does not send is given back and asked of the next one', async (t) => {
  const { holder, puller } = await twoStocks(t)
  const record = await pushVersion(holder, files)
  const wants = puller.wants([record], { lease: puller.lease() })
  const random = seeded(1)
  let rounds = 0
  while (!(await wants.isDone())) {
    assert.ok(++rounds < 200)
    const batches = await Promise.all([wants.next(4), wants.next(4)])
    for (const cid of batches.flat()) {
      if (random() < 0.5) wants.giveBack(cid)
      else await wants.arrived(cid, await holder.get(cid))
    }
  }
  assert.is(wants.counts.askedBlocks, 0)
  for await (const cid of puller.blocksOf([record])) await puller.get(cid)
})

test('wrong bytes, unasked blocks and more bytes than the record says are refused', async (t) => {
  const { holder, puller } = await twoStocks(t)
  const record = await pushVersion(holder, files)
  const wants = puller.wants([record], { lease: puller.lease(), maxBytes: 2000 })
  const [first] = await wants.next(1)
  assert.is(await errorCode(() => wants.arrived(first!, Buffer.from('wrong'))), 'BlockMismatch')
  const { cid, bytes } = rawBlock(10, 1)
  assert.is(await errorCode(() => wants.arrived(cid, bytes)), 'NotAllowed')
  assert.not(await puller.has(cid))
  wants.giveBack(first!)
  assert.is(await errorCode(() => pull(wants, holder, 10)), 'LimitExceeded')
})

test('a DAG that goes down without end is stopped; the same leaf a million times is asked for once', async (t) => {
  const { puller } = await twoStocks(t)
  const blocks = new Map<string, Uint8Array>()
  const put = (value: unknown): CID => {
    const bytes = dagCbor.encode(value)
    const cid = cidOf(DAG_CBOR_CODE, bytes)
    blocks.set(keyOf(cid), bytes)
    return cid
  }
  let deep = put('end')
  for (let i = 0; i < 600; i++) deep = put([deep])
  const leaf = rawBlock(10, 1)
  blocks.set(keyOf(leaf.cid), leaf.bytes)
  const wide = put(Array.from({ length: 40_000 }, () => leaf.cid))
  const follow = async (root: CID) => {
    const wants = puller.wants([root], { lease: puller.lease() })
    while (!(await wants.isDone())) {
      for (const cid of await wants.next(10)) await wants.arrived(cid, blocks.get(keyOf(cid))!)
    }
    return wants.counts.arrivedBlocks
  }
  assert.is(await errorCode(() => follow(deep)), 'LimitExceeded')
  assert.is(await follow(wide), 2)
})

test('the same bytes as a leaf and as a node: what the node links to is wanted too', async (t) => {
  const { puller } = await twoStocks(t)
  const leaf = rawBlock(10, 1)
  const nodeBytes = dagCbor.encode([leaf.cid])
  const node = cidOf(DAG_CBOR_CODE, nodeBytes)
  const sameRaw = CID.createV1(RAW_CODE, node.multihash)
  const rootBytes = dagCbor.encode([sameRaw, node])
  const root = cidOf(DAG_CBOR_CODE, rootBytes)
  const blocks = new Map([
    [keyOf(leaf.cid), leaf.bytes],
    [keyOf(node), nodeBytes],
    [keyOf(root), rootBytes],
  ])
  const wants = puller.wants([root], { lease: puller.lease() })
  while (!(await wants.isDone())) {
    for (const cid of await wants.next(10)) await wants.arrived(cid, blocks.get(keyOf(cid))!)
  }
  assert.ok(await puller.has(leaf.cid))
})

test('the links of a block are those of its kind; a block of another kind is an error', () => {
  const leaf = rawBlock(10, 1).cid
  const value = { contents: leaf, parent: leaf.bytes, list: [{ a: leaf }] }
  const bytes = dagCbor.encode(value)
  assert.equal(linksOf(cidOf(DAG_CBOR_CODE, bytes), bytes).map(String), [String(leaf), String(leaf)])
  assert.equal(linksOf(cidOf(RAW_CODE, bytes), bytes), [])
  const deep = Buffer.alloc(1_000_000, 0x81)
  for (const bad of [Buffer.from('x'), deep, Buffer.from([0xff])]) {
    assert.throws(
      () => linksOf(cidOf(DAG_CBOR_CODE, bad), bad),
      (error: { code: string }) => error.code === 'UnknownFormat',
    )
  }
})
