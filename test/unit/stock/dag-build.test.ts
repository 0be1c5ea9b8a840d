import { MemoryBlockstore } from 'blockstore-core/memory'
import * as fc from 'fast-check'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import * as assert from 'uvu/assert'
import type { TreeEntry } from '../../../src/stock/dag-directory.ts'
import { addDirectory } from '../../../src/stock/dag-directory.ts'
import { addFile, FILE_LEAF_BYTES } from '../../../src/stock/dag-file.ts'
import { decodeNode } from '../../../src/stock/dag-node.ts'
import { errorCode } from '../../disk/fixture.ts'
import { test } from '../../harness.ts'
import { inChunks, MemoryBlocks, someBytes } from './memory-blocks.ts'

type Plain = { file: Uint8Array } | { link: string } | { directory: Map<string, Plain> }
const LEAF_BYTES = 256

/** The same tree by ipfs-unixfs-importer, the reference for our profile. */
async function oracle(root: Map<string, Plain>, leafBytes = LEAF_BYTES): Promise<string> {
  const source: Array<{ path: string; content?: AsyncIterable<Uint8Array> | Uint8Array; link?: string }> = []
  const visit = (path: string, entry: Plain) => {
    if ('file' in entry) source.push({ path, content: entry.file.length === 0 ? new Uint8Array(0) : entry.file })
    else if ('link' in entry) source.push({ path, link: entry.link })
    else {
      if (entry.directory.size === 0) source.push({ path })
      for (const [name, child] of entry.directory) visit(`${path}/${name}`, child)
    }
  }
  for (const [name, entry] of root) visit(name, entry)
  let last = ''
  const options = { profile: 'unixfs-v1-2025' as const, chunker: fixedSize({ chunkSize: leafBytes }) }
  for await (const entry of importer(source as never, new MemoryBlockstore(), {
    ...options,
    wrapWithDirectory: true,
  })) {
    if (entry.path === '') last = entry.cid.toString()
  }
  return last
}

async function ours(blocks: MemoryBlocks, root: Map<string, Plain>, leafBytes = LEAF_BYTES) {
  const tree = new Map<string, TreeEntry>()
  const convert = async (entry: Plain): Promise<TreeEntry> => {
    if ('link' in entry) return { kind: 'symlink', target: entry.link }
    if ('file' in entry) {
      const { cid, totalBytes } = await addFile(blocks, inChunks(entry.file, 100), { leafBytes })
      return { kind: 'file', cid, totalBytes }
    }
    const entries = new Map<string, TreeEntry>()
    for (const [name, child] of entry.directory) entries.set(name, await convert(child))
    return { kind: 'directory', entries }
  }
  for (const [name, entry] of root) tree.set(name, await convert(entry))
  return addDirectory(blocks, tree)
}

const name = fc
  .string({
    minLength: 1,
    maxLength: 12,
    unit: fc.oneof(
      fc.constantFrom('a', 'B', 'é', '.', ' ', '日', '😀', '\uFEFF'),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
    ),
  })
  .filter((text) => !/[/\0\\]/.test(text) && !/^\.{1,2}$/.test(text) && text.isWellFormed())
const { tree: arbitraryTree } = fc.letrec<{ tree: Map<string, Plain>; entry: Plain }>((tie) => ({
  tree: fc
    .dictionary(name, tie('entry'), { maxKeys: 6, noNullPrototype: true })
    .map((record) => new Map(Object.entries(record))),
  entry: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.uint8Array({ maxLength: 1200 }).map((file) => ({ file })),
    fc
      .string({ minLength: 1, maxLength: 30 })
      .filter((text) => text.isWellFormed() && !text.includes('\0'))
      .map((link) => ({ link })),
    tie('tree').map((directory) => ({ directory })),
  ),
}))

test('any tree gets the CID that the reference importer gives it', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryTree, async (root) => {
      fc.pre(root.size > 0)
      assert.is((await ours(new MemoryBlocks(), root)).cid.toString(), await oracle(root))
    }),
    { numRuns: 150, seed: 1 },
  )
})

test('files of every number of leaves around the bounds of a node get the CID of the reference', async () => {
  for (const leaves of [0, 1, 2, 1023, 1024, 1025, 2048, 2049, 3000]) {
    for (const rest of leaves === 0 ? [0] : [0, 3]) {
      const file = someBytes(leaves * 4 + rest, leaves)
      const root = new Map([['file', { file }]])
      assert.is((await ours(new MemoryBlocks(), root, 4)).cid.toString(), await oracle(root, 4), `${leaves} leaves`)
    }
  }
})

