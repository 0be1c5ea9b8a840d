/** Images that are kept as deltas, through the command line: pushed, shown, pulled, checked, forgotten. */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { assertSameTree, letIn, newMachine } from '../cli/home.ts'
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
  },
  SLOW,
)
