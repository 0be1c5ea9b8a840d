import { execFileSync } from 'node:child_process'
import { connect } from 'node:net'
import * as assert from 'uvu/assert'
import { defaultConfig } from '../../src/home/config.ts'
import { ownerOf, ownerOnLine } from '../../src/sampler/socket-owner.ts'
import { gatesOf, whenceOf } from '../../src/sampler/whence.ts'
import { test } from '../harness.ts'
import { upgrade } from '../tap/original-tap.ts'
import { ask, newSampler } from '../tap/sampler-process.ts'

const isRoot = process.getuid?.() === 0
const NOBODY = 65_534
const isLinux = process.platform === 'linux'
const headers = (given: Record<string, string>) => {
  const socket = { localPort: 8801, remoteAddress: '127.0.0.1' } as never
  return whenceOf({ headers: { host: 'localhost:8801', ...given }, socket }, gatesOf(defaultConfig('here'))).refusal
}

test('a request is local by its Host header, and not when it was forwarded or comes from a foreign page', () => {
  const good: Record<string, string>[] = [
    {},
    { host: '127.0.0.1:8801' },
    { host: '[::1]:8801' },
    { origin: 'http://localhost:8801', 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
  ]
  for (const one of good) assert.is(headers(one), undefined, JSON.stringify(one))
  const bad: Record<string, string>[] = [
    { host: 'evil.example:8801' },
    { host: 'localhost' },
    { host: 'localhost.evil.example:8801' },
    { host: 'localhost:9999' },
    { host: '' },
    { origin: 'null' },
    { origin: 'http://localhost:3000' },
    { origin: 'https://localhost:8801' },
    { origin: 'http://evil.example' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'x-forwarded-for': '127.0.0.1' },
    { forwarded: 'for=127.0.0.1' },
    { via: '1.1 proxy' },
    { 'x-real-ip': '127.0.0.1' },
    { 'cf-connecting-ip': '127.0.0.1' },
  ]
  for (const one of bad) assert.type(headers(one), 'string', JSON.stringify(one))
})

test('what is left of a connection after its end tells no user', () => {
  const connection = { local: { address: '127.0.0.1', port: 8802 }, remote: { address: '127.0.0.1', port: 8801 } }
  const line = (state: string, inode: string) =>
    `0: 0100007F:2262 0100007F:2261 ${state} 00000000:00000000 00:00000000 00000000 1000 0 ${inode} 1 0 100 0`
  assert.is(ownerOnLine(line('01', '4711'), connection), 1000)
  assert.is(ownerOnLine(line('06', '0'), connection), undefined)
  assert.is(ownerOnLine(line('05', '4711'), connection), undefined)
  assert.is(ownerOnLine(line('01', '0'), connection), undefined)
  const v6 = line('01', '4711').replaceAll('0100007F', '0000000000000000FFFF00000100007F')
  assert.is(ownerOnLine(v6, connection), 1000)
})

test(
  'a page of any origin opens no WebSocket; a page that was made to point here gets nothing',
  async (t) => {
    const { url } = await newSampler(t)
    const { port } = new URL(url)
    assert.is((await upgrade(url)).status, 101)
    assert.is((await upgrade(url, '/taps')).status, 101)
    assert.is((await upgrade(url, '/taps/any/path?x')).status, 101)
    assert.is((await upgrade(url, '/tapsy')).status, 404)
    assert.is((await upgrade(url, '/taps/', { Origin: `http://localhost:${port}` })).status, 403)
    assert.is((await upgrade(url, '/taps/', { Origin: 'null' })).status, 403)
    assert.is((await upgrade(url, '/taps/', { 'Sec-Fetch-Site': 'cross-site' })).status, 403)
    assert.is((await upgrade(url, '/taps/', { Host: `evil.example:${port}` })).status, 403)
    for (const path of ['/launcher-bottles', '/launcher-taps', '/download/0123', '/nowhere']) {
      for (const given of [{ host: `evil.example:${port}` }, { origin: 'http://evil.example' }, { origin: 'null' }]) {
        assert.is((await ask(url, path, { headers: given as never })).status, 403)
      }
    }
    assert.is((await ask(url, '/upload', { method: 'POST', headers: { origin: 'http://evil.example' } })).status, 403)
    const healthy = await ask(url, '/healthz', { headers: { host: 'anything' } })
    assert.equal([healthy.status, healthy.text], [200, 'ok'])
    assert.match(String(healthy.headers['content-security-policy']), /frame-ancestors 'none'/)
    assert.is((await ask(url, '/taps')).status, 400)
    assert.is((await ask(url, `${url}/launcher-taps/`)).status, 200)
    assert.equal(
      [(await ask(url, '/no/such?a=b')).status, (await ask(url, '/no/such?a=b')).text],
      [404, 'Not Found /no/such?a=b'],
    )
  },
  { skip: isLinux ? undefined : 'only Linux tells whose socket it is' },
)

test(
  'the process of another user on the same machine gets nothing, however it asks',
  async (t) => {
    const { url } = await newSampler(t)
    const { port } = new URL(url)
    const lines = `Host: localhost:${port}\\r\\n`
    const webSocket = `Upgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: ${'A'.repeat(22)}==\\r\\n`
    const script = `
      ask() { exec 3<>/dev/tcp/127.0.0.1/${port}; printf "$1" >&3; read -r first <&3; echo "\${first:9:3}"; exec 3>&-; }
      ask 'GET /launcher-bottles HTTP/1.1\\r\\n${lines}\\r\\n'
      ask 'GET /launcher-taps HTTP/1.1\\r\\n${lines}\\r\\n'
      ask 'GET /download/${'0'.repeat(32)} HTTP/1.1\\r\\n${lines}\\r\\n'
      ask 'POST /upload HTTP/1.1\\r\\n${lines}Content-Length: 2\\r\\n\\r\\n[]'
      ask 'GET /taps/ HTTP/1.1\\r\\n${lines}${webSocket}\\r\\n'`
    const options = { uid: NOBODY, gid: NOBODY, cwd: '/', encoding: 'utf8' } as const
    assert.equal(execFileSync('/bin/bash', ['-c', script], options).trim().split('\n'), Array(5).fill('401'))
    assert.is((await ask(url, '/launcher-bottles')).status, 200)
  },
  {
    skip: isRoot && isLinux ? undefined : 'only root can become another user',
  },
)

test(
  'the user of an established connection is told by the system',
  async (t) => {
    const { url } = await newSampler(t)
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    t.after(() => socket.destroy())
    await new Promise((resolve) => socket.once('connect', resolve))
    const local = { address: '127.0.0.1', port: socket.localPort ?? 0 }
    const remote = { address: '127.0.0.1', port: Number(new URL(url).port) }
    assert.is(await ownerOf({ local, remote }), process.getuid?.())
    assert.is(await ownerOf({ local: { ...local, port: 1 }, remote }), undefined)
  },
  { skip: isLinux ? undefined : 'only Linux tells whose socket it is' },
)
