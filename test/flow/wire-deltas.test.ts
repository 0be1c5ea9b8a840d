/** Images that go from peer to peer as deltas. */
import * as assert from 'uvu/assert'
import { assertSameTree, letIn, newMachine } from '../cli/home.ts'
import { imageDirectory, nextSnapshot } from '../gen/directory.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'

const SIZE_BYTES = 3_500_000
const SLOW = { limitMs: 180_000 }
const SMALL = { newObjects: 100, slideFrom: 0.1, restart: true, changesBytes: 500, ombuBytes: 1500 }

test(
  'the next version comes as a delta',
  async (t) => {
    const folder = newFolder(t)
    const laptop = await newMachine(t, folder, 'laptop')
    const cluster = await newMachine(t, folder, 'cluster')
    const image = imageDirectory(laptop.path('Ants'), { seed: 1, sizeBytes: SIZE_BYTES })
    await laptop.good('push', 'Ants')
    await laptop.startDaemon()
    await letIn(laptop, cluster)
    await cluster.good('pull', 'Ants')
    const next = nextSnapshot(image, { seed: 2, ...SMALL })
    await laptop.good('push', 'Ants')
    const ran = await cluster.run('--json', 'pull', 'Ants', 'next')
    console.log(ran)
    console.log(laptop.said)
    console.log(await cluster.good('show', 'Ants@0.0.2'))
    assertSameTree(cluster.path('next'), next.path)
    assert.equal((await cluster.good('check')).findings, [])
  },
  SLOW,
)
