import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { bad, good, run, stopProcess } from '../cli/process.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { until } from '../loopback.ts'
import { Api, BEHIND_PROXY, bearing, cameFrom, listen, upgrading } from '../tap/api.ts'
import { beam, upgrade, WaitingTap } from '../tap/original-tap.ts'
import { ask, bottles, newImage, newSampler, startSampler } from '../tap/sampler-process.ts'

const PATIENCE_MS = 30_000
const STRANGER = cameFrom('203.0.113.5')

/** Every file below a folder, as bytes. */
function filesBelow(folder: string): Map<string, Buffer> {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path))
  return new Map(paths.filter((path) => statSync(path).isFile()).map((path) => [path, readFileSync(path)]))
}

test('a token is shown once: no file of the home has it, nor anything that the daemon says', async (t) => {
  const home = newFolder(t)
  const offline = await good(t, home, 'token', 'add', 'script', '--role', 'viewer')
  const sampler = await newSampler(t, home, {})
  const online = await good(t, home, 'token', 'add', 'laptop', '--role', 'admin', '--expires', '12h')
  const api = await Api.of(sampler.url)
  for (const { token } of [offline, online]) {
    assert.match(token, /^pintglas-token-[\w-]{43}$/)
    await api.as(bearing(token)).good('/status')
    await api.as(bearing(`${token.slice(0, -1)}!`)).refusal('/status')
    const [secret = ''] = token.split('-token-').slice(1)
    for (const [path, bytes] of filesBelow(home)) assert.not.ok(bytes.includes(secret), path)
    assert.not.ok(sampler.said().includes(secret))
  }
  assert.is(statSync(join(home, 'tokens.json')).mode & 0o777, 0o600)
  const listed = await run(t, home, 'token', 'ls')
  assert.equal(
    listed.json.tokens.map(({ name }: { name: string }) => name),
    ['script', 'laptop'],
  )
  assert.not.match(JSON.stringify(listed.json), 'pintglas-token-')
  assert.is((await bad(t, home, 'token', 'add', 'laptop', '--role', 'viewer')).code, 'TargetExists')
  assert.is((await bad(t, home, 'token', 'add', 'x', '--role', 'king')).code, 'BadUsage')
  assert.is((await bad(t, home, 'token', 'add', 'x', '--role', 'viewer', '--expires', '99y')).code, 'BadUsage')
  assert.is((await bad(t, home, 'token', 'revoke', 'nobody')).code, 'NameNotFound')
})

test('a token that was revoked or has expired is worth nothing, and what goes on under it is cut off', async (t) => {
  const sampler = await newSampler(t)
  const { token } = await good(t, sampler.home, 'token', 'add', 'script', '--role', 'operator')
  const api = (await Api.of(sampler.url)).as(bearing(token))
  const heard = await listen(t, sampler.url, bearing(token))
  assert.is(heard.status, 200)
  const { record } = newImage(t)
  const tap = await WaitingTap.start(sampler.url, record, () => {}, bearing(token))
  await until(() => heard.events.length > 0, PATIENCE_MS)
  await good(t, sampler.home, 'token', 'revoke', 'script')
  await until(() => heard.closed, PATIENCE_MS)
  await tap.closed
  assert.equal(await api.refusal('/status'), [401, 'NotSignedIn'])
  assert.is((await upgrade(sampler.url, '/taps/', bearing(token))).status, 401)

  const old = await good(t, sampler.home, 'token', 'add', 'old', '--role', 'admin')
  await stopProcess(sampler.child, 'SIGTERM')
  const file = join(sampler.home, 'tokens.json')
  const { tokens } = JSON.parse(readFileSync(file, 'utf8'))
  writeFileSync(file, JSON.stringify({ tokens: [{ ...tokens[0], expires: '2020-01-01T00:00:00.000Z' }] }))
  const again = await startSampler(t, sampler.home)
  const later = await Api.of(again.url)
  assert.equal(await later.as(bearing(old.token)).refusal('/status'), [401, 'NotSignedIn'])
  assert.is((await good(t, again.home, 'token', 'ls')).tokens[0].expired, true)
  await good(t, again.home, 'token', 'add', 'old', '--role', 'viewer')
})

