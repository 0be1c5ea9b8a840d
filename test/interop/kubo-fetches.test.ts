/** A real Kubo fetches from our peer over Bitswap, and reads what we make. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { imageDirectory, nextSnapshot } from '../gen/directory.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { type Kubo, NO_KUBO, newKubo } from '../kubo/kubo.ts'
import { plainTree } from './plain-tree.ts'
import { newPublicHome } from './public-home.ts'

const SIZE_BYTES = 3_500_000
const NEEDS_KUBO = { skip: NO_KUBO, limitMs: 240_000 }
/** Kubo waits for somebody who has a block; this is long enough to be told that a neighbour has not. */
const PATIENCE = '--timeout=5s'

async function allBelow(stock: { blocksOf(roots: CID[]): AsyncIterable<CID> }, record: string): Promise<string[]> {
  const cids = await Array.fromAsync(stock.blocksOf([CID.parse(record)]))
  return cids.map(String).sort()
}

/** Every block that a pin holds. */
async function pinned(kubo: Kubo): Promise<string[]> {
  return (await kubo.text('pin', 'ls', '--type=all', '--quiet')).split('\n').sort()
}

test(
  'a public version comes byte for byte, its record is readable, and a recursive pin takes that version alone',
  async (t) => {
    const folder = newFolder(t)
    const home = await newPublicHome(t, folder)
    const image = imageDirectory(join(folder, 'Ants'), { seed: 1, sizeBytes: SIZE_BYTES })
    const first = await home.push(image.path)
    const next = nextSnapshot(image, { seed: 2, newObjects: 100, changesBytes: 500 })
    const second = await home.push(next.path)
    assert.is(second.image[0]?.['kept-as'], 'delta')
    rmSync(join(folder, 'home', 'stock', 'rebuilt'), { recursive: true, force: true })
    const kubo = await newKubo(t, folder)
    await kubo.text('swarm', 'connect', await home.publish(first.record, second.record))
    const record = JSON.parse(await kubo.text('dag', 'get', second.record))
    assert.equal(record.version, [0, 0, 2])
    assert.is(record['image-name'], 'Ants')
    await kubo.text('get', '-o', join(folder, 'got'), `/ipfs/${second.record}/contents`)
    assert.equal(plainTree(join(folder, 'got')), plainTree(next.path))
    const before = await pinned(kubo)
    await kubo.text('pin', 'add', second.record)
    const held = (await pinned(kubo)).filter((cid) => !before.includes(cid))
    assert.equal(held, await allBelow(home.stock, second.record))
    assert.not.ok(held.includes(first.record))
  },
  NEEDS_KUBO,
)

test(
  'of a private version it gets nothing, beside a public one of the same glas',
  async (t) => {
    const folder = newFolder(t)
    const home = await newPublicHome(t, folder)
    const image = imageDirectory(join(folder, 'Ants'), { seed: 1, sizeBytes: SIZE_BYTES })
    const first = await home.push(image.path)
    nextSnapshot(image, { seed: 2, newObjects: 100, changesBytes: 500 })
    const second = await home.push(image.path)
    const kubo = await newKubo(t, folder)
    await kubo.text('swarm', 'connect', await home.publish(second.record))
    await kubo.text('pin', 'add', second.record)
    const open = await allBelow(home.stock, second.record)
    const closed = (await allBelow(home.stock, first.record)).filter((cid) => !open.includes(cid))
    assert.ok(closed.length > 2)
    const tries = closed.map((cid) =>
      kubo.text(PATIENCE, 'block', 'get', cid).then(
        () => cid,
        () => 'refused',
      ),
    )
    assert.equal([...new Set(await Promise.all(tries))], ['refused'])
  },
  NEEDS_KUBO,
)
