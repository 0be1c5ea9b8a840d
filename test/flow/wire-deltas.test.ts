/** Images that go from peer to peer as deltas, through the command line; bytes are counted at the socket. */
import { appendFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { assertSameTree, type Home, letIn, newMachine } from '../cli/home.ts'
import { copyDirectory, imageDirectory, nextSnapshot } from '../gen/directory.ts'
import { changedMethods } from '../gen/logs.ts'
import { seededRandom } from '../gen/random.ts'
import { type TestContext, test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { CountingProxy } from '../net/counting-proxy.ts'

const KB = 1000
const SIZE_BYTES = 3_500_000
/** As blocks the image takes ten times as much. */
const MOST_BYTES = 100 * KB
const LARGE_LOG_BYTES = 8_000_000
const SLOW = { limitMs: 240_000 }
const SMALL = { newObjects: 100, slideFrom: 0.1, restart: true, changesBytes: 1000, ombuBytes: 1500 }
const KILLS = 5

async function swarmOfTwo(t: TestContext): Promise<[laptop: Home, cluster: Home]> {
  const folder = newFolder(t)
  const [laptop, cluster] = [await newMachine(t, folder, 'laptop'), await newMachine(t, folder, 'cluster')]
  await laptop.startDaemon()
  await letIn(laptop, cluster)
  return [laptop, cluster]
}

/** What a verb on the cluster costs on the line to the laptop: neither knows another way than through the proxy. */
async function bytesFor(laptop: Home, cluster: Home, proxy: CountingProxy, ...verb: string[]): Promise<number> {
  await laptop.stopDaemon()
  for (const { root } of [laptop, cluster]) rmSync(join(root, 'swarm', 'addresses.cbor'), { force: true })
  await cluster.good('peers', 'add', `127.0.0.1:${proxy.port}`)
  await laptop.startDaemon()
  const { addresses } = await laptop.good('daemon', 'status')
  proxy.forwardTo(Number(addresses[0].split('#')[0].split(':').at(-1)))
  const before = proxy.bytes
  await cluster.good(...verb)
  return proxy.bytes - before
}

function packBytes({ root }: Home): number {
  const packs = join(root, 'stock', 'packs')
  return readdirSync(packs).reduce((sum, name) => sum + statSync(join(packs, name)).size, 0)
}

test(
  'a pull of the next version, or of the one after it, costs kilobytes on the wire and in the stock, however long the logs are',
  async (t) => {
    const [laptop, cluster] = await swarmOfTwo(t)
    const proxy = await CountingProxy.open()
    t.after(() => proxy.close())
    const image = imageDirectory(laptop.path('Ants'), { seed: 1, sizeBytes: SIZE_BYTES })
    appendFileSync(join(image.path, 'Ants.changes'), changedMethods(seededRandom(1), LARGE_LOG_BYTES, 1))
    await laptop.good('push', 'Ants')
    const first = await bytesFor(laptop, cluster, proxy, 'pull', 'Ants')
    assert.ok(first > 5 * MOST_BYTES, `${first} bytes go through the proxy`)
    let next = nextSnapshot(image, { seed: 2, ...SMALL })
    await laptop.good('push', 'Ants')
    const before = packBytes(cluster)
    const second = await bytesFor(laptop, cluster, proxy, 'pull', 'Ants', 'second')
    assert.ok(second < MOST_BYTES, `${second} bytes`)
    assert.ok(packBytes(cluster) - before < MOST_BYTES)
    assertSameTree(cluster.path('second'), next.path)
    for (const seed of [3, 4]) {
      next = nextSnapshot(next, { seed, ...SMALL })
      await laptop.good('push', 'Ants')
    }
    const fourth = await bytesFor(laptop, cluster, proxy, 'pull', 'Ants', 'fourth')
    assert.ok(fourth < MOST_BYTES, `${fourth} bytes`)
    assertSameTree(cluster.path('fourth'), next.path)
    const { image: kept } = await cluster.good('show', 'Ants')
    assert.is(kept[0]['kept-as'], 'delta')
    assert.equal((await cluster.good('check')).findings, [])
  },
  SLOW,
)

test(
  'whoever works on a fork, and has the version that it came from no more, gets the other side as a delta',
  async (t) => {
    const [laptop, cluster] = await swarmOfTwo(t)
    const image = imageDirectory(laptop.path('Ants'), { seed: 5, sizeBytes: SIZE_BYTES })
    const { 'glas-id': glasId } = await laptop.good('push', 'Ants')
    await cluster.good('pull', 'Ants')
    const fork = nextSnapshot(copyDirectory(image, cluster.path('work')), { seed: 6, ...SMALL })
    await cluster.good('push', '--fork', fork.path)
    rmSync(cluster.path('Ants'), { recursive: true })
    await cluster.good('forget', `${glasId}@0.0.1`)
    await cluster.good('gc')
    const next = nextSnapshot(image, { seed: 7, ...SMALL })
    await laptop.good('push', 'Ants')
    const pulled = await cluster.good('pull', `${glasId}@0.0.2`, 'other-side')
    assertSameTree(pulled.directory, next.path)
    const { image: kept } = await cluster.good('show', `${glasId}@0.0.2`)
    assert.is(kept[0]['kept-as'], 'delta', kept[0].reason)
    assert.ok(pulled['fetched-bytes'] < SIZE_BYTES / 5, `${pulled['fetched-bytes']} bytes`)
    assert.equal((await cluster.good('check')).findings, [])
  },
  SLOW,
)

test(
  `a pull of a delta that is killed at ${KILLS} random moments leaves nothing wrong, and ends right`,
  async (t) => {
    const [laptop, cluster] = await swarmOfTwo(t)
    const image = imageDirectory(laptop.path('Ants'), { seed: 8, sizeBytes: SIZE_BYTES })
    await laptop.good('push', 'Ants')
    await cluster.good('pull', 'Ants')
    const began = performance.now()
    await cluster.good('pull', 'Ants@0.0.1', 'again')
    const wholeMs = performance.now() - began
    const next = nextSnapshot(image, { seed: 9, ...SMALL })
    await laptop.good('push', 'Ants')
    const random = seededRandom(9)
    for (let kill = 0; kill < KILLS; kill++) {
      const pull = cluster.start('--json', 'pull', 'Ants@0.0.2', `next-${kill}`)
      await sleep(wholeMs * (0.4 + random.below(100) / 100))
      pull.kill('SIGKILL')
      assert.equal((await cluster.good('check')).findings, [], `kill ${kill}`)
    }
    const pulled = await cluster.good('pull', 'Ants@0.0.2', 'next')
    assertSameTree(pulled.directory, next.path)
    const { image: kept } = await cluster.good('show', 'Ants@0.0.2')
    assert.is(kept[0]['kept-as'], 'delta', kept[0].reason)
    assert.equal((await cluster.good('check')).findings, [])
  },
  SLOW,
)
