import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { cataloguePath, IN_MEMORY } from '../../../src/stock/catalogue.ts'
import { RAW_CODE } from '../../../src/stock/cid.ts'
import { decodeStored } from '../../../src/stock/codec.ts'
import { addFile } from '../../../src/stock/dag-file.ts'
import { collect, errorCode, temporaryFolder } from '../../disk/fixture.ts'
import { type TestContext, test } from '../../harness.ts'
import {
  assertWhole,
  CountedImages,
  imageChain,
  LEAF_BYTES,
  pushChain,
  pushImage,
  SMALL_EDIT,
} from './delta-fixture.ts'
import { inChunks, MemoryBlocks, someBytes } from './memory-blocks.ts'
import { stockFor } from './stock-fixture.ts'

const THREE = imageChain(1, [SMALL_EDIT, SMALL_EDIT], 600_000)

async function deltaStock(t: TestContext, folder?: string) {
  const images = new CountedImages()
  const stock = await stockFor(t, folder ?? (await temporaryFolder(t)), { images })
  return { stock, images }
}

test('an image of which a relative is here takes a small delta, and neither leaves nor nodes', async (t) => {
  const { stock } = await deltaStock(t)
  const [first] = await pushChain(stock, THREE.slice(0, 1))
  const before = await stock.totals()
  const second = await pushImage(stock, THREE[1]!, [first!.image])
  const after = await stock.totals()
  assert.equal([first?.kept.as, second.kept.as], ['blocks', 'delta'])
  assert.is(after.deltas, 1)
  assert.ok(after.packBytes - before.packBytes < 8000, `${after.packBytes - before.packBytes} bytes`)
  assert.ok(after.rawBytes - before.rawBytes > THREE[1]!.length)
  const kept = await stock.keptAs(second.image)
  assert.ok(kept?.as === 'delta' && kept.base.equals(first!.image) && kept.deltaBytes === after.deltaBytes)
})

test('contents have the same CIDs whether they are kept as deltas or as blocks', async (t) => {
  const { stock } = await deltaStock(t)
  const versions = await pushChain(stock, THREE)
  for (const { image, bytes } of versions) {
    const plain = await addFile(new MemoryBlocks(), inChunks(bytes, 9999), { leafBytes: LEAF_BYTES })
    assert.equal(String(image), String(plain.cid))
  }
})

test('every block of every version can be read alone, in any order, from one rebuild for each image', async (t) => {
  const folder = await temporaryFolder(t)
  const versions = await pushChain((await deltaStock(t, folder)).stock, THREE)
  const images = new CountedImages()
  const stock = await stockFor(t, folder, { writable: false, images })
  const blocks = (await Promise.all(versions.map(({ record }) => collect(stock.blocksOf([record]))))).flat()
  assert.is(images.rebuilds, 0, 'nodes are made of hashes alone')
  await Promise.all(
    blocks.reverse().map(async (cid) => {
      const bytes = await stock.get(cid)
      assert.ok(Buffer.from(await decodeStored(await stock.getStored(cid))).equals(bytes))
    }),
  )
  assert.is(images.rebuilds, 2)
  for (const version of versions) await assertWhole(stock, version)
})

test('the blockstore lists derived blocks, knows their sizes, and takes none of them twice', async (t) => {
  const { stock } = await deltaStock(t)
  const versions = await pushChain(stock, THREE)
  const listed = new Set((await collect(stock.cids())).map(String))
  for (const { record } of versions) {
    for await (const cid of stock.blocksOf([record])) assert.ok(listed.has(String(cid)))
  }
  assert.is(listed.size, (await stock.totals()).blocks)
  const leaf = (await collect(stock.blocksOf([versions[2]!.image]))).find((cid) => cid.code === RAW_CODE)!
  const before = await stock.totals()
  assert.not(await stock.put(leaf, await stock.get(leaf)))
  await stock.commit()
  assert.equal(await stock.totals(), before)
})

test('the same image again costs nothing, and what is wanted of a version that is here is nothing', async (t) => {
  const { stock, images } = await deltaStock(t)
  const versions = await pushChain(stock, THREE)
  const before = (await stock.totals()).packBytes
  const again = await pushImage(stock, THREE[1]!, [versions[2]!.image])
  assert.is(again.kept.as, 'known')
  assert.is((await stock.totals()).packBytes, before)
  assert.is(images.encodings, 2)
  const lease = stock.lease()
  assert.ok(await stock.wants([again.record], { lease }).isDone())
  lease.release()
})

