/** What any blockstore behind Bitswap must do: one suite over the stock and over the memory store of the libraries. */
import { MemoryBlockstore } from 'blockstore-core/memory'
import type { Blockstore } from 'interface-blockstore'
import type { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { StockBlockstore } from '../../src/stock/blockstore.ts'
import { collect, errorCode, temporaryFolder } from '../disk/fixture.ts'
import type { TestContext } from '../harness.ts'
import { test } from '../harness.ts'
import { rawBlock, stockFor } from '../unit/stock/stock-fixture.ts'

const makers: Record<string, (t: TestContext) => Promise<Blockstore>> = {
  'the memory store': async () => new MemoryBlockstore(),
  'the stock': async (t) => new StockBlockstore(await stockFor(t, await temporaryFolder(t))),
}

const blocks = [rawBlock(0, 1), rawBlock(10, 2), rawBlock(100_000, 3), rawBlock(1_000_000, 4)]

async function bytesOf(store: Blockstore, cid: CID): Promise<Buffer> {
  return Buffer.concat(await collect(store.get(cid) as AsyncIterable<Uint8Array>))
}

for (const [name, make] of Object.entries(makers)) {
  test(`${name} gives back what was put`, async (t) => {
    const store = await make(t)
    for (const { cid, bytes } of blocks) {
      assert.not(await store.has(cid))
      assert.ok((await store.put(cid, bytes)).equals(cid))
      assert.ok(await store.has(cid))
      assert.ok((await bytesOf(store, cid)).equals(bytes))
    }
  })

  test(`${name} takes bytes in pieces`, async (t) => {
    const store = await make(t)
    const { cid, bytes } = rawBlock(100_000, 3)
    await store.put(cid, [bytes.subarray(0, 10), bytes.subarray(10)])
    assert.ok((await bytesOf(store, cid)).equals(bytes))
    const other = rawBlock(5000, 9)
    async function* pieces() {
      yield other.bytes.subarray(0, 999)
      yield other.bytes.subarray(999)
    }
    await store.put(other.cid, pieces())
    assert.ok((await bytesOf(store, other.cid)).equals(other.bytes))
  })

  test(`${name} says NotFoundError for what is not there`, async (t) => {
    const store = await make(t)
    try {
      await bytesOf(store, rawBlock(10, 2).cid)
      assert.unreachable()
    } catch (error) {
      assert.is((error as Error).name, 'NotFoundError')
    }
  })

  test(`${name} puts, gets and lists many`, async (t) => {
    const store = await make(t)
    const put = await collect(store.putMany(blocks) as AsyncIterable<CID>)
    assert.equal(
      put.map(String),
      blocks.map(({ cid }) => String(cid)),
    )
    const cids = blocks.map(({ cid }) => cid)
    for await (const pair of store.getMany(cids)) {
      const parts = await collect(pair.bytes as AsyncIterable<Uint8Array>)
      assert.ok(Buffer.concat(parts).equals(blocks.find(({ cid }) => cid.equals(pair.cid))!.bytes))
    }
    const all: string[] = []
    for await (const { cid } of store.getAll()) all.push(String(cid))
    assert.equal(all.sort(), put.map(String).sort())
  })

  test(`${name} stops when it is aborted`, async (t) => {
    const store = await make(t)
    const { cid, bytes } = rawBlock(10, 2)
    const signal = AbortSignal.abort()
    assert.ok(await errorCode(async () => store.put(cid, bytes, { signal })))
    assert.ok(await errorCode(async () => store.has(cid, { signal })))
    assert.ok(await errorCode(() => collect(store.get(cid, { signal }) as AsyncIterable<Uint8Array>)))
  })
}

test('the stock lists what was committed, deletes nothing and takes no wrong bytes', async (t) => {
  const stock = await stockFor(t, await temporaryFolder(t))
  const store = new StockBlockstore(stock)
  await collect(store.putMany(blocks))
  await stock.commit()
  const all: string[] = []
  for await (const { cid } of store.getAll()) all.push(String(cid))
  assert.equal(all.sort(), blocks.map(({ cid }) => String(cid)).sort())
  const [{ cid }] = blocks as [(typeof blocks)[0]]
  assert.is(await errorCode(() => store.delete(cid)), 'NotAllowed')
  assert.is(await errorCode(() => collect(store.deleteMany([cid]))), 'NotAllowed')
  assert.is(await errorCode(() => store.put(cid, Buffer.from('wrong'))), 'BlockMismatch')
})

test('behind a filter the stock holds only what the filter shows', async (t) => {
  const stock = await stockFor(t, await temporaryFolder(t))
  const shown = rawBlock(10, 2)
  const hidden = rawBlock(100, 3)
  for (const { cid, bytes } of [shown, hidden]) await stock.put(cid, bytes)
  await stock.commit()
  const store = new StockBlockstore(stock, (cid) => cid.equals(shown.cid))
  assert.ok(await store.has(shown.cid))
  assert.not(await store.has(hidden.cid))
  assert.is(await errorCode(() => bytesOf(store, hidden.cid)), 'ERR_NOT_FOUND')
  const all: string[] = []
  for await (const { cid } of store.getAll()) all.push(String(cid))
  assert.equal(all, [String(shown.cid)])
})
