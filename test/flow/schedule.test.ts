import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { bad, good, stopProcess } from '../cli/process.ts'
import { type ImageDirectory, imageDirectory, nextSnapshot } from '../gen/directory.ts'
import { type TestContext, test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { beam, WaitingTap } from '../tap/original-tap.ts'
import { newImage, newSampler, nextOf, startSampler } from '../tap/sampler-process.ts'

// biome-ignore lint/suspicious/noExplicitAny: the JSON of verbs
type Json = any

const PATIENCE_MS = 40_000

/** Asks for the versions of a glas until they are these, the newest first; what is let go counts until it is let go here, too. */
async function hasVersions(t: TestContext, home: string, name: string, ...wanted: string[]): Promise<Json> {
  const endMs = performance.now() + PATIENCE_MS
  for (;;) {
    const log = await good(t, home, 'log', name).catch(() => ({ versions: [] }))
    const standing = log.versions
      .filter(({ retracted, here }: Json) => !retracted || here)
      .map(({ version }: Json) => version)
    if (standing.join() === wanted.join()) return log
    if (performance.now() > endMs) throw new Error(`${name} still has ${standing.join()} and not ${wanted.join()}`)
  }
}

function save(image: ImageDirectory, seed: number): void {
  nextSnapshot(image, { seed, changesBytes: 500 })
}

test(
  'a directory is taken on schedule when it has changed, also by the next daemon, and the policy is applied each time',
  async (t) => {
    const sampler = await newSampler(t)
    const image = imageDirectory(join(newFolder(t), 'Ants'), { seed: 1, sizeBytes: 400_000, name: 'Ants' })
    const { rules } = await good(t, sampler.home, 'schedule', 'add', image.path, '--every', '1s', '--keep-last', '2')
    assert.equal([rules[0].target, rules[0].everySeconds, rules[0].keep], [image.path, 1, { last: 2 }])
    await hasVersions(t, sampler.home, 'Ants', '0.0.1')
    save(image, 2)
    await hasVersions(t, sampler.home, 'Ants', '0.0.2', '0.0.1')
    await stopProcess(sampler.child, 'SIGKILL')
    save(image, 3)
    const again = await startSampler(t, sampler.home)
    const { versions } = await hasVersions(t, again.home, 'Ants', '0.0.3', '0.0.2')
    assert.is(versions.length, 3)
    assert.not.ok(versions[2].here)
    const listed = (await good(t, again.home, 'schedule', 'ls')).rules
    assert.equal([listed.length, listed[0].text], [1, 'Ants@0.0.3'])
    assert.equal((await good(t, again.home, 'schedule', 'remove', image.path)).rules, [])
    save(image, 4)
    const pushed = await good(t, again.home, 'push', image.path)
    assert.is(pushed.version, '0.0.4', 'nothing is taken any more')
  },
  { limitMs: 180_000 },
)

test(
  'an image that runs is asked on schedule while it is connected',
  async (t) => {
    const sampler = await newSampler(t)
    const { zip, record } = newImage(t, { name: 'Bees' })
    const tap = await WaitingTap.start(sampler.url, record, () => void beam(sampler.url, nextOf(record), zip))
    const { rules } = await good(t, sampler.home, 'schedule', 'add', 'Bees', '--every', '1h')
    assert.equal([rules[0].what, rules[0].target], ['tap', `${record.host}:${record.path}/Bees`])
    await hasVersions(t, sampler.home, 'Bees', '0.0.1')
    assert.is(tap.requests.length, 1)
    tap.stop()
    assert.equal((await good(t, sampler.home, 'schedule', 'remove', 'Bees')).rules, [])
  },
  { limitMs: 120_000 },
)

test('what cannot be scheduled is said when it is typed, and what fails is said in the list', async (t) => {
  const sampler = await newSampler(t)
  const image = imageDirectory(join(newFolder(t), 'Ants'), { seed: 1, sizeBytes: 400_000, name: 'Ants' })
  const add = (...args: string[]) => bad(t, sampler.home, 'schedule', 'add', ...args)
  assert.is((await add('Nothing', '--every', '15m')).code, 'PeerNotFound')
  assert.is((await add(newFolder(t), '--every', '15m')).code, 'NotAnImage')
  assert.is((await add(image.path, '--every', '15')).code, 'BadUsage')
  assert.is((await add(image.path, '--every', '15m', '--keep-last', '0')).code, 'BadUsage')
  assert.is((await add(image.path)).code, 'BadUsage')
  assert.is((await bad(t, sampler.home, 'schedule', 'remove', image.path)).code, 'NameNotFound')
  writeFileSync(join(image.path, 'notes.txt'), `https://ann:${'s3cret'.repeat(3)}@git.example.org/x.git\n`)
  await good(t, sampler.home, 'schedule', 'add', image.path, '--every', '1h')
  const endMs = performance.now() + PATIENCE_MS
  for (;;) {
    const { rules } = await good(t, sampler.home, 'schedule', 'ls')
    if (rules[0].outcome === 'error') break
    assert.ok(performance.now() < endMs, JSON.stringify(rules))
  }
  assert.match(sampler.said(), 'scheduled snapshot')
})