test('large directories are sharded like those of the reference, from the same entry on', async () => {
  const file = Uint8Array.from([1])
  // A link to a leaf takes 44 bytes and its name of 10; the one to the symlink as much as the node itself leaves.
  const lastPlain = Math.floor((256 * 1024 - 54) / 54)
  for (const [count, links] of [
    [lastPlain, lastPlain + 1],
    [lastPlain + 1, 256],
    [6000, 256],
  ] as const) {
    const root = new Map<string, Plain>([['a link', { link: 'name000001' }]])
    for (let i = 0; i < count; i++) root.set(`name${String(i).padStart(6, '0')}`, { file })
    const blocks = new MemoryBlocks()
    const { cid } = await ours(blocks, root)
    assert.is(decodeNode(await blocks.get(cid)).links.length, links)
    assert.is(cid.toString(), await oracle(root), `${count} entries`)
  }
})

test('the size of the chunks that a file comes in changes nothing', async () => {
  const bytes = someBytes(10_000, 5)
  const cids = new Set<string>()
  for (const chunkBytes of [1, 255, 256, 257, 1000, 10_000]) {
    const added = await addFile(new MemoryBlocks(), inChunks(bytes, chunkBytes), { leafBytes: LEAF_BYTES })
    assert.is(added.sizeBytes, 10_000)
    cids.add(added.cid.toString())
  }
  assert.is(cids.size, 1)
})

test('an empty file is one empty leaf, an empty directory the one that all of IPFS knows', async () => {
  const blocks = new MemoryBlocks()
  const { cid } = await addFile(blocks, inChunks(new Uint8Array(0), 1), { leafBytes: LEAF_BYTES })
  assert.is(cid.toString(), 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku')
  const directory = await addDirectory(blocks, new Map())
  assert.is(directory.cid.toString(), 'bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354')
})

test('adding the same again stores nothing', async () => {
  const blocks = new MemoryBlocks()
  const root = new Map<string, Plain>([
    ['f', { file: someBytes(3000, 1) }],
    ['d', { directory: new Map() }],
  ])
  assert.ok((await ours(blocks, root)).newBlocks > 0)
  assert.is((await ours(blocks, root)).newBlocks, 0)
})

test('names that could not be placed again are refused', async () => {
  const entry: TreeEntry = { kind: 'symlink', target: 'x' }
  for (const bad of ['', '.', '..', 'a/b', 'a\0b', '\ud800']) {
    assert.is(await errorCode(() => addDirectory(new MemoryBlocks(), new Map([[bad, entry]]))), 'UnsafePath', bad)
  }
  const long = 'é'.repeat(128)
  assert.is(await errorCode(() => addDirectory(new MemoryBlocks(), new Map([[long, entry]]))), 'LimitExceeded')
  const empty = new Map<string, TreeEntry>([['l', { kind: 'symlink', target: '' }]])
  assert.is(await errorCode(() => addDirectory(new MemoryBlocks(), empty)), 'UnsafePath')
})

test('directories that are too deep are refused', async () => {
  let entries = new Map<string, TreeEntry>()
  for (let i = 0; i < 300; i++) entries = new Map([['d', { kind: 'directory', entries }]])
  assert.is(await errorCode(() => addDirectory(new MemoryBlocks(), entries)), 'LimitExceeded')
})

test('a source that fails makes the file fail, and a stock that fails too', async () => {
  async function* failing() {
    yield someBytes(1000, 1)
    throw new Error('the disk is gone')
  }
  assert.match(String(await errorCode(() => addFile(new MemoryBlocks(), failing(), { leafBytes: 10 }))), 'the disk')
  const full = { putVerified: () => Promise.reject(new Error('the stock is full')) }
  const adding = addFile(full, inChunks(someBytes(1000, 1), 10), { leafBytes: 10 })
  assert.match(String(await errorCode(() => adding)), 'the stock is full')
})

test('an append to a large file costs what was appended, a leaf at most, and the nodes above it', async () => {
  const blocks = new MemoryBlocks()
  const log = someBytes(30_000_000, 5)
  const add = (bytes: Uint8Array) => addFile(blocks, inChunks(bytes, 1_000_000), { leafBytes: FILE_LEAF_BYTES })
  const before = await add(log)
  const links = Math.ceil(log.length / FILE_LEAF_BYTES)
  for (const appended of [1, 1000, 200_000]) {
    const after = await add(Buffer.concat([log, someBytes(appended, 6)]))
    const nodeBytes = (await blocks.get(after.cid)).length
    assert.ok(nodeBytes < (links + 10) * 52, `${nodeBytes} bytes for ${links} links`)
    assert.ok(after.newBytes <= appended + FILE_LEAF_BYTES + nodeBytes, `${after.newBytes} bytes for ${appended}`)
    assert.is.not(String(after.cid), String(before.cid))
  }
})
