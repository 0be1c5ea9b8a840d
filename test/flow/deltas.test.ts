/** Images that are kept as deltas, through the command line: pushed, shown, pulled, checked, forgotten. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { assertSameTree, type Home, letIn, newMachine } from '../cli/home.ts'
import { copyDirectory, imageDirectory, nextSnapshot } from '../gen/directory.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'

const SIZE_BYTES = 3_500_000
const SLOW = { limitMs: 180_000 }

test(
  'a small edit costs kilobytes, is shown, and comes back byte for byte here and on another machine',
  async (t) => {
    const folder = newFolder(t)
    const laptop = await newMachine(t, folder, 'laptop')
    const cluster = await newMachine(t, folder, 'cluster')
    const image = imageDirectory(laptop.path('Ants'), { seed: 1, sizeBytes: SIZE_BYTES })
    const edit = { newObjects: 100, slideFrom: 0.1, restart: true, changesBytes: 500 }
    const first = await laptop.good('push', 'Ants')
    assert.equal(first.image[0]['kept-as'], 'blocks')
    const before = copyDirectory(image, laptop.path('before'))
    const next = nextSnapshot(image, { seed: 2, ...edit })
    const second = await laptop.good('push', 'Ants')
    const [kept] = second.image
    assert.is(kept['kept-as'], 'delta', kept.reason)
    assert.ok(kept['delta-bytes'] < 12_000, `${kept['delta-bytes']} bytes`)
    assert.equal(Object.keys(kept['phases-ms']).sort(), ['all', 'compare', 'compress', 'match', 'verify', 'walk'])
    const shown = await laptop.good('show', 'Ants@0.0.2')
    assert.is(shown.image[0]['delta-bytes'] > 0 && shown.image[0].base, kept.base)
    assert.is((await laptop.good('show', 'Ants@0.0.1')).image[0].reason, 'no version before it is known here')
    assert.match((await laptop.run('show', 'Ants')).stdout, /beyond another version/)
    assert.equal((await laptop.good('check')).findings, [])
    rmSync(laptop.path('.pintglas', 'stock', 'rebuilt'), { recursive: true, force: true })
    assertSameTree((await laptop.good('pull', 'Ants', 'again')).directory, next.path)
    await laptop.startDaemon()
    await letIn(laptop, cluster)
    const pulled = await cluster.good('pull', 'Ants')
    assertSameTree(pulled.directory, next.path)
    assert.is((await cluster.good('show', 'Ants')).image[0].base, kept.base, 'what it stands on came with it')
    const older = await cluster.good('pull', 'Ants@0.0.1', 'older')
    assertSameTree(older.directory, before.path)
    assert.ok(older['fetched-bytes'] < 300_000, `${older['fetched-bytes']} bytes`)
    assert.equal((await cluster.good('check')).findings, [])
    await laptop.good('forget', 'Ants@0.0.1')
    const swept = await laptop.good('gc')
    assert.is(swept.deltas, 1)
    assert.ok(swept.baseBytes > 0)
    assertSameTree((await laptop.good('pull', 'Ants@0.0.2', 'once-more')).directory, next.path)
    assert.ok(readFileSync(join(before.path, 'Ants.image')).length > 0)
  },
  SLOW,
)

test(
  'with deltas switched off, and for an image that is not Spur, everything is kept whole',
  async (t) => {
    const folder = newFolder(t)
    const laptop = await newMachine(t, folder, 'laptop', { config: { maxDeltaImageBytes: 0 } })
    const image = imageDirectory(laptop.path('Ants'), { seed: 1, sizeBytes: SIZE_BYTES })
    await laptop.good('push', 'Ants')
    nextSnapshot(image, { seed: 2, newObjects: 100 })
    const second = await laptop.good('push', 'Ants')
    assert.equal(second.image[0]['kept-as'], 'blocks')
    assert.match(second.image[0].reason, /limit/)
    assert.match((await laptop.good('show', 'Ants')).image[0].reason, /limit/)
  },
  SLOW,
)

/** In a pack: where its first frame begins, and the header of each, before the bytes of a block. */
const FIRST_FRAME = 8
const HEADER_BYTES = 60