test('a role may do what it may, and no role below admin reaches network, rules, keys or tokens', async (t) => {
  const sampler = await newSampler(t)
  const { record } = await good(t, sampler.home, 'push', newImage(t).path)
  const api = await Api.of(sampler.url)
  const as = async (role: string) => {
    return api.as(bearing((await good(t, sampler.home, 'token', 'add', role, '--role', role)).token))
  }
  const [viewer, operator, admin] = [await as('viewer'), await as('operator'), await as('admin')]
  for (const path of ['/status', '/glases', `/versions/${record}`, '/taps', '/transfers']) await viewer.good(path)
  const doing: Array<[string, object]> = [
    [`/versions/${record}/tag`, { tag: 'x' }],
    [`/versions/${record}/note`, { text: 'x' }],
    [`/versions/${record}/pin`, {}],
    [`/versions/${record}/forget`, { here: false }],
    [`/versions/${record}/unforget`, {}],
  ]
  for (const [path, body] of doing) {
    assert.equal(await viewer.refusal(path, body), [403, 'NotAllowed'], path)
    await operator.good(path, body)
  }
  for (const path of ['/tokens', '/quarantine']) {
    assert.equal(await operator.refusal(path), [403, 'NotAllowed'], path)
    await admin.good(path)
  }
  const made = { name: 'more', role: 'viewer', glases: [], 'valid-seconds': 60 }
  assert.equal(await operator.refusal('/tokens', made), [403, 'NotAllowed'])
  const { token } = await admin.good('/tokens', made)
  assert.is((await api.as(bearing(token)).good('/session')).name, 'more')
  assert.is((await admin.delete('/tokens/more')).status, 200)
  for (const [path, entry] of Object.entries<Record<string, Record<string, unknown>>>(api.document.paths)) {
    const needed = Object.values(entry).map((route) => route['x-role'])
    if (/token|quarantine|member|peer|follow|config|key/.test(path)) assert.ok(needed.every((role) => role === 'admin'))
  }
  const upload = (headers: Record<string, string>) =>
    ask(sampler.url, '/upload', { method: 'POST', headers, body: '[]' })
  const { token: watching } = await good(t, sampler.home, 'token', 'add', 'watching', '--role', 'viewer')
  assert.is((await upload(bearing(watching))).status, 403)
  assert.is((await upgrade(sampler.url, '/taps/', bearing(watching))).status, 403)
  assert.is((await ask(sampler.url, '/metrics', { headers: bearing(watching) })).status, 200)
})

test('a token for one glas sees and touches this one alone, also in lists, events and downloads', async (t) => {
  const sampler = await newSampler(t)
  const ants = await good(t, sampler.home, 'push', newImage(t).path)
  const bees = await good(t, sampler.home, 'push', newImage(t, { name: 'Bees' }).path)
  const { token } = await good(t, sampler.home, 'token', 'add', 'ants', '--role', 'admin', '--glas', 'Ants')
  const headers = bearing(token)
  const whole = await Api.of(sampler.url)
  const api = whole.as(headers)
  const names = (list: Array<Record<string, string>>) => list.map((one) => one['image-name'] ?? one.name)
  assert.equal(names((await api.good('/glases')).glases), ['Ants'])
  const status = await api.good('/status')
  assert.equal([status.glases, status.versions, status.stock, status.peers], [1, 1, null, []])
  const hidden = [`/glases/${bees['glas-id']}`, `/versions/${bees.record}`, `/versions/${bees.record}/files`]
  for (const path of hidden) assert.equal(await api.refusal(path), [404, 'NameNotFound'], path)
  for (const verb of ['tag', 'note', 'pin', 'unpin', 'forget', 'download-link']) {
    const body = { tag: 'x', text: 'x', force: true, here: true }
    assert.equal(await api.refusal(`/versions/${bees.record}/${verb}`, body), [404, 'NameNotFound'], verb)
  }
  for (const path of ['/tokens', '/quarantine']) assert.equal(await api.refusal(path), [403, 'NotAllowed'])
  assert.is((await ask(sampler.url, '/metrics', { headers })).status, 403)

  const list = JSON.parse((await ask(sampler.url, '/launcher-bottles', { headers })).text)
  assert.equal(names(list), ['Ants'])
  assert.not.match((await ask(sampler.url, '/', { headers })).text, 'Bees')
  const all = await bottles(sampler.url)
  const idOf = (name: string) => all.find((bottle: { name: string }) => bottle.name === name)['glas-id']
  assert.is((await ask(sampler.url, `/download/${idOf('Ants')}`, { method: 'HEAD', headers })).status, 200)
  assert.is((await ask(sampler.url, `/download/${idOf('Bees')}`, { method: 'HEAD', headers })).status, 404)
  assert.is((await ask(sampler.url, `/remove/${idOf('Bees')}`, { method: 'DELETE', headers })).status, 404)

  const heard = await listen(t, sampler.url, headers)
  const tap = await WaitingTap.start(sampler.url, newImage(t, { name: 'Bees' }).record)
  t.after(() => tap.stop())
  await whole.good(`/versions/${bees.record}/tag`, { tag: 'secret' })
  await whole.good(`/versions/${ants.record}/tag`, { tag: 'open' })
  await until(() => heard.events.some(({ event }) => event === 'glases'), PATIENCE_MS)
  const told = heard.events.filter(({ event }) => event === 'glases').flatMap(({ data }) => data.glases)
  assert.equal([...new Set(told)], [ants['glas-id']])
  assert.equal((await api.good('/taps')).taps, [])
  assert.is((await whole.good('/taps')).taps.length, 1)
  assert.equal(JSON.parse((await ask(sampler.url, '/launcher-taps', { headers })).text), [])

  const other = newImage(t, { name: 'Cats' })
  await beam(sampler.url, other.record, other.zip, { headers }).catch(() => {})
  await until(() => sampler.said().includes('A Tap was refused'), PATIENCE_MS)
  assert.is((await bottles(sampler.url)).length, 2)
})