test('what is no image, or has no relative here, is kept as blocks, and the reason is told', async (t) => {
  const { stock } = await deltaStock(t)
  const [image, next] = THREE as [Uint8Array, Uint8Array]
  const noise = await pushImage(stock, someBytes(200_000, 7), [])
  const reasons = [
    await pushImage(stock, image, []),
    await pushImage(stock, next, [noise.image]),
    await pushImage(stock, someBytes(150_000, 3), [noise.image]),
    await pushImage(stock, someBytes(9000, 3), [noise.image]),
  ].map(({ kept }) => (kept.as === 'blocks' ? kept.reason : kept.as))
  assert.equal(reasons, [
    'no version before it is known here',
    'the base: not a Spur image',
    'the base: not a Spur image',
    'it is small',
  ])
  assert.equal(await stock.keptAs(noise.image), { as: 'blocks', reason: 'no version before it is known here' })
})

test('an image above the limit, and one in a stock without the means, is kept as blocks in bounded memory', async (t) => {
  const limited = await stockFor(t, await temporaryFolder(t), { images: new CountedImages(), maxImageBytes: 100_000 })
  const simple = await stockFor(t, await temporaryFolder(t))
  for (const stock of [limited, simple]) {
    const versions = await pushChain(stock, THREE)
    assert.equal(
      versions.map(({ kept }) => kept.as),
      ['blocks', 'blocks', 'blocks'],
    )
    for (const version of versions) await assertWhole(stock, version)
  }
})

test('a delta that is wrong is never kept, nor one whose making fails', async (t) => {
  const images = new CountedImages()
  const stock = await stockFor(t, await temporaryFolder(t), {
    images: {
      encode: async () => {
        throw new Error('out of memory')
      },
      rebuild: (job) => images.rebuild(job),
    },
  })
  const versions = await pushChain(stock, THREE)
  assert.equal(versions[2]?.kept.as, 'blocks')
  for (const version of versions) await assertWhole(stock, version)
})

test('the catalogue of deltas can be lost, and a reader has one of its own', async (t) => {
  const folder = await temporaryFolder(t)
  const { stock } = await deltaStock(t, folder)
  const versions = await pushChain(stock, THREE)
  for (const options of [{}, { cataloguePath: IN_MEMORY }]) {
    const reader = await stockFor(t, folder, { writable: false, images: new CountedImages(), ...options })
    for (const version of versions) await assertWhole(reader, version)
  }
  const totals = await stock.totals()
  await stock.close()
  await rm(cataloguePath(folder))
  const next = await deltaStock(t, folder)
  assert.equal(await next.stock.totals(), totals)
  for (const version of versions) await assertWhole(next.stock, version)
})

test('a reader finds deltas that were committed after its catalogue', async (t) => {
  const folder = await temporaryFolder(t)
  const { stock } = await deltaStock(t, folder)
  const [first] = await pushChain(stock, THREE.slice(0, 1))
  const saved = await readFile(cataloguePath(folder)).catch(() => undefined)
  const second = await pushImage(stock, THREE[1]!, [first!.image])
  await stock.close()
  if (saved !== undefined) await writeFile(cataloguePath(folder), saved)
  const reader = await stockFor(t, folder, { writable: false, images: new CountedImages() })
  await assertWhole(reader, second)
})

test('rebuilt images that are damaged, cut short or gone are made anew', async (t) => {
  const { stock, images } = await deltaStock(t)
  const versions = await pushChain(stock, THREE)
  const folder = join(stock.folder, 'rebuilt')
  await assertWhole(stock, versions[2]!)
  const [name] = await readdir(folder)
  const path = join(folder, name!)
  const good = await readFile(path)
  const harm = [good.subarray(0, 1000), Buffer.from(good).fill(7, 5000, 5010), Buffer.alloc(0), undefined]
  for (const [round, bytes] of harm.entries()) {
    if (bytes === undefined) await rm(path)
    else await writeFile(path, bytes)
    await assertWhole(stock, versions[2]!, `round ${round}`)
    assert.is(images.rebuilds, 2 + round)
  }
})

test('rebuilt images take no more room than they may, and the ones not used for longest go', async (t) => {
  const images = new CountedImages()
  const chain = imageChain(3, [SMALL_EDIT, SMALL_EDIT, SMALL_EDIT, SMALL_EDIT], 600_000)
  const limitBytes = 1_500_000
  const stock = await stockFor(t, await temporaryFolder(t), { images, rebuilt: { limitBytes } })
  const versions = await pushChain(stock, chain)
  const folder = join(stock.folder, 'rebuilt')
  for (const version of [...versions, ...versions]) {
    await assertWhole(stock, version)
    const sizes = await Promise.all((await readdir(folder).catch(() => [])).map((name) => stat(join(folder, name))))
    assert.ok(sizes.reduce((sum, { size }) => sum + size, 0) <= limitBytes)
    if (version !== versions[0]) assert.ok((await readdir(folder)).includes(`${version.image}.image`))
  }
  assert.is(images.rebuilds, 8)
})