/** Changes a byte in the middle of the largest block: a leaf of the only large image that is kept as blocks. */
function damageBase(laptop: Home): void {
  const folder = laptop.path('.pintglas', 'stock', 'packs')
  let largest = { path: '', at: 0, bytes: 0 }
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    const pack = readFileSync(path)
    for (let at = FIRST_FRAME; at < pack.length; ) {
      const bytes = pack.readUInt32LE(at + 12)
      if (bytes > largest.bytes) largest = { path, at: at + HEADER_BYTES + (bytes >> 1), bytes }
      at += HEADER_BYTES + bytes
    }
  }
  const pack = readFileSync(largest.path)
  pack[largest.at]! ^= 1
  writeFileSync(largest.path, pack)
  rmSync(laptop.path('.pintglas', 'stock', 'rebuilt'), { recursive: true, force: true })
}

test(
  'a damaged base costs what depends on it and nothing else, and a peer that holds it makes all of that good again',
  async (t) => {
    const folder = newFolder(t)
    const laptop = await newMachine(t, folder, 'laptop')
    const login = await newMachine(t, folder, 'login')
    const other = imageDirectory(laptop.path('Bees'), { seed: 9, sizeBytes: 300_000 })
    const bees = (await laptop.good('push', other.path))['glas-id']
    let image = imageDirectory(laptop.path('Ants'), { seed: 1, sizeBytes: SIZE_BYTES })
    const copies = [image]
    let ants = ''
    for (let seed = 1; seed <= 3; seed++) {
      ants = (await laptop.good('push', 'Ants'))['glas-id']
      copies.push(copyDirectory(image, laptop.path(`before-${seed}`)))
      image = nextSnapshot(image, { seed, newObjects: 50, slideFrom: 0.1, restart: true })
    }
    await laptop.startDaemon()
    await letIn(laptop, login)
    for (const version of ['0.0.1', '0.0.2', '0.0.3']) await login.good('pin', `${ants}@${version}`)
    await laptop.stopDaemon()
    await login.startDaemon()
    damageBase(laptop)
    const { exit, data } = await laptop.bad('--offline', 'check')
    assert.is(exit, 6)
    const needy = new Set(data.findings.flatMap(({ versions }: { versions: string[] }) => versions))
    assert.equal([...needy].sort(), ['Ants@0.0.1', 'Ants@0.0.2', 'Ants@0.0.3'])
    assert.is((await laptop.bad('--offline', 'pull', `${ants}@0.0.3`, 'bad')).exit, 6)
    await laptop.good('--offline', 'pull', bees, 'bees')
    const repaired = await laptop.good('check', '--repair')
    assert.equal(repaired.findings, [])
    assert.is(repaired.repaired, 1, 'one block of the base is all that was fetched')
    for (const seed of [1, 2, 3]) {
      const { directory } = await laptop.good('--offline', 'pull', `${ants}@0.0.${seed}`, `good-${seed}`)
      assertSameTree(directory, copies[seed]!.path)
    }
  },
  SLOW,
)

test(
  'a forgotten version that others stand on goes with a repack, and the others come back as they were',
  async (t) => {
    const laptop = await newMachine(t, newFolder(t), 'laptop')
    let image = imageDirectory(laptop.path('Ants'), { seed: 1, sizeBytes: SIZE_BYTES })
    image = nextSnapshot(image, { seed: 2, randomBytes: 2_000_000 })
    await laptop.good('push', 'Ants')
    image = nextSnapshot(image, { seed: 3, dropLargest: true, newObjects: 50 })
    await laptop.good('push', 'Ants')
    const middle = copyDirectory(image, laptop.path('middle'))
    image = nextSnapshot(image, { seed: 4, newObjects: 50, slideFrom: 0.2, restart: true })
    await laptop.good('push', 'Ants')
    await laptop.good('forget', 'Ants@0.0.1')
    assert.match((await laptop.run('gc')).stdout, /stay for others .* see `pintglas repack`/)
    const report = await laptop.good('repack')
    assert.equal([report.replacedBases, report.deltas, report.baseBytes], [1, 1, 0])
    assert.ok(report.freedBytes > 1_900_000, `only ${report.freedBytes} bytes were freed`)
    assert.is((await laptop.good('show', 'Ants@0.0.3')).image[0]['kept-as'], 'blocks')
    rmSync(laptop.path('.pintglas', 'stock', 'rebuilt'), { recursive: true, force: true })
    assertSameTree((await laptop.good('pull', 'Ants@0.0.2', 'two')).directory, middle.path)
    assertSameTree((await laptop.good('pull', 'Ants@0.0.3', 'three')).directory, image.path)
    assert.equal((await laptop.good('check')).findings, [])
    assert.match((await laptop.run('repack')).stdout, /^Freed 0 B/)
  },
  SLOW,
)
