import * as assert from 'uvu/assert'
import { type Home, type Json, letIn, newMachine } from '../cli/home.ts'
import { type TestContext, test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { beam, WaitingTap } from '../tap/original-tap.ts'
import { newImage, nextOf } from '../tap/sampler-process.ts'

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
