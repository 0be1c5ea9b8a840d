import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { assertSameTree, type Home, type Json, letIn, newMachine } from '../cli/home.ts'
import { type ImageDirectory, imageDirectory, nextSnapshot } from '../gen/directory.ts'
import { type TestContext, test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'

const SIZE_BYTES = 1_500_000
/** Some ten processes a test: on a busy machine each takes seconds to start. */
const SLOW = { limitMs: 180_000 }

interface Swarm {
  laptop: Home
  others: Home[]
  image: ImageDirectory
}

/** The laptop has an image and a daemon; the others have joined its swarm. */
async function swarm(t: TestContext, names: string[], config: Record<string, Json> = {}): Promise<Swarm> {
  const folder = newFolder(t)
  const laptop = await newMachine(t, folder, 'laptop')
  const others = await Promise.all(names.map((name) => newMachine(t, folder, name, { config })))
  const image = imageDirectory(laptop.path('Ants'), { seed: 1, sizeBytes: SIZE_BYTES })
  await laptop.startDaemon()
  for (const other of others) await letIn(laptop, other)
  return { laptop, others, image }
}

/** Works on the image a little, and pushes it. */
async function pushNext(home: Home, image: ImageDirectory, seed: number): Promise<Json> {
  nextSnapshot(image, { seed, touchedSlots: 200, changesBytes: 300 })
  return home.good('push', 'Ants')
}

test(
  'a follower that was off during the pushes catches up when it starts, and others pull from it when the first is gone',
  async (t) => {
    const { laptop, others, image } = await swarm(t, ['login', 'node'])
    const [login, node] = others as [Home, Home]
    await login.good('follow', 'laptop', '--keep', '0')
    await laptop.good('push', 'Ants')
    await pushNext(laptop, image, 2)
    const last = await pushNext(laptop, image, 3)
    await login.startDaemon()
    await login.hasVersions('Ants', '0.0.3 here', '0.0.2 here', '0.0.1 here')
    await laptop.until(
      () => laptop.good('status', 'Ants'),
      ({ copies }) => copies === 2,
    )
    await laptop.stopDaemon()
    const pulled = await node.good('pull', 'Ants@latest')
    assert.is(pulled.record, last.record)
    assert.equal(pulled.from, [(await login.good('id')).peerId])
    assertSameTree(pulled.directory, image.path)
    const { holders } = await node.good('status', 'Ants')
    assert.ok(holders.some(({ peer, proved }: Json) => peer === 'login' && proved))
  },
  SLOW,
)

test(
  'news reach a follower that is up, and it keeps the newest N versions of each glas and lets older ones go',
  async (t) => {
    const { laptop, others, image } = await swarm(t, ['login'])
    const [login] = others as [Home]
    await login.good('follow', 'all', '--keep', '2')
    await login.startDaemon()
    await laptop.good('push', 'Ants')
    await login.hasVersions('Ants', '0.0.1 here')
    await pushNext(laptop, image, 2)
    await login.hasVersions('Ants', '0.0.2 here', '0.0.1 here')
    await pushNext(laptop, image, 3)
    await login.hasVersions('Ants', '0.0.3 here', '0.0.2 here', '0.0.1')
    const swept = await login.good('gc')
    assert.ok(swept.deltas > 0 && swept.baseBytes > 0, 'of the oldest stays what the others stand on')
    assert.equal((await login.good('check')).findings, [])
  },
  SLOW,
)

test(
  'a follower stops at its quota and says so, and goes on when it is raised',
  async (t) => {
    const { laptop, others, image } = await swarm(t, ['login'])
    const [login] = others as [Home]
    await login.good('follow', 'laptop', '--keep', '0', '--quota', '2M')
    await laptop.good('push', 'Ants')
    await login.startDaemon()
    await login.hasVersions('Ants', '0.0.1 here')
    await pushNext(laptop, image, 2)
    await login.until(
      async () => login.said,
      (said) => said.includes('Could not copy Ants@0.0.2') && said.includes('quota'),
    )
    assert.equal(await login.versions('Ants'), ['0.0.2', '0.0.1 here'])
    assert.ok((await login.good('status'))['stock-bytes'] < 2 * 2 ** 20)
    await login.good('follow', 'laptop', '--keep', '0', '--quota', '20M')
    await login.hasVersions('Ants', '0.0.2 here', '0.0.1 here')
  },
  SLOW,
)

test(
  'a rule that asks for two copies makes one more, and replaces it when its holder stays away',
  async (t) => {
    const { laptop, others } = await swarm(t, ['node', 'store'], { repairAfterSeconds: 3 })
    for (const home of others) {
      await home.good('follow', 'laptop', '--copies', '2')
      await home.startDaemon()
    }
    await laptop.good('push', 'Ants')
    const whoHolds = async () => {
      const versions = await Promise.all(others.map((home) => home.versions('Ants').catch((): string[] => [])))
      return others.filter((_, place) => versions[place]?.includes('0.0.1 here'))
    }
    const [first] = await laptop.until(whoHolds, (holders) => holders.length > 0)
    const second = others.find((home) => home !== first) as Home
    // It knows that there are two copies, so its turn will not come while they are there.
    await second.until(
      () => second.good('status', 'Ants'),
      ({ copies }) => copies === 2,
    )
    assert.equal(await whoHolds(), [first], 'both took a copy')
    await first?.stopDaemon('SIGKILL')
    await laptop.until(whoHolds, (holders) => holders.length === 2)
  },
  SLOW,
)

test(
  'push says where the copies are: only here, and the next thing to type; then where it was sent',
  async (t) => {
    const folder = newFolder(t)
    const laptop = await newMachine(t, folder, 'laptop')
    const login = await newMachine(t, folder, 'login')
    const image = imageDirectory(laptop.path('Ants'), { seed: 1, sizeBytes: SIZE_BYTES })
    const alone = await laptop.run('push', 'Ants')
    assert.match(alone.stdout, 'only on this machine')
    assert.match(alone.stdout, 'pintglas invite')
    await laptop.startDaemon()
    await letIn(laptop, login)
    assert.match((await laptop.run('push', 'Ants')).stdout, 'pintglas push --to login')
    await login.startDaemon()
    const sent = await laptop.run('push', '--to', 'login', image.path)
    assert.is(sent.exit, 0)
    assert.match(sent.stdout, 'Copies: here and at login.')
    assert.equal(await login.versions('Ants'), ['0.0.1 here'])
    await laptop.stopDaemon()
    const pulled = await login.good('pull', 'Ants')
    assert.equal(pulled.from, [])
    assertSameTree(pulled.directory, image.path)
  },
  SLOW,
)

test(
  'push --copies ends when so many others have proved that they hold it, and fails when there are not enough',
  async (t) => {
    const { laptop, others, image } = await swarm(t, ['login', 'store'])
    for (const home of others) await home.startDaemon()
    const pushed = await laptop.good('push', 'Ants', '--copies', '2')
    assert.equal(pushed.copies.holders.sort(), ['login', 'store'])
    nextSnapshot(image, { seed: 2, touchedSlots: 200 })
    const failed = await laptop.bad('push', join(laptop.folder, 'Ants'), '--copies', '3')
    assert.is(failed.code, 'NoProviders')
    assert.is(failed.exit, 5)
    assert.is(failed.data.copies, 2)
    assert.equal(await laptop.versions('Ants'), ['0.0.2 here', '0.0.1 here'])
    const nobody = await laptop.bad('push', 'Ants', '--to', 'nobody')
    assert.is(nobody.code, 'PeerNotFound')
    assert.is(nobody.exit, 4)
    assert.equal(nobody.data.there.sort(), ['login', 'store'])
  },
  SLOW,
)