test('a link signs one tab in, once; its session is sent in a header, and ends when it is signed out', async (t) => {
  const sampler = await newSampler(t)
  const { record } = await good(t, sampler.home, 'push', newImage(t).path)
  const { url } = await good(t, sampler.home, 'open', '--print', '--role', 'operator')
  const [page, code] = url.split('#code=')
  assert.is(page, sampler.url)
  const api = await Api.of(sampler.url)
  const session = await api.good('/session', { code })
  assert.equal(session.caller, { name: 'page', role: 'operator', glases: null })
  assert.equal(await api.refusal('/session', { code }), [401, 'NotSignedIn'])
  const tab = api.as(bearing(session.token))
  assert.is((await tab.good('/status')).caller.name, 'page')
  assert.equal(await tab.refusal('/tokens'), [403, 'NotAllowed'])
  const answer = await ask(sampler.url, '/api/v1/status', { headers: bearing(session.token) })
  assert.is(answer.headers['set-cookie'], undefined)
  assert.is((await ask(sampler.url, '/api/v1/glases', { headers: { cookie: `token=${session.token}` } })).status, 200)

  const link = (await tab.good(`/versions/${record}/download-link`, {})).url
  assert.is((await ask(sampler.url, link, { method: 'HEAD' })).status, 200)
  await tab.delete('/session')
  assert.equal(await tab.refusal('/status'), [401, 'NotSignedIn'])
  for (const [, bytes] of filesBelow(sampler.home)) assert.not.ok(bytes.includes(session.token.slice(17)))
})

test('behind a named proxy whoever comes through it needs a token; a ticket opens one download alone', async (t) => {
  const sampler = await newSampler(t, newFolder(t), BEHIND_PROXY)
  for (const name of ['Ants', 'Bees']) await good(t, sampler.home, 'push', newImage(t, { name }).path)
  const { token } = await good(t, sampler.home, 'token', 'add', 'far', '--role', 'viewer')
  const local = await Api.of(sampler.url)
  const [{ record }] = (await local.good(`/glases/${(await local.good('/glases')).glases[0]['glas-id']}`)).versions
  const far = local.as({ ...STRANGER, ...bearing(token) })
  assert.is((await far.good('/status')).caller.name, 'far')
  for (const path of ['/status', '/glases', '/taps', '/events', '/transfers', '/openapi.json', '/nothing']) {
    assert.equal(await local.as(STRANGER).refusal(path), [401, 'NotSignedIn'], path)
  }
  assert.is((await ask(sampler.url, '/', { headers: STRANGER })).status, 200, 'the page itself tells how to sign in')
  for (const path of ['/launcher-bottles', '/launcher-taps', '/metrics', '/nothing']) {
    const { status, headers } = await ask(sampler.url, path, { headers: STRANGER })
    assert.equal([status, headers['www-authenticate']], [401, 'Bearer realm="PintGlas"'], path)
  }
  assert.is((await upgrade(sampler.url, '/taps/', upgrading(STRANGER))).status, 401)
  assert.is((await ask(sampler.url, '/healthz', { headers: STRANGER })).status, 200)
  const link = (await far.good(`/versions/${record}/download-link`, {})).url
  assert.is((await ask(sampler.url, link, { method: 'HEAD', headers: STRANGER })).status, 200)
  assert.is(
    (
      await ask(
        sampler.url,
        link.replace(/(.)\?/, (_: string, digit: string) => `${digit === '0' ? '1' : '0'}?`),
        { headers: STRANGER },
      )
    ).status,
    401,
  )
  assert.is((await ask(sampler.url, `${link}x`, { headers: STRANGER })).status, 401)
  assert.is((await ask(sampler.url, link.split('?')[0], { headers: STRANGER })).status, 401)
  await good(t, sampler.home, 'token', 'revoke', 'far')
  assert.is((await ask(sampler.url, link, { method: 'HEAD', headers: STRANGER })).status, 401)
})

