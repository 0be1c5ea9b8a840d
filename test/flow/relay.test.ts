import { setTimeout as sleep } from 'node:timers/promises'
import { RELAY_V2_HOP_CODEC, RELAY_V2_STOP_CODEC } from '@libp2p/circuit-relay-v2'
import { multiaddr } from '@multiformats/multiaddr'
import * as assert from 'uvu/assert'
import { newKeyPair, peerIdText } from '../../src/glas/keys.ts'
import { toMultiaddr } from '../../src/net/address.ts'
import { type TestContext, test } from '../harness.ts'
import { addressOf, isUpWith, letIn, newHome, type TestHome } from '../home-peer.ts'
import { codeOf, newLoopbackNode, until } from '../loopback.ts'

/** `middle` listens; the other two can be dialled by nobody, and are connected with it alone. */
async function threeHomes(t: TestContext): Promise<Record<'middle' | 'left' | 'right', TestHome>> {
  const middle = await newHome(t, 'middle')
  const left = await newHome(t, 'left', { listen: [] })
  const right = await newHome(t, 'right', { listen: [] })
  for (const home of [left, right]) {
    await letIn(middle, home)
    await until(() => isUpWith(middle, home))
  }
  return { middle, left, right }
}

const reach = (home: TestHome, other: TestHome) => home.peer.reach(other.keyPair.publicKey)

test('a member that nobody can dial is reached through one that it keeps a connection with', async (t) => {
  const { middle, left, right } = await threeHomes(t)
  assert.is(await codeOf(reach(left, right)), 'PeerUnreachable', 'nobody asked for a place yet')
  await right.peer.connect(addressOf(middle))
  await right.peer.addPermanent(addressOf(middle))
  await until(() => middle.peer.node.libp2p.services.relay.reservations.size === 1)
  await reach(left, right)
  assert.ok(isUpWith(left, right))
  await until(() => isUpWith(right, left))
})

test('the way through another member comes back with the connection, and ends for whoever is removed', async (t) => {
  const { middle, left, right } = await threeHomes(t)
  await right.peer.connect(addressOf(middle))
  await right.peer.addPermanent(addressOf(middle))
  const places = () => middle.peer.node.libp2p.services.relay.reservations.size
  await until(() => places() === 1)
  middle.peer.node.disconnect(right.keyPair.publicKey, new Error('the line was cut'))
  await until(() => !isUpWith(right, middle))
  await until(() => isUpWith(right, middle) && isUpWith(middle, right))
  await until(() => isUpWith(left, middle))
  await eventually(async () => (await codeOf(reach(left, right))) === 'none')

  await middle.peer.remove(left.keyPair.publicKey)
  await until(() => !isUpWith(middle, left) && !isUpWith(left, right))
  assert.is.not(await codeOf(reach(left, right)), 'none')
})

test('strangers get no place, and nobody is connected for them', async (t) => {
  const { middle, right } = await threeHomes(t)
  await right.peer.connect(addressOf(middle))
  await right.peer.addPermanent(addressOf(middle))
  await until(() => middle.peer.node.libp2p.services.relay.reservations.size === 1)
  const eve = await newLoopbackNode(newKeyPair())
  t.after(() => eve.libp2p.stop())
  for (const codec of [RELAY_V2_HOP_CODEC, RELAY_V2_STOP_CODEC]) {
    const stream = await eve.libp2p.dialProtocol(middle.peer.addresses().map(toMultiaddr), codec)
    await until(() => stream.status !== 'open')
  }
  assert.is(middle.peer.node.libp2p.services.relay.reservations.size, 1)
  assert.not(isUpWith(right, { ...middle, keyPair: eve.keyPair }))
})

test('an address that leads through somebody else than a member that is up is never dialled', async (t) => {
  const { middle, left, right } = await threeHomes(t)
  const ids = { stranger: peerIdText(newKeyPair().publicKey), right: right.peer.node.peerId }
  const { libp2p } = left.peer.node
  for (const address of [
    `/p2p/${ids.stranger}/p2p-circuit/p2p/${ids.right}`,
    `/ip4/127.0.0.1/tcp/4001/p2p/${ids.stranger}/p2p-circuit/p2p/${ids.right}`,
    `/ip4/127.0.0.1/tcp/4001/p2p/${middle.peer.node.peerId}/p2p-circuit/p2p/${ids.right}`,
    `/p2p/${middle.peer.node.peerId}/p2p-circuit`,
  ]) {
    assert.not(await libp2p.isDialable(multiaddr(address)), address)
  }
  assert.ok(await libp2p.isDialable(multiaddr(`/p2p/${middle.peer.node.peerId}/p2p-circuit/p2p/${ids.right}`)))
})

async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 30_000
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`still not so: ${isSo}`)
    await sleep(100)
  }
}
