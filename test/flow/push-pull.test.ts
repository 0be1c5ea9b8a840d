import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { assertSameTree, type Home, type Json, letIn, newMachine } from '../cli/home.ts'
import { copyDirectory, type ImageDirectory, imageDirectory, nextSnapshot } from '../gen/directory.ts'
import { type TestContext, test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'

const SIZE_BYTES = 2_500_000

/** An image directory with what a researcher leaves in one. */
function newImage(path: string): ImageDirectory {
  const image = imageDirectory(path, { seed: 1, sizeBytes: SIZE_BYTES })
  mkdirSync(join(path, 'results', 'empty'), { recursive: true })
  symlinkSync('../Ants.image', join(path, 'results', 'image'))
  writeFileSync(join(path, 'results', 'Größe 蟻.csv'), 'colony;ants\n1;40\n')
  writeFileSync(join(path, 'run.sh'), '#!/bin/sh\n')
  chmodSync(join(path, 'run.sh'), 0o750)
  chmodSync(join(path, 'results', 'empty'), 0o700)
  for (const name of ['results/Größe 蟻.csv', 'run.sh']) utimesSync(join(path, name), 1_700_000_000, 1_700_000_000)
  return image
}

/** Some ten processes a test: on a busy machine each takes seconds to start. */
const SLOW = { limitMs: 180_000 }

/** A little work, and a save. */
const workOn = (image: ImageDirectory, seed: number): ImageDirectory =>
  nextSnapshot(image, { seed, touchedSlots: 100, newObjects: 50, changesBytes: 500, ombuBytes: 500 })

/** The laptop has an image and a daemon; the cluster has joined its swarm. */
async function scene(
  t: TestContext,
  options: { daemons?: 'both' } = {},
): Promise<{ laptop: Home; cluster: Home; image: ImageDirectory }> {
  const folder = newFolder(t)
  const laptop = await newMachine(t, folder, 'laptop')
  const cluster = await newMachine(t, folder, 'cluster')
  const image = newImage(laptop.path('Ants'))
  await laptop.startDaemon()
  await letIn(laptop, cluster)
  if (options.daemons === 'both') await cluster.startDaemon()
  return { laptop, cluster, image }
}

test(
  'a directory that was pushed on one machine comes back on another, with every byte, mode, time and link',
  async (t) => {
    const { laptop, cluster, image } = await scene(t)
    const pushed = await laptop.good('push', 'Ants')
    assert.is(pushed.outcome, 'pushed')
    assert.is(pushed.version, '0.0.1')
    const pulled = await cluster.good('pull', 'Ants')
    assert.is(pulled.directory, cluster.path('Ants'))
    assert.is(pulled.record, pushed.record)
    assert.is(pulled.size, pushed.size)
    assert.is(pulled.from.length, 1)
    assertSameTree(pulled.directory, image.path)
  },
  SLOW,
)

test(
  'a version is pulled by glas-id, by the beginning of one, by image name, number, latest, tag and record',
  async (t) => {
    const { laptop, cluster, image } = await scene(t, { daemons: 'both' })
    const first = await laptop.good('push', 'Ants')
    const before = copyDirectory(image, laptop.path('before'))
    workOn(image, 2)
    const second = await laptop.good('push', 'Ants')
    await laptop.good('tag', 'Ants@0.0.1', 'paper')
    const id: string = first['glas-id']
    const references: Array<[string, Json]> = [
      [id, second],
      [id.slice(0, 8), second],
      [`${id.slice(0, 8)}@0.0.1`, first],
      ['Ants@0.0.1', first],
      ['Ants@0.0.2', second],
      ['Ants@latest', second],
      ['Ants@paper', first],
      [`Ants@${first.record}`, first],
    ]
    for (const [place, [reference, expected]] of references.entries()) {
      const pulled = await cluster.good('pull', reference, String(place))
      assert.is(pulled.record, expected.record, reference)
      assertSameTree(pulled.directory, expected === first ? before.path : image.path)
    }
  },
  SLOW,
)

test(
  'each of three more versions is pulled, and what has not changed is not fetched again',
  async (t) => {
    const { laptop, cluster, image } = await scene(t, { daemons: 'both' })
    await laptop.good('push', 'Ants')
    const whole = (await cluster.good('pull', 'Ants'))['fetched-bytes']
    for (const version of ['0.0.2', '0.0.3', '0.0.4']) {
      workOn(image, Number(version.at(-1)))
      assert.is((await laptop.good('push', 'Ants')).version, version)
      const pulled = await cluster.good('pull', 'Ants', '--force')
      assert.is(pulled.version, version)
      assert.is(pulled['kept-old'], '', 'an untouched directory was kept')
      assert.ok(pulled['fetched-bytes'] < whole, `${pulled['fetched-bytes']} of ${whole}`)
      assertSameTree(pulled.directory, image.path)
    }
    assert.equal(await cluster.versions('Ants'), ['0.0.4 here', '0.0.3 here', '0.0.2 here', '0.0.1 here'])
  },
  SLOW,
)

test(
  'an unchanged directory makes no version, and --force makes one',
  async (t) => {
    const folder = newFolder(t)
    const laptop = await newMachine(t, folder, 'laptop')
    newImage(laptop.path('Ants'))
    await laptop.good('push', 'Ants')
    const again = await laptop.good('push', 'Ants')
    assert.is(again.outcome, 'unchanged')
    assert.is(again.version, '0.0.1')
    assert.is(again['new-bytes'], 0)
    const forced = await laptop.good('push', 'Ants', '--force')
    assert.is(forced.outcome, 'pushed')
    assert.is(forced.version, '0.0.2')
    assert.ok(forced['new-bytes'] < 10_000, 'more than the list of modes and times is new')
  },
  SLOW,
)

test(
  'a member that was granted a glas goes on with it, and the owner pulls that',
  async (t) => {
    const { laptop, cluster, image } = await scene(t)
    const pushed = await laptop.good('push', 'Ants')
    await laptop.good('grant', 'cluster', 'Ants')
    const pulled = await cluster.good('pull', 'Ants')
    const there = workOn({ ...image, path: pulled.directory }, 7)
    await cluster.startDaemon()
    const pushedThere = await cluster.good('push', 'Ants')
    assert.is(pushedThere['glas-id'], pushed['glas-id'])
    assert.is(pushedThere.version, '0.0.2')
    await laptop.hasVersions('Ants', '0.0.2', '0.0.1 here')
    const back = await laptop.good('pull', 'Ants', '--force')
    assert.is(back.record, pushedThere.record)
    assertSameTree(back.directory, there.path)
    const [newest] = (await laptop.good('log', 'Ants')).versions
    assert.is(newest.writer, 'cluster')
  },
  SLOW,
)

test(
  'without a grant, a push of somebody else’s snapshot begins a glas of one’s own that remembers it',
  async (t) => {
    const { laptop, cluster, image } = await scene(t)
    const pushed = await laptop.good('push', 'Ants')
    const pulled = await cluster.good('pull', 'Ants')
    workOn({ ...image, path: pulled.directory }, 7)
    const own = await cluster.good('push', 'Ants')
    assert.is.not(own['glas-id'], pushed['glas-id'])
    assert.is(own.version, '0.0.1')
    assert.is((await cluster.good('show', own['glas-id'])).parent, pushed.record)
  },
  SLOW,
)

test(
  'two machines that push at once make a fork, which both show alike and the next push goes on from',
  async (t) => {
    const { laptop, cluster, image } = await scene(t)
    await laptop.good('push', 'Ants')
    await laptop.good('grant', 'cluster', 'Ants')
    const pulled = await cluster.good('pull', 'Ants')
    workOn({ ...image, path: pulled.directory }, 7)
    workOn(image, 8)
    const [here, there] = await Promise.all([laptop.good('push', 'Ants'), cluster.good('--offline', 'push', 'Ants')])
    assert.is(here.version, '0.0.2')
    assert.is(there.version, '0.0.2')
    await cluster.startDaemon()
    await laptop.hasVersions('Ants', '0.0.2', '0.0.2 here', '0.0.1 here')
    await cluster.hasVersions('Ants', '0.0.2 here', '0.0.2', '0.0.1 here')
    assert.equal(await shownBy(laptop), await shownBy(cluster))
    const [fork] = (await laptop.good('log', 'Ants')).versions
    assert.ok(fork.fork)
    assert.is(fork.record, there.record, 'the owner’s own peer is not the first')
    const other = await laptop.good('pull', `Ants@${there.record}`, 'other')
    assertSameTree(other.directory, pulled.directory)
    workOn(image, 9)
    const next = await laptop.run('push', 'Ants')
    assert.match(next.stderr, `Ants@0.0.2 was published 2 times at once; this version goes on from @${here.record}`)
    await cluster.hasVersions('Ants', '0.0.3', '0.0.2 here', '0.0.2', '0.0.1 here')
  },
  SLOW,
)

/** What a machine shows of the glas, without what only it can know. */
async function shownBy(home: Home): Promise<Json> {
  const { versions, ...rest } = await home.good('log', 'Ants')
  const { glases } = await home.good('ls')
  return {
    log: { ...rest, versions: versions.map(({ here: _, ...version }: Json) => version) },
    ls: glases.map(({ own: _, ...glas }: Json) => glas),
  }
}
