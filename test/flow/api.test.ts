import * as assert from 'uvu/assert'
import { good } from '../cli/process.ts'
import { test } from '../harness.ts'
import { until } from '../loopback.ts'
import { Api, listen } from '../tap/api.ts'
import { beam, WaitingTap } from '../tap/original-tap.ts'
import { ask, newImage, newSampler, nextOf } from '../tap/sampler-process.ts'

const PATIENCE_MS = 30_000

test('the API lists glases and versions with what a lineage tree needs', async (t) => {
  const sampler = await newSampler(t)
  const { path } = newImage(t)
  const first = await good(t, sampler.home, 'push', path)
  const second = await good(t, sampler.home, 'push', '--force', path)
  const api = await Api.of(sampler.url)
  const { glases } = await api.good('/glases')
  assert.equal([glases.length, glases[0]['glas-id'], glases[0].latest], [1, first['glas-id'], '0.0.2'])
  const { versions } = await api.good(`/glases/${first['glas-id']}`)
  const [newest, oldest] = versions
  assert.equal([newest.record, newest.parent], [second.record, first.record])
  assert.equal([oldest.record, oldest.parent, oldest.pins], [first.record, null, ['own']])
  assert.equal([newest['image-id'], newest.path], [second['image-id'], path])
  const shown = await api.good(`/versions/${second.record}`)
  assert.equal([shown.version, shown['image-name']], ['0.0.2', 'Ants'])
  const { files } = await api.good(`/versions/${second.record}/files`)
  assert.ok(files.some((file: { path: string }) => file.path === 'Ants.image'))
  const status = await api.good('/status')
  assert.equal([status.glases, status.versions, status.caller], [1, 2, { name: 'local', role: 'admin', glases: null }])
  assert.ok(status.stock.bytes > 0 && status.peers.length === 1)
  assert.equal(await api.refusal(`/glases/${'0'.repeat(32)}`), [404, 'NameNotFound'])
  assert.equal(await api.refusal('/glases/nonsense'), [400, 'BadUsage'])
  assert.equal(await api.refusal('/nothing'), [404, 'NameNotFound'])
})

test('versions are tagged, noted, pinned and let go over the API, and letting go can be undone', async (t) => {
  const sampler = await newSampler(t)
  const { record, 'glas-id': glasId } = await good(t, sampler.home, 'push', newImage(t).path)
  const api = await Api.of(sampler.url)
  const version = async () => (await api.good(`/glases/${glasId}`)).versions[0]
  await api.good(`/versions/${record}/tag`, { tag: 'paper' })
  await api.good(`/versions/${record}/note`, { text: 'with <b>markup</b> 🍺' })
  assert.equal([(await version()).tags, (await version()).note], [['paper'], 'with <b>markup</b> 🍺'])
  await api.good(`/versions/${record}/untag`, { tag: 'paper' })
  assert.equal((await version()).tags, [])
  assert.equal(await api.refusal(`/versions/${record}/unpin`, { force: false }), [409, 'StillNeeded'])
  assert.equal((await api.good(`/versions/${record}/unpin`, { force: true })).reasons, [])
  assert.equal((await api.good(`/versions/${record}/pin`, {})).reasons, ['user'])
  const forgotten = await api.good(`/versions/${record}/forget`, { here: false })
  assert.ok(forgotten['undo-seconds'] > 0)
  assert.equal([(await version()).forgetting, (await version()).retracted], [true, false])
  await api.good(`/versions/${record}/unforget`, {})
  assert.equal((await version()).forgetting, false)
  assert.equal(await api.refusal(`/versions/${record}/unforget`, {}), [404, 'NameNotFound'])
  await api.good(`/versions/${record}/forget`, { here: false })
  await good(t, sampler.home, 'daemon', 'stop')
  assert.is((await good(t, sampler.home, 'log', glasId)).versions[0].retracted, true)
})

test('a page asks an image for a snapshot, and hears what becomes of it', async (t) => {
  const sampler = await newSampler(t)
  const { zip, record } = newImage(t)
  const heard = await listen(t, sampler.url)
  const tap = await WaitingTap.start(sampler.url, record, () => void beam(sampler.url, nextOf(record), zip))
  t.after(() => tap.stop())
  await until(() => heard.events.some(({ event }) => event === 'taps'), PATIENCE_MS)
  const api = await Api.of(sampler.url)
  const [shown] = (await api.good('/taps')).taps
  assert.equal([shown.host, shown.path, shown.name], [record.host, record.path, record.name])
  const transfer = await api.good(`/taps/${shown.id}/snapshot`, {})
  assert.equal([transfer.state, transfer.tap], ['running', shown.id])
  const ended = () => {
    const lists = heard.events.filter(({ event }) => event === 'transfers').map(({ data }) => data.transfers)
    return lists.flat().find(({ id, state }: { id: string; state: string }) => id === transfer.id && state === 'done')
  }
  await until(() => ended() !== undefined, PATIENCE_MS)
  assert.equal([ended().made.version, ended().made['glas-id']], ['0.0.1', shown['glas-id']])
  const isTold = ({ event, data }: { event: string; data: { glases: string[] } }) =>
    event === 'glases' && data.glases.includes(shown['glas-id'])
  await until(() => heard.events.some(isTold), PATIENCE_MS)
  assert.equal(await api.refusal(`/taps/${'0'.repeat(16)}/snapshot`, {}), [404, 'PeerNotFound'])
})

test('what the command line has the daemon do is shown as a transfer, with what it is about', async (t) => {
  const sampler = await newSampler(t)
  const { path } = newImage(t)
  await good(t, sampler.home, 'push', path)
  const { transfers } = await (await Api.of(sampler.url)).good('/transfers')
  const [push] = transfers.filter(({ kind }: { kind: string }) => kind === 'push')
  assert.equal([push.label, push.state], [path, 'done'])
  assert.ok(push['done-bytes'] > 0)
})

test('what the API does not understand it refuses with a code of the table, and without doing it', async (t) => {
  const sampler = await newSampler(t)
  const { record } = await good(t, sampler.home, 'push', newImage(t).path)
  const api = await Api.of(sampler.url)
  assert.equal(await api.refusal(`/versions/${record}/tag`, { tag: '' }), [400, 'BadUsage'])
  assert.equal(await api.refusal(`/versions/${record}/tag`, { tag: 'no space' }), [400, 'InvalidName'])
  assert.equal(await api.refusal(`/versions/${record}/forget`, {}), [400, 'BadUsage'])
  assert.is((await api.delete(`/versions/${record}/tag`)).status, 404)
  const path = `/api/v1/versions/${record}/tag`
  const post = (body: string, type: string) =>
    ask(sampler.url, path, { method: 'POST', headers: { 'content-type': type }, body })
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
    const { status, text } = await post('{"tag":"x"}', type)
    assert.equal([status, JSON.parse(text).error.code], [400, 'BadUsage'])
  }
  assert.is((await post('{"tag":"x", "__proto__": {"a": 1}}', 'application/json')).status, 400)
  assert.is((await post('{"tag":', 'application/json')).status, 400)
  assert.is((await post(`{"tag":"${'x'.repeat(70_000)}"}`, 'application/json')).status, 409)
  assert.is((await ask(sampler.url, path)).status, 404)
})
