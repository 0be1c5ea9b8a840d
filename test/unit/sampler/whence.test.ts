import * as assert from 'uvu/assert'
import { defaultConfig } from '../../../src/home/config.ts'
import { gatesOf, isIn, whenceOf } from '../../../src/sampler/whence.ts'
import { test } from '../../harness.ts'

interface Given {
  /** Settings. */
  settings?: object
  /** The other end of the connection. */
  peer?: string
  isTls?: boolean
  headers?: Record<string, string>
}

function whence({ settings = {}, peer = '127.0.0.1', isTls = false, headers = {} }: Given) {
  const socket = { remoteAddress: peer, localPort: 8801, ...(isTls ? { encrypted: true } : {}) } as never
  const gates = gatesOf({ ...defaultConfig('here'), ...settings })
  return whenceOf({ headers: { host: 'localhost:8801', ...headers }, socket }, gates)
}

const proxied = { httpProxy: ['10.0.0.1', '10.0.0.2'], httpHosts: ['images.example.org'] }
const through = (forwardedFor: string, more = {}) => ({
  host: 'images.example.org',
  'x-forwarded-proto': 'https',
  'x-forwarded-for': forwardedFor,
  ...more,
})

test('who asks through named proxies is the last one that no named proxy is, whatever the client wrote before', () => {
  const asked = (forwardedFor: string) => {
    return whence({ settings: proxied, peer: '10.0.0.1', headers: through(forwardedFor) }).address
  }
  assert.is(asked('203.0.113.5'), '203.0.113.5')
  assert.is(asked('127.0.0.1, 203.0.113.5'), '203.0.113.5')
  assert.is(asked('127.0.0.1, 203.0.113.5, 10.0.0.2'), '203.0.113.5')
  assert.is(asked('::ffff:203.0.113.5'), '203.0.113.5')
  assert.is(asked('[2001:db8::1]'), '2001:db8::1')
  for (const nothing of ['', 'unknown', '203.0.113.5:80', '<b>', 'x'.repeat(50_000)]) {
    assert.is(asked(nothing), '10.0.0.1', nothing.slice(0, 20))
  }
})

test('forwarding headers from anybody else are a refusal, and never make a caller local', () => {
  const good = whence({ settings: proxied, peer: '10.0.0.1', headers: through('203.0.113.5') })
  assert.equal([good.refusal, good.isProxied, good.isPrivate, good.isStraight], [undefined, true, true, false])
  assert.match(
    whence({ settings: proxied, peer: '10.0.0.3', headers: through('127.0.0.1') }).refusal ?? '',
    'forwarded',
  )
  const onLoopback = { ...proxied, httpProxy: ['127.0.0.1'] }
  const local = whence({
    settings: onLoopback,
    headers: { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'https' },
  })
  assert.is(local.isStraight, false)
  assert.is(whence({ settings: onLoopback }).isStraight, true)
})

test('nothing is served in the clear but on this machine', () => {
  assert.match(
    whence({ settings: proxied, peer: '10.0.0.9', headers: { host: 'images.example.org' } }).refusal ?? '',
    'TLS',
  )
  const clear = through('203.0.113.5', { 'x-forwarded-proto': 'http' })
  assert.match(whence({ settings: proxied, peer: '10.0.0.1', headers: clear }).refusal ?? '', 'TLS')
  const tls = { settings: { http: '192.0.2.1:8801' }, peer: '203.0.113.5', isTls: true }
  assert.is(whence({ ...tls, headers: { host: '192.0.2.1:8801' } }).refusal, undefined)
  assert.is(whence({ ...tls, headers: { host: '192.0.2.1:8801' } }).isStraight, false)
  assert.is(whence({ ...tls, headers: { host: 'LOCALHOST:8801' } }).isStraight, false)
})

test('a name on the list is good with our port or the usual one, and with another only where it says so', () => {
  const asked = (host: string, hosts: string[]) => {
    return whence({ settings: { httpHosts: hosts }, isTls: true, headers: { host } }).refusal === undefined
  }
  assert.is(asked('images.example.org', ['Images.example.org']), true)
  assert.is(asked('images.example.org:8801', ['images.example.org']), true)
  assert.is(asked('images.example.org:9999', ['images.example.org']), false)
  assert.is(asked('images.example.org:9999', ['images.example.org:9999']), true)
  assert.is(asked('images.example.org', ['images.example.org:9999']), false)
  assert.is(asked('x.images.example.org', ['images.example.org']), false)
  assert.is(asked('[2001:db8::1]:8801', ['[2001:db8::1]']), true)
  assert.is(asked('localhost', ['images.example.org']), false)
})

test('lists of addresses know ranges, and IPv4 from a socket for both', () => {
  const { taps } = gatesOf({ ...defaultConfig('here'), httpTaps: ['192.168.1.0/24', '2001:db8::/32', '10.0.0.1'] })
  const inside = ['192.168.1.77', '2001:db8:1::5', '10.0.0.1']
  const outside = ['192.168.2.1', '2001:db9::1', '10.0.0.2', '', 'localhost', '127.0.0.1']
  assert.equal(
    inside.map((address) => isIn(taps, address)),
    [true, true, true],
  )
  assert.ok(outside.every((address) => !isIn(taps, address)))
})
