import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { newKeyPair, peerIdText } from '../../../src/glas/keys.ts'
import {
  addressText,
  fromMultiaddr,
  isLoopback,
  isWildcard,
  parseAddress,
  toMultiaddr,
} from '../../../src/net/address.ts'
import { test } from '../../harness.ts'

const PEER_ID = peerIdText(newKeyPair().publicKey)

const hosts = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain(), fc.constantFrom('localhost', 'login', 'node_1', 'a-b.c'))
const addresses = fc.record(
  { host: hosts, port: fc.nat(65535), peerId: fc.constant(PEER_ID) },
  { requiredKeys: ['host', 'port'], noNullPrototype: true },
)

test('an address is the same after it was written and read', () => {
  fc.assert(
    fc.property(addresses, (address) => assert.equal(parseAddress(addressText(address)), address)),
    { seed: 1 },
  )
})

test('an address is the same after it went through libp2p', () => {
  const plain = fc.record({ host: fc.oneof(fc.ipV4(), fc.domain()), port: fc.nat(65535) }, { noNullPrototype: true })
  fc.assert(
    fc.property(plain, (address) => assert.equal(fromMultiaddr(toMultiaddr(address)), address)),
    { seed: 2 },
  )
})

test('addresses are read in every way that people write them', () => {
  const plain = { host: '10.1.2.3', port: 4747 }
  assert.equal(parseAddress('10.1.2.3:4747'), plain)
  assert.equal(parseAddress(`10.1.2.3:4747#${PEER_ID}`), { ...plain, peerId: PEER_ID })
  assert.equal(parseAddress('/ip4/10.1.2.3/tcp/4747'), plain)
  assert.equal(parseAddress(`/ip4/10.1.2.3/tcp/4747/p2p/${PEER_ID}`), { ...plain, peerId: PEER_ID })
  assert.equal(parseAddress('[fe80::1]:80'), { host: 'fe80::1', port: 80 })
  assert.equal(parseAddress('/ip6/fe80::1/tcp/80'), { host: 'fe80::1', port: 80 })
  assert.equal(parseAddress('/dns4/login.example.org/tcp/80'), { host: 'login.example.org', port: 80 })
  assert.is(addressText({ host: 'fe80::1', port: 80 }), '[fe80::1]:80')
})

test('what is no address is refused', () => {
  const wrong = [
    '',
    'host',
    ':80',
    'host:',
    'host:99999',
    'host:80x',
    'host:80#notapeer',
    '1.2.3:80',
    '1.2.3.256:80',
    'fe80::1:80',
    '[1.2.3.4]:80',
    'ho st:80',
    '-o:80',
    'a..b:80',
    'host\n:80',
    '/ip4/1.2.3.4/udp/80',
    '/ip4/1.2.3.4/tcp/80/ws',
    '/ip4/x/tcp/80',
    '/ip4/1.2.3.4/tcp/80/p2p',
    '/dnsaddr/x/tcp/80',
    `${'a'.repeat(400)}:80`,
  ]
  for (const text of wrong) assert.throws(() => parseAddress(text), /is not/, text)
})

test('loopback and wildcard addresses are told from others', () => {
  const loopback = ['127.0.0.1:1', '127.9.9.9:1', '[::1]:1', 'localhost:1']
  for (const text of loopback) assert.ok(isLoopback(parseAddress(text)), text)
  assert.not(isLoopback(parseAddress('10.0.0.1:1')))
  assert.ok(isWildcard(parseAddress('0.0.0.0:1')))
  assert.ok(isWildcard(parseAddress('[::]:1')))
})
