import * as dagPb from '@ipld/dag-pb'
import { MemoryBlockstore } from 'blockstore-core/memory'
import * as fc from 'fast-check'
import { UnixFS } from 'ipfs-unixfs'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced, flat, trickle } from 'ipfs-unixfs-importer/layout'
import type { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { cidOf, DAG_CBOR_CODE, DAG_PB_CODE, keyOf, RAW_CODE } from '../../../src/stock/cid.ts'
import { addDirectory } from '../../../src/stock/dag-directory.ts'
import { addFile } from '../../../src/stock/dag-file.ts'
import { decodeNode } from '../../../src/stock/dag-node.ts'
import { readDirectory, readFile } from '../../../src/stock/dag-read.ts'
import { collect, errorCode } from '../../disk/fixture.ts'
import { test } from '../../harness.ts'
import { inChunks, MemoryBlocks, someBytes } from './memory-blocks.ts'

async function content(blocks: MemoryBlocks, cid: CID, expectedBytes: number): Promise<Buffer> {
  return Buffer.concat(await collect(readFile(blocks, cid, { expectedBytes })))
}

/** What another program makes of the files, in our blocks; gives the root. */
async function foreign(blocks: MemoryBlocks, files: Record<string, Uint8Array>, options: object): Promise<CID> {
  const store = new MemoryBlockstore()
  const source = Object.entries(files).map(([path, content]) => ({ path, content }))
  let root: CID | undefined
  for await (const entry of importer(source, store, { wrapWithDirectory: true, ...options })) root = entry.cid
  for await (const { cid, bytes } of store.getAll()) {
    const parts = await collect(bytes as AsyncIterable<Uint8Array>)
    blocks.blocks.set(keyOf(cid), Buffer.concat(parts))
  }
  return root!.toV1()
}

async function putNode(blocks: MemoryBlocks, unixfs: UnixFS, links: Array<{ cid: CID; name?: string }>): Promise<CID> {
  const pbLinks = links.map(({ cid, name = '' }) => ({ Hash: cid, Name: name, Tsize: 1 }))
  const bytes = dagPb.encode({ Data: unixfs.marshal(), Links: pbLinks })
  const cid = cidOf(DAG_PB_CODE, bytes)
  await blocks.putVerified(cid, bytes)
  return cid
}

async function putRaw(blocks: MemoryBlocks, bytes: Uint8Array): Promise<CID> {
  const cid = cidOf(RAW_CODE, bytes)
  await blocks.putVerified(cid, bytes)
  return cid
}

test('files come back as they went in, whatever their size', async () => {
  for (const size of [0, 1, 99, 100, 101, 5000, 150_000]) {
    const blocks = new MemoryBlocks()
    const bytes = someBytes(size, size)
    const { cid } = await addFile(blocks, inChunks(bytes, 777), { leafBytes: 100 })
    assert.ok((await content(blocks, cid, size)).equals(bytes), `${size} bytes`)
  }
})

test('files that other programs made are read: any leaves, any layout, old CIDs', async () => {
  const chunker = fixedSize({ chunkSize: 37 })
  const bytes = someBytes(5000, 1)
  const variants = [
    { rawLeaves: false, chunker },
    { rawLeaves: false, leafType: 'raw', chunker },
    { rawLeaves: true, chunker, layout: trickle({ maxChildrenPerNode: 4 }) },
    { rawLeaves: false, chunker, layout: trickle({ maxChildrenPerNode: 3, layerRepeat: 2 }) },
    { rawLeaves: true, chunker, layout: balanced({ maxChildrenPerNode: 3 }) },
    { rawLeaves: true, chunker, layout: flat() },
    { rawLeaves: false, cidVersion: 0, chunker },
    { rawLeaves: false, reduceSingleLeafToSelf: true },
    { profile: 'unixfs-v0-2015' },
  ]
  for (const [i, options] of variants.entries()) {
    const blocks = new MemoryBlocks()
    const root = await foreign(blocks, { a: bytes, b: bytes.subarray(0, 20), c: new Uint8Array(0) }, options)
    const [a, b, c] = await readDirectory(blocks, root)
    assert.ok(a?.kind === 'file' && a.sizeBytes === 5000, `variant ${i}`)
    assert.ok((await content(blocks, a.cid, 5000)).equals(bytes), `variant ${i}`)
    assert.ok(b?.kind === 'file' && (await content(blocks, b.cid, 20)).equals(bytes.subarray(0, 20)), `variant ${i}`)
    assert.ok(c?.kind === 'file' && c.sizeBytes === 0 && (await content(blocks, c.cid, 0)).length === 0)
  }
})

test('a node that holds bytes beside links gives its own bytes first', async () => {
  const blocks = new MemoryBlocks()
  const leaf = await putRaw(blocks, Buffer.from(' and linked'))
  const unixfs = new UnixFS({ type: 'file', data: Buffer.from('inline'), blockSizes: [11n] })
  const cid = await putNode(blocks, unixfs, [{ cid: leaf }])
  assert.is((await content(blocks, cid, 17)).toString(), 'inline and linked')
})

test('names of any Unicode come back as they were, in plain and in sharded directories', async () => {
  const names = ['\uFEFFmark', 'é', 'e\u0301', '日本', '😀', ' ', '\uFFFD', 'a\\b', 'x'.repeat(255), '..a', '\u0001']
  for (const count of [0, 6000]) {
    const blocks = new MemoryBlocks()
    const file = await addFile(blocks, inChunks(Buffer.from('x'), 1), { leafBytes: 10 })
    const all = [...names, ...Array.from({ length: count }, (_, i) => `entry ${i}`)]
    const { cid } = await addDirectory(blocks, new Map(all.map((name) => [name, { kind: 'file', ...file }])))
    const read = await readDirectory(blocks, cid)
    assert.equal(read.map((entry) => entry.name).sort(), [...all].sort())
  }
})

test('sharded directories of other programs are read, also those of another fan-out', async () => {
  const files = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, Buffer.from([i & 255])]))
  for (const shardFanoutBits of [3, 4, 8]) {
    const blocks = new MemoryBlocks()
    const root = await foreign(blocks, files, { shardSplitThresholdBytes: 10, shardFanoutBits })
    assert.is((await readDirectory(blocks, root)).length, 300)
  }
})

