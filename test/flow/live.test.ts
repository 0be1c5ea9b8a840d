import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { type Home, type Json, letIn, newMachine } from '../cli/home.ts'
import { imageDirectory } from '../gen/directory.ts'
import { type TestContext, test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { beam, WaitingTap } from '../tap/original-tap.ts'
import { newImage, nextOf } from '../tap/sampler-process.ts'
import { zipOfDirectory } from '../tap/tap-zip.ts'

const LIMIT = { limitMs: 240_000 }
/** Any port, or the machines of a test would fight for one. */
const HTTP = { http: '127.0.0.1:0' }

/** Two machines of one swarm, both with daemons; images connect to `sampler`. */
async function scene(t: TestContext): Promise<{ sampler: Home; asker: Home; url: string }> {
  const folder = newFolder(t)
  const sampler = await newMachine(t, folder, 'sampler', { config: HTTP })
  const asker = await newMachine(t, folder, 'asker', { config: HTTP })
  await sampler.startDaemon()
  await letIn(sampler, asker)
  await asker.startDaemon()
  return { sampler, asker, url: await urlOf(sampler) }
}

const urlOf = async (home: Home): Promise<string> => (await home.good('daemon', 'status')).http

/** An image with an original Tap that waits and answers each request with its snapshot. */
async function running(t: TestContext, url: string, name: string) {
  const { record, zip } = newImage(t, { name, host: 'sim7' })
  const tap: WaitingTap = await WaitingTap.start(url, record, () => void beam(url, nextOf(record), zip))
  t.after(() => tap.stop())
  return { tap, record, zip }
}

/** The second machine may see and ask. */
async function share(sampler: Home): Promise<void> {
  await sampler.good('config', 'shareTaps', 'true')
  await sampler.good('members', 'allow', 'asker', 'snap')
}

const tapsOf = async (home: Home): Promise<Json[]> => (await home.good('live')).taps
const oneLine = (taps: Json[]) =>
  taps.map(({ name, peer, path, may }) => `${name}@${peer} ${path} ${may}`.trim()).sort()

test(
  'an image is heard of by its name, seen and asked as far as its machine allows it',
  async (t) => {
    const { sampler, asker, url } = await scene(t)
    const { record } = await running(t, url, 'Ants')
    assert.equal(oneLine(await tapsOf(sampler)), [`Ants@sampler ${record.path} snap`])
    assert.equal(await tapsOf(asker), [], 'nothing is shared before somebody says so')

    await sampler.good('config', 'shareTaps', 'true')
    await asker.until(
      () => tapsOf(asker),
      (taps) => oneLine(taps).join() === 'Ants@sampler  nothing',
    )
    assert.is((await asker.bad('snap', 'Ants')).code, 'NotAllowed')

    await sampler.good('members', 'allow', 'asker', 'live')
    await asker.until(
      () => tapsOf(asker),
      (taps) => oneLine(taps).join() === `Ants@sampler ${record.path} live`,
    )
    assert.is((await asker.bad('snap', 'Ants')).code, 'NotAllowed')

    await sampler.good('members', 'allow', 'asker', 'snap')
    const taken = await asker.good('snap', 'Ants@sampler')
    assert.equal(
      [taken['image-name'], taken.version, taken.peer, taken.outcome],
      ['Ants', '0.0.1', 'sampler', 'pushed'],
    )
    assert.is((await asker.good('show', `${taken['glas-id']}@0.0.1`)).record, taken.record)
    assert.is((await asker.good('snap', 'Ants')).outcome, 'unchanged')

    await asker.stopDaemon()
    assert.is((await asker.good('snap', 'Ants')).record, taken.record, 'without a daemon of its own')
    const { members } = await sampler.good('members')
    assert.equal(members.map(({ name, taps }: Json) => `${name} ${taps}`).sort(), ['asker snap', 'sampler snap'])
  },
  LIMIT,
)

test(
  'requests that come at once from here and from elsewhere are all answered, with a version that both know',
  async (t) => {
    const { sampler, asker, url } = await scene(t)
    await share(sampler)
    const { tap } = await running(t, url, 'Ants')
    await asker.until(
      () => tapsOf(asker),
      (taps) => taps.length === 1,
    )
    const askers = [asker, sampler, asker, sampler]
    const taken = await Promise.all(askers.map((home) => home.good('snap', 'Ants')))
    for (const { version, peer } of taken) assert.equal([version, peer], ['0.0.1', 'sampler'])
    assert.is(new Set(taken.map(({ record }) => record)).size, 1)
    assert.ok(tap.requests.length <= askers.length)
  },
  LIMIT,
)

test(
  'an image that goes away, or has a secret in it, is told to who asked from elsewhere as what it is',
  async (t) => {
    const { sampler, asker, url } = await scene(t)
    await share(sampler)
    const { record } = newImage(t, { name: 'Ants', host: 'sim7' })
    const gone: WaitingTap = await WaitingTap.start(url, record, () => gone.stop())
    await asker.until(
      () => tapsOf(asker),
      (taps) => taps.length === 1,
    )
    const failed = await asker.bad('snap', 'Ants')
    assert.equal([failed.code, failed.data.remote], ['PeerUnreachable', true])
    await asker.until(
      () => tapsOf(asker),
      (taps) => taps.length === 0,
    )

    const bees = newImage(t, { name: 'Bees', host: 'sim7' })
    appendFileSync(join(bees.path, 'Bees.changes'), `\n'https://ann:${'s3cret'.repeat(3)}@git.example.org/x.git'!\n`)
    const zip = zipOfDirectory(join(bees.folder, 'secret.zip'), bees.path, 'Bees')
    const tap: WaitingTap = await WaitingTap.start(url, bees.record, () => void beam(url, nextOf(bees.record), zip))
    t.after(() => tap.stop())
    await asker.until(
      () => tapsOf(asker),
      (taps) => taps.length === 1,
    )
    const secret = await asker.bad('snap', 'Bees')
    assert.is(secret.code, 'SecretFound')
    assert.not.match(secret.message, 'changes')
    assert.is((await asker.bad('snap', '--secrets', 'allow', 'Bees')).code, 'NotAllowed')
    assert.is((await sampler.good('snap', '--secrets', 'allow', 'Bees')).version, '0.0.1')
  },
  LIMIT,
)

test(
  'images of one name on two machines are told apart, and the names of what does not run are not found',
  async (t) => {
    const { sampler, asker, url } = await scene(t)
    await share(sampler)
    await running(t, url, 'Ants')
    await running(t, await urlOf(asker), 'Ants')
    await asker.until(
      () => tapsOf(asker),
      (taps) => taps.length === 2,
    )
    const both = await asker.bad('snap', 'Ants')
    assert.is(both.code, 'AmbiguousName')
    assert.equal(both.data.candidates, ['Ants@asker', 'Ants@sampler'])
    assert.is((await asker.good('snap', 'Ants@sampler')).peer, 'sampler')
    assert.is((await asker.good('snap', 'Ants@asker')).peer, 'asker')
    assert.equal(oneLine(await tapsOf(sampler)).length, 1, 'asker shares nothing')
    assert.equal((await asker.good('live', '--offline')).taps.length, 1)
    assert.is((await asker.bad('snap', 'Dogs')).code, 'PeerNotFound')
  },
  LIMIT,
)

test(
  'a member that is sent everything by rule gets it when it is there, before and after the rule was made',
  async (t) => {
    const { sampler, asker } = await scene(t)
    const image = imageDirectory(sampler.path('Ants'), { seed: 1, sizeBytes: 500_000 })
    await sampler.good('push', 'Ants')
    assert.equal(
      (await sampler.good('send', 'asker')).to.map(({ member }: Json) => member),
      ['asker'],
    )
    await asker.hasVersions('Ants', '0.0.1 here')
    await asker.stopDaemon()
    appendFileSync(join(image.path, 'notes.txt'), 'more')
    await sampler.good('push', 'Ants')
    await asker.startDaemon()
    await asker.hasVersions('Ants', '0.0.2 here', '0.0.1 here')
    assert.equal((await sampler.good('unsend', 'asker')).to, [])
    assert.is((await sampler.bad('unsend', 'asker')).code, 'NameNotFound')
    assert.is((await sampler.bad('send', 'sampler')).code, 'BadUsage')
  },
  LIMIT,
)
