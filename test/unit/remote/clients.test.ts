import * as assert from 'uvu/assert'
import { cidOf, RAW_CODEC } from '../../../src/glas/hash.ts'
import { withRemote } from '../../../src/remote/open-remote.ts'
import type { Remote, RemoteKind } from '../../../src/remote/remote-pinning.ts'
import { test } from '../../harness.ts'
import { codeOf } from '../../loopback.ts'
import { cluster, type KeptPin, newService, pinningService, TOKEN } from '../../remote/services.ts'

const cidFor = (text: string): string => cidOf(RAW_CODEC, Buffer.from(text)).toString()
const remoteAt = (url: string, kind: RemoteKind = 'pinning-service', token = TOKEN): Remote => ({
  name: 'far',
  kind,
  url,
  token,
})

test('a pinning service is asked to keep a version, says how far it is, and lets it go', async (t) => {
  const pins: KeptPin[] = []
  const remote = remoteAt(await newService(t, pinningService(pins)))
  const cid = cidFor('a version')
  const wanted = { cid, name: 'Ants@0.0.1', origins: ['/ip4/127.0.0.1/tcp/1'] }
  assert.is((await withRemote(remote, (far) => far.add(wanted, t.signal))).state, 'queued')
  assert.equal(pins[0]?.pin, wanted)
  pins[0]!.status = 'failed'
  pins[0]!.info = { status_details: 'nobody has it' }
  const failed = await withRemote(remote, (far) => far.find(cid, t.signal))
  assert.is(`${failed?.state} ${failed?.info}`, 'failed nobody has it')
  await withRemote(remote, (far) => far.add(wanted, t.signal))
  assert.is(pins.length, 1) // asked for again, not twice
  pins[0]!.status = 'pinned'
  assert.is((await withRemote(remote, (far) => far.add(wanted, t.signal))).state, 'pinned')
  assert.is(await withRemote(remote, (far) => far.remove(cid, t.signal)), true)
  assert.is(await withRemote(remote, (far) => far.remove(cid, t.signal)), false)
  assert.is(await withRemote(remote, (far) => far.find(cid, t.signal)), undefined)
})

test('a list of thousands of pins comes page by page', async (t) => {
  const pins: KeptPin[] = []
  const service = pinningService(pins)
  const remote = remoteAt(await newService(t, service))
  for (let n = 0; n < 2500; n++) {
    service({ method: 'POST', url: new URL('http://localhost/pins'), body: { cid: cidFor(`${n}`) } })
  }
  const listed = await withRemote(remote, (far) => Array.fromAsync(far.list(t.signal)))
  assert.is(new Set(listed.map(({ cid }) => cid)).size, 2500)
})

test('a cluster keeps a version when all peers that shall do, and has failed when one has', async (t) => {
  const states = new Map<string, [string, string]>()
  const remote = remoteAt(await newService(t, cluster(states)), 'cluster')
  const cid = cidFor('a version')
  const state = async () => (await withRemote(remote, (far) => far.find(cid, t.signal)))?.state
  assert.is(await state(), undefined)
  const wanted = { cid, name: 'Ants@0.0.1', origins: [] }
  assert.is((await withRemote(remote, (far) => far.add(wanted, t.signal))).state, 'queued')
  states.set(cid, ['pinned', 'pinning'])
  assert.is(await state(), 'pinning')
  states.set(cid, ['pinned', 'remote'])
  assert.is(await state(), 'pinned')
  states.set(cid, ['pin_error', 'pinned'])
  assert.equal(await withRemote(remote, (far) => Array.fromAsync(far.list(t.signal))), [
    { cid, name: '', state: 'failed', info: 'no space' },
  ])
  assert.is(await withRemote(remote, (far) => far.remove(cid, t.signal)), true)
  assert.is(await withRemote(remote, (far) => far.remove(cid, t.signal)), false)
})

test('a service that refuses, fails, lies or is not there is an error with a name', async (t) => {
  const url = await newService(t, pinningService([]))
  const list = (remote: Remote) => codeOf(withRemote(remote, (far) => Array.fromAsync(far.list(t.signal))))
  assert.is(await list(remoteAt(url, 'pinning-service', 'wrong')), 'NotAllowed')
  assert.is(await list(remoteAt(`${url}/nowhere`)), 'NotAllowed')
  assert.is(await list(remoteAt('http://127.0.0.1:1')), 'PeerUnreachable')
  for (const [status, body, code] of [
    [500, 'out of order', 'PeerUnreachable'],
    [200, 'no JSON', 'BadMessage'],
    [200, { results: 'many' }, 'BadMessage'],
    [200, { results: [{ requestid: 1 }] }, 'BadMessage'],
    [200, { results: [null] }, 'BadMessage'],
    [200, 'x'.repeat(9_000_000), 'LimitExceeded'],
    [200, 'x\n'.repeat(4_500_000), 'LimitExceeded'],
  ] as const) {
    for (const kind of ['pinning-service', 'cluster', 'kubo'] as const) {
      const lying = remoteAt(await newService(t, () => ({ status, body })), kind)
      assert.is(await codeOf(withRemote(lying, (far) => far.find(cidFor('x'), t.signal))), code, `${kind} ${code}`)
    }
  }
})

test('a token is not carried to where a service redirects to', async (t) => {
  const tokens: string[] = []
  const other = await newService(t, () => {
    tokens.push('came')
    return { status: 200, body: { count: 0, results: [] } }
  })
  const redirecting = await newService(t, () => ({ status: 302, body: other }))
  assert.is.not(await codeOf(withRemote(remoteAt(redirecting), (far) => far.find(cidFor('x'), t.signal))), 'none')
  assert.equal(tokens, [])
})