test('a file that unfolds to more than expected is stopped there', async () => {
  const blocks = new MemoryBlocks()
  const leaf = await putRaw(blocks, Buffer.alloc(1000))
  let cid = leaf
  for (let level = 0; level < 10; level++) {
    cid = await putNode(
      blocks,
      new UnixFS({ type: 'file' }),
      Array.from({ length: 1000 }, () => ({ cid })),
    )
  }
  blocks.reads = 0
  assert.is(await errorCode(() => content(blocks, cid, 100_000)), 'LimitExceeded')
  assert.ok(blocks.reads < 200)
})

test('a file of empty or tiny pieces without end is stopped', async () => {
  for (const piece of [Buffer.alloc(0), Buffer.alloc(1)]) {
    const blocks = new MemoryBlocks()
    let cid = await putRaw(blocks, piece)
    for (let level = 0; level < 6; level++) {
      cid = await putNode(
        blocks,
        new UnixFS({ type: 'file' }),
        Array.from({ length: 1000 }, () => ({ cid })),
      )
    }
    assert.is(await errorCode(() => content(blocks, cid, 1_000_000)), 'LimitExceeded')
    assert.ok(blocks.reads < 100_000)
  }
})

test('a file that is too deep, too short or no file is an error', async () => {
  const blocks = new MemoryBlocks()
  const leaf = await putRaw(blocks, Buffer.alloc(10))
  let deep = leaf
  for (let level = 0; level < 100; level++) deep = await putNode(blocks, new UnixFS({ type: 'file' }), [{ cid: deep }])
  assert.is(await errorCode(() => content(blocks, deep, 10)), 'LimitExceeded')
  assert.is(await errorCode(() => content(blocks, leaf, 11)), 'UnknownFormat')
  const directory = await putNode(blocks, new UnixFS({ type: 'directory' }), [])
  assert.is(await errorCode(() => content(blocks, directory, 10)), 'UnknownFormat')
  assert.is(await errorCode(() => readDirectory(blocks, leaf)), 'UnknownFormat')
  const cbor = cidOf(DAG_CBOR_CODE, Buffer.from([0xa0]))
  await blocks.putVerified(cbor, Buffer.from([0xa0]))
  assert.is(await errorCode(() => content(blocks, cbor, 10)), 'UnknownFormat')
  assert.is(await errorCode(() => content(blocks, cidOf(RAW_CODE, Buffer.from('no')), 2)), 'BlockMissing')
})

