import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { bad, good, stopProcess } from '../cli/process.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { until } from '../loopback.ts'
import { Api, BEHIND_PROXY, cameFrom, eventually, upgrading } from '../tap/api.ts'
import { beam, upgrade, WaitingTap } from '../tap/original-tap.ts'
import { bottles, newImage, newSampler, nextOf, startSampler } from '../tap/sampler-process.ts'

const PATIENCE_MS = 30_000
const STRANGER = cameFrom('203.0.113.5')

test('what an allowed Tap without a token sends waits: in no list, no index and no log until it is accepted', async (t) => {
  const settings = { ...BEHIND_PROXY, httpTaps: ['203.0.113.0/24'] }
  const sampler = await newSampler(t, newFolder(t), settings)
  const allowed = upgrading(STRANGER)
  assert.is((await upgrade(sampler.url, '/taps/', upgrading(cameFrom('198.51.100.1')))).status, 401)
  assert.is((await upgrade(sampler.url, '/taps/', { ...allowed, Origin: 'https://images.example.org' })).status, 403)
  assert.is((await upgrade(sampler.url, '/taps/', { ...allowed, 'x-forwarded-proto': 'http' })).status, 403)
  const ants = newImage(t)
  const bees = newImage(t, { name: 'Bees' })
  for (const { record, zip } of [ants, bees]) await beam(sampler.url, record, zip, { headers: allowed })
  await until(() => sampler.said().match(/without a token and waits/g)?.length === 2, PATIENCE_MS)
  const nowhere = async (url: string) => {
    assert.equal(await bottles(url), [])
    assert.equal((await good(t, sampler.home, 'ls', '--all')).glases, [])
    assert.equal((await (await Api.of(url)).good('/glases')).glases, [])
  }
  await nowhere(sampler.url)
  assert.equal(sampler.spooled(), [])
  await stopProcess(sampler.child, 'SIGKILL')
  const again = await startSampler(t, sampler.home)
  await nowhere(again.url)
  const { quarantine } = await good(t, sampler.home, 'accept')
  const [first, second] = quarantine
  assert.equal([first.name, first.from, second.name], ['Ants', '203.0.113.5', 'Bees'])
  const made = await good(t, sampler.home, 'accept', first.id)
  assert.equal([made.version, made['image-id']], ['0.0.1', ants.record.imageId])
  const api = await Api.of(again.url)
  assert.equal(
    (await api.good('/quarantine')).quarantine.map(({ id }: { id: string }) => id),
    [second.id],
  )
  await api.good(`/quarantine/${second.id}/refuse`, {})
  assert.equal((await good(t, sampler.home, 'accept')).quarantine, [])
  assert.is((await bad(t, sampler.home, 'accept', second.id)).code, 'NameNotFound')
  assert.equal(readdirSync(join(sampler.home, 'stock', 'quarantine')), [])
  assert.is((await bottles(again.url)).length, 1)
})

test('a Tap without a token cannot pass for one with, nor answer what that one was asked', async (t) => {
  const sampler = await newSampler(t, newFolder(t), { ...BEHIND_PROXY, httpTaps: ['203.0.113.5'] })
  const { record, zip } = newImage(t)
  const api = await Api.of(sampler.url)
  const asked: string[] = []
  const real = await WaitingTap.start(sampler.url, record, () => asked.push('real'))
  const headers = upgrading(STRANGER)
  const forged = await WaitingTap.start(sampler.url, record, () => asked.push('forged'), headers)
  t.after(() => {
    real.stop()
    forged.stop()
  })
  await eventually(async () => (await api.good('/taps')).taps.length === 2)
  const { taps } = await api.good('/taps')
  assert.equal(
    taps.map(({ known }: { known: boolean }) => known),
    [true, false],
  )
  const snapped = good(t, sampler.home, 'snap', 'Ants')
  await until(() => asked.length === 1, PATIENCE_MS)
  await beam(sampler.url, nextOf(record), zip, { headers })
  await until(() => sampler.said().includes('without a token and waits'), PATIENCE_MS)
  const { zip: good1 } = newImage(t, { sizeBytes: 1_200_000 })
  await beam(sampler.url, nextOf(record), good1)
  assert.equal([(await snapped).version, asked], ['0.0.1', ['real']])
  const transfer = await api.good(`/taps/${taps[1].id}/snapshot`, {})
  await until(() => asked.length === 2, PATIENCE_MS)
  await beam(sampler.url, nextOf(record), zip, { headers })
  const ended = async () =>
    (await api.good('/transfers')).transfers.find(({ id }: { id: string }) => id === transfer.id)
  await eventually(async () => (await ended()).state === 'failed')
  assert.equal([(await ended()).error.code, asked], ['Quarantined', ['real', 'forged']])
})

test('the quarantine has an end: no address fills it, and what is refused leaves nothing', async (t) => {
  const sampler = await newSampler(t, newFolder(t), { ...BEHIND_PROXY, httpTaps: ['203.0.113.0/24'] })
  const { record, zip } = newImage(t)
  const send = (address: string) => beam(sampler.url, record, zip, { headers: upgrading(cameFrom(address)) })
  for (let count = 0; count < 8; count++) await send('203.0.113.5')
  await send('203.0.113.5').catch(() => {}) // it is cut off while it sends
  await until(() => sampler.said().includes('8 snapshots from one address'), PATIENCE_MS)
  await send('203.0.113.6')
  await until(() => sampler.said().match(/without a token and waits/g)?.length === 9, PATIENCE_MS)
  assert.is((await good(t, sampler.home, 'accept')).quarantine.length, 9)
  assert.equal(sampler.spooled(), [])
})