test('a token does not help by a foreign name, from a foreign page, through an unnamed proxy or in the clear', async (t) => {
  const sampler = await newSampler(t, newFolder(t), BEHIND_PROXY)
  const { token } = await good(t, sampler.home, 'token', 'add', 'far', '--role', 'admin')
  const api = (await Api.of(sampler.url)).as(bearing(token))
  const refused: Array<Record<string, string>> = [
    { ...STRANGER, host: 'evil.example' },
    { ...STRANGER, origin: 'https://evil.example' },
    { ...STRANGER, origin: 'http://images.example.org' },
    { ...STRANGER, origin: 'https://images.example.org:8443' },
    { ...STRANGER, origin: 'null' },
    { ...STRANGER, 'sec-fetch-site': 'cross-site' },
    { ...STRANGER, 'sec-fetch-site': 'same-site' },
    { ...STRANGER, 'x-forwarded-proto': 'http' },
  ]
  for (const headers of refused) {
    assert.equal(await api.as({ ...headers, ...bearing(token) }).refusal('/status'), [403, 'NotAllowed'])
    assert.is((await upgrade(sampler.url, '/taps/', { ...upgrading(headers), ...bearing(token) })).status, 403)
  }
  const ours = { ...STRANGER, ...bearing(token), origin: 'https://images.example.org', 'sec-fetch-site': 'same-origin' }
  await api.as(ours).good('/status')
  const plain = await newSampler(t)
  const { token: other } = await good(t, plain.home, 'token', 'add', 'far', '--role', 'admin')
  const unnamed = { 'x-forwarded-for': '203.0.113.5', 'x-forwarded-proto': 'https', ...bearing(other) }
  assert.equal(await (await Api.of(plain.url)).as(unnamed).refusal('/status'), [403, 'NotAllowed'])
})

test('wrong sign-ins are slowed where they come from, logged, and lock nobody else out', async (t) => {
  const sampler = await newSampler(t, newFolder(t), BEHIND_PROXY)
  const { token } = await good(t, sampler.home, 'token', 'add', 'far', '--role', 'viewer')
  const api = await Api.of(sampler.url)
  const from = (address: string, secret: string) => api.as({ ...cameFrom(address), ...bearing(secret) })
  const guess = `pintglas-token-${'x'.repeat(43)}`
  await from('203.0.113.5', token).good('/status')
  const codes: string[] = []
  for (let tries = 0; tries < 30; tries++) {
    const { status, headers, json } = await from('203.0.113.5', guess).get('/status')
    codes.push(json.error.code)
    if (status === 429) assert.ok(Number(headers['retry-after']) >= 1)
  }
  assert.ok(codes.slice(0, 5).every((code) => code === 'NotSignedIn'))
  assert.ok(codes.filter((code) => code === 'TooManyTries').length >= 15, codes.join(' '))
  await from('203.0.113.5', token).good('/status')
  await api.good('/status')
  const link = async (count: number) =>
    (await api.as(cameFrom(`2001:db8:0:1::${count}`)).post('/session', { code: 'x' })).status
  const statuses = [401]
  for (let count = 1; count < 30 && !statuses.includes(429); count++) statuses.push(await link(count))
  assert.ok(statuses.includes(429), 'half of an IPv6 address is one place')
  await from('2001:db8:0:2::1', token).good('/status')
  assert.match(sampler.said(), /A wrong sign-in from 203\.0\.113\.5, number 5/)
  assert.not.match(sampler.said(), guess)
})