test('directories with names that must not be placed, or twice the same, are refused', async () => {
  const blocks = new MemoryBlocks()
  const leaf = await putRaw(blocks, Buffer.alloc(10))
  for (const names of [['..'], ['.'], [''], ['a/b'], ['/etc'], ['a\0'], ['a', 'a']]) {
    const links = names.map((name) => ({ cid: leaf, name }))
    const cid = await putNode(blocks, new UnixFS({ type: 'directory' }), links)
    assert.is(await errorCode(() => readDirectory(blocks, cid)), 'UnsafePath', JSON.stringify(names))
  }
  const bytes = Buffer.from(
    dagPb.encode({ Data: new UnixFS({ type: 'directory' }).marshal(), Links: [{ Hash: leaf, Name: 'QQ', Tsize: 1 }] }),
  )
  bytes.fill(0xff, bytes.indexOf('QQ'), bytes.indexOf('QQ') + 2)
  const cid = cidOf(DAG_PB_CODE, bytes)
  await blocks.putVerified(cid, bytes)
  assert.is(await errorCode(() => readDirectory(blocks, cid)), 'UnsafePath')
})

test('a sharded directory of nothing but shards is stopped', async () => {
  const blocks = new MemoryBlocks()
  const shard = () =>
    new UnixFS({ type: 'hamt-sharded-directory', data: Buffer.from([1]), fanout: 256n, hashType: 0x22n })
  let cid = await putNode(blocks, shard(), [])
  for (let level = 0; level < 5; level++) {
    const links = Array.from({ length: 256 }, (_, i) => ({ cid, name: i.toString(16).toUpperCase().padStart(2, '0') }))
    cid = await putNode(blocks, shard(), links)
  }
  assert.is(await errorCode(() => readDirectory(blocks, cid)), 'LimitExceeded')
  assert.ok(blocks.reads < 5000)
  let deep = await putNode(blocks, shard(), [])
  for (let level = 0; level < 50; level++) deep = await putNode(blocks, shard(), [{ cid: deep, name: '00' }])
  assert.is(await errorCode(() => readDirectory(blocks, deep)), 'LimitExceeded')
})

test('nodes are read like the reference reads them, and no bytes crash the reader', async () => {
  const arbitraryLink = fc.record({
    name: fc.string({ maxLength: 8 }).filter((name) => !name.startsWith('\uFEFF')),
    size: fc.nat(),
    seed: fc.nat(5),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(arbitraryLink, { maxLength: 5 }),
      fc.option(fc.uint8Array({ maxLength: 20, minLength: 1 })),
      fc.boolean(),
      async (links, data, dataFirst) => {
        const Links = links.map(({ name, size, seed }) => ({
          Hash: cidOf(RAW_CODE, Buffer.from([seed])),
          Name: name,
          Tsize: size,
        }))
        const node = dagPb.prepare({ Links, ...(data === null ? {} : { Data: data }) })
        const ours = decodeNode(dagPb.encode(node, { fieldOrder: dataFirst ? 'data-first' : 'links-first' }))
        assert.equal(
          ours.links.map((link) => [Buffer.from(link.nameBytes).toString(), link.cid.toString(), link.totalBytes]),
          node.Links.map((link) => [link.Name, link.Hash.toString(), link.Tsize]),
        )
        assert.equal(ours.data === undefined ? null : [...ours.data], data === null ? null : [...data])
      },
    ),
    { seed: 2 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeNode(bytes)
      } catch (error) {
        assert.is((error as { code: string }).code, 'UnknownFormat')
      }
    }),
    { numRuns: 2000, seed: 3 },
  )
})