test('many readers of one image share one rebuild', async (t) => {
  const { stock, images } = await deltaStock(t)
  const versions = await pushChain(stock, THREE)
  await Promise.all(Array.from({ length: 8 }, () => assertWhole(stock, versions[1]!)))
  assert.is(images.rebuilds, 1)
})

test('after a step that was dear the next versions stand on it, two deltas deep, and read as well', async (t) => {
  const large = { newObjects: 800, slideFrom: 0.1, restart: true }
  const { stock } = await deltaStock(t)
  const versions = await pushChain(stock, imageChain(5, [SMALL_EDIT, large, SMALL_EDIT, SMALL_EDIT], 800_000))
  const bases = versions.map(({ kept }) =>
    kept.as === 'delta' ? versions.findIndex(({ image }) => image.equals(kept.base)) : -1,
  )
  assert.equal(bases, [-1, 0, 0, 2, 2])
  await rm(join(stock.folder, 'rebuilt'), { recursive: true, force: true })
  await assertWhole(stock, versions[4]!)
  assert.equal(await stock.check(), [])
})

test('a dear step that follows a dear one is paid for twice at most; then versions are cheap again', async (t) => {
  const large = { newObjects: 800, slideFrom: 0.1, restart: true }
  const { stock } = await deltaStock(t)
  const edits = [SMALL_EDIT, { randomBytes: 40_000 }, { dropLargest: true, droppedObjects: 1 }, large]
  const chain = imageChain(6, [...edits, SMALL_EDIT, SMALL_EDIT, SMALL_EDIT], 800_000)
  const versions = await pushChain(stock, chain)
  const sizes = versions.map(({ kept }) => (kept.as === 'delta' ? kept.deltaBytes : 0))
  assert.ok(sizes.slice(5).filter((bytes) => bytes > 4000).length <= 1, sizes.join())
})

test('whatever is pushed after whatever, all of it comes back, before and after a sweep and in a new process', async (t) => {
  const edit = fc.record({
    newObjects: fc.nat(600),
    slideFrom: fc.double({ min: 0, max: 1, noNaN: true }),
    restart: fc.boolean(),
    droppedObjects: fc.nat(50),
    randomBytes: fc.constantFrom(0, 0, 0, 40_000),
  })
  const relatives = fc.array(fc.tuple(fc.nat(20), fc.boolean()), { minLength: 7, maxLength: 7 })
  const property = fc.asyncProperty(
    fc.nat(50),
    fc.array(edit, { minLength: 3, maxLength: 7 }),
    relatives,
    async (seed, edits, steps) => {
      const folder = await temporaryFolder(t)
      const { stock } = await deltaStock(t, folder)
      const live = new Map<string, Awaited<ReturnType<typeof pushImage>>>()
      const all: Awaited<ReturnType<typeof pushImage>>[] = []
      for (const [index, bytes] of imageChain(seed, edits, 120_000).entries()) {
        const [relative, drops] = steps[index] ?? [0, false]
        const from = all[relative % Math.max(1, all.length)]
        const version = await pushImage(stock, bytes, from === undefined ? [] : [from.image])
        all.push(version)
        live.set(String(version.record), version)
        if (!drops) continue
        const gone = [...live.values()][relative % live.size]!
        live.delete(String(gone.record))
        await stock.unpin(gone.record)
        await stock.gc()
      }
      for (const version of live.values()) await assertWhole(stock, version)
      await stock.close()
      await rm(cataloguePath(folder))
      const next = (await deltaStock(t, folder)).stock
      for (const version of live.values()) await assertWhole(next, version)
      assert.equal(await next.check(), [])
      await next.close()
    },
  )
  await fc.assert(property, { numRuns: 6, seed: 4 })
})

test('without the means to rebuild, nodes can be read and leaves are refused', async (t) => {
  const folder = await temporaryFolder(t)
  const { stock } = await deltaStock(t, folder)
  const versions = await pushChain(stock, THREE)
  await stock.close()
  await rm(join(folder, 'rebuilt'), { recursive: true, force: true })
  const reader = await stockFor(t, folder, { writable: false })
  assert.ok((await collect(reader.blocksOf([versions[1]!.record]))).length > 10)
  const leaf = (await collect(reader.blocksOf([versions[1]!.image]))).at(-1)!
  assert.is(await errorCode(() => reader.get(leaf)), 'NotAllowed')
})
