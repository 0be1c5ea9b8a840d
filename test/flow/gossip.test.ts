import { setTimeout as sleep } from 'node:timers/promises'
import { noise } from '@chainsafe/libp2p-noise'
import { type GossipSub, gossipsub, StrictNoSign } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import * as assert from 'uvu/assert'
import { encodeCanonical } from '../../src/glas/canonical.ts'
import { toMultiaddr } from '../../src/net/address.ts'
import { topicOf } from '../../src/net/gossip.ts'
import { MAX_GOSSIP_BYTES } from '../../src/net/limits.ts'
import { type TestContext, test } from '../harness.ts'
import { isUpWith, letIn, newHome, type TestHome } from '../home-peer.ts'
import { codeOf, until } from '../loopback.ts'

/** Longer than a heartbeat of gossip (1 s), at which peers exchange what was missed. */
const HEARTBEATS_MS = 1_300

async function members(t: TestContext, ...names: string[]): Promise<TestHome[]> {
  const homes = await Promise.all(names.map((name) => newHome(t, name)))
  for (const home of homes.slice(1)) await letIn(homes[0]!, home)
  for (const home of homes) await until(() => home.peer.node.members.up().length === homes.length - 1)
  await until(() => homes.every((home) => subscribers(home) === homes.length - 1))
  return homes
}

const gossipOf = (home: TestHome): GossipSub => home.peer.node.libp2p.services.gossip
const topic = (home: TestHome): string => topicOf(home.peer.swarm.membership.swarm)
const subscribers = (home: TestHome): number => gossipOf(home).getSubscribers(topic(home)).length
const entry = (text: string): Uint8Array => encodeCanonical({ kind: 'entry', bytes: Buffer.from(text) })

/** Anybody's libp2p program with gossip, that knows the topic and follows it. */
async function outsider(t: TestContext, home: TestHome) {
  const heard: string[] = []
  const libp2p = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      gossip: gossipsub({ globalSignaturePolicy: StrictNoSign, allowPublishToZeroTopicPeers: true }),
    },
  })
  t.after(() => libp2p.stop())
  const { gossip } = libp2p.services
  gossip.addEventListener('message', ({ detail }) => heard.push(detail.topic))
  gossip.subscribe(topic(home))
  return { libp2p, gossip, heard }
}

test('news reaches every member once, also through others', async (t) => {
  const homes = await members(t, 'ann', 'bob', 'cid', 'dan')
  await homes[1]!.peer.publish('entry', Buffer.from('one'))
  await homes[2]!.peer.publish('entry', Buffer.from('two'))
  await until(() => homes.every(({ heard, name }) => heard.length === (name === 'ann' || name === 'dan' ? 2 : 1)))
  await sleep(HEARTBEATS_MS)
  assert.equal(
    homes.map(({ heard }) => [...heard].sort().join()),
    ['one,two', 'two', 'one', 'one,two'],
  )
})

test('a stranger that follows the topic of the swarm hears nothing and is not heard', async (t) => {
  const [ann, bob] = await members(t, 'ann', 'bob')
  const eve = await outsider(t, ann!)
  await eve.libp2p.dial(ann!.peer.addresses().map(toMultiaddr))
  await eve.libp2p.dial(bob!.peer.addresses().map(toMultiaddr))
  await sleep(HEARTBEATS_MS)
  for (const nth of [1, 2, 3]) {
    await ann!.peer.publish('entry', Buffer.from(`from ann ${nth}`))
    await bob!.peer.publish('entry', Buffer.from(`from bob ${nth}`))
    await eve.gossip.publish(topic(ann!), entry(`from eve ${nth}`))
  }
  await until(() => ann!.heard.length === 3 && bob!.heard.length === 3)
  await sleep(HEARTBEATS_MS)
  assert.equal(eve.heard, [])
  assert.equal(eve.gossip.getSubscribers(topic(ann!)), [])
  assert.not([...ann!.heard, ...bob!.heard].some((text) => text.includes('eve')))
  assert.is(subscribers(ann!), 1)
  assert.ok(ann!.peer.node.refusedGossipStreams > 0)
})

test('a stranger that dials as a home of another swarm hears nothing either', async (t) => {
  const [ann, bob] = await members(t, 'ann', 'bob')
  const eve = await newHome(t, 'eve')
  gossipOf(eve).subscribe(topic(ann!))
  assert.not((await eve.peer.connect(`${ann!.peer.addresses()[0]!.host}:${ann!.peer.addresses()[0]!.port}`)).isMember)
  let heard = 0
  gossipOf(eve).addEventListener('message', () => heard++)
  await bob!.peer.publish('entry', Buffer.from('for members'))
  await sleep(HEARTBEATS_MS)
  assert.is(heard, 0)
  assert.equal(ann!.heard, ['for members'])
})

test('a removed member hears nothing any more', async (t) => {
  const [ann, bob, cid] = await members(t, 'ann', 'bob', 'cid')
  await ann!.peer.remove(cid!.keyPair.publicKey)
  await until(() => !isUpWith(ann!, cid!) && !isUpWith(bob!, cid!))
  await ann!.peer.publish('entry', Buffer.from('without cid'))
  await until(() => bob!.heard.length === 1)
  await sleep(HEARTBEATS_MS)
  assert.equal(cid!.heard, [])
})

test('what is refused is counted against the member that sent it, and not passed on', async (t) => {
  const [ann, bob, cid] = await members(t, 'ann', 'bob', 'cid')
  await bob!.peer.publish('entry', Buffer.from('bad news'))
  await gossipOf(bob!).publish(topic(bob!), Buffer.from('not even cbor'))
  await gossipOf(bob!).publish(topic(bob!), encodeCanonical({ kind: 'other', bytes: new Uint8Array() }))
  await until(() => ann!.violations.length === 3 && cid!.violations.length === 3)
  await sleep(HEARTBEATS_MS)
  assert.equal(ann!.violations.map(({ code }) => code).sort(), ['BadMessage', 'BadMessage', 'Internal'])
  assert.is(new Set([...ann!.violations, ...cid!.violations].map(({ peerKey }) => peerKey)).size, 1)
})

test('too long a message is not sent, and not taken from others', async (t) => {
  const [ann, bob] = await members(t, 'ann', 'bob')
  assert.is(await codeOf(ann!.peer.publish('entry', new Uint8Array(MAX_GOSSIP_BYTES))), 'LimitExceeded')
  await gossipOf(ann!).publish(topic(ann!), entry('x'.repeat(MAX_GOSSIP_BYTES)))
  await ann!.peer.publish('entry', Buffer.from('short'))
  await until(() => bob!.heard.length === 1)
  assert.equal(bob!.heard, ['short'])
})
