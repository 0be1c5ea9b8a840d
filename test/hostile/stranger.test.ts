import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { noise } from '@chainsafe/libp2p-noise'
import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { gossipsub, StrictNoSign } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createHeliaLight } from 'helia'
import { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { encodeCanonical } from '../../src/glas/canonical.ts'
import { toGlasError } from '../../src/glas/errors.ts'
import { cidOf, RAW_CODEC } from '../../src/glas/hash.ts'
import { type PublicKey, toHex } from '../../src/glas/keys.ts'
import { decodeRecord } from '../../src/glas/record.ts'
import { toMultiaddr } from '../../src/net/address.ts'
import { BLOCKS_PROTOCOL, decodeAnswer, encodeRequest, FETCH_LIMITS } from '../../src/net/block-messages.ts'
import { CATCH_UP_LIMITS, CATCH_UP_PROTOCOL } from '../../src/net/catch-up.ts'
import { topicOf } from '../../src/net/gossip.ts'
import { HELLO_PROTOCOL } from '../../src/net/hello.ts'
import { encodePage, encodeProof, encodeVerdict } from '../../src/net/hello-messages.ts'
import {
  encodeHolderRequest,
  HOLDERS_LIMITS,
  HOLDERS_PROTOCOL,
  type HolderRequest,
} from '../../src/net/holder-messages.ts'
import { encodeRequest as encodeJoin, JOIN_PROTOCOL } from '../../src/net/join.ts'
import { open, type Protocol, type StreamNode } from '../../src/net/streams.ts'
import { imageDirectory } from '../gen/directory.ts'
import { type TestContext, test } from '../harness.ts'
import { type OpenHome, openHomeHere, plainPush } from '../home-parts.ts'
import { newFolder } from '../home-peer.ts'
import { codeOf, until } from '../loopback.ts'

const IMAGE = 'ConfidentialAnts'
const INVITE = { hours: 1, mayInvite: false, grant: null, addresses: [] }

interface Scene {
  ann: OpenHome
  bob: OpenHome
  glasId: string
  record: CID
  contents: CID
  /** Of a file of the version. */
  leaf: CID
  /** Byte strings of which no stranger may see one. */
  secrets: Map<string, Uint8Array>
}

/** Two members with a version that both hold, and everything about it that is nobody else's business. */
async function scene(t: TestContext): Promise<Scene> {
  const folder = newFolder(t)
  const { path } = imageDirectory(join(folder, 'ants'), { seed: 5, sizeBytes: 300_000, name: IMAGE })
  const [ann, bob] = [await openHomeHere(t, join(folder, 'ann')), await openHomeHere(t, join(folder, 'bob'))]
  const pushed = await ann.call('push', plainPush(path), ann.options)
  const { invitation } = await ann.call('invite', INVITE, ann.options)
  await bob.call('join', { invitation, leave: false }, bob.options)
  const reference = `${pushed['glas-id']}@0.0.1`
  await bob.call('pull', { reference, target: join(folder, 'back'), base: folder, force: false }, bob.options)
  const record = CID.parse(pushed.record)
  const { contents } = decodeRecord(await ann.parts.stock.get(record))
  const version = readFileSync(join(path, 'pharo.version'))
  const secrets = new Map<string, Uint8Array>([
    ['the image name', Buffer.from(IMAGE)],
    ['the glas-id', Buffer.from(pushed['glas-id'], 'hex')],
    ['the glas-id as text', Buffer.from(pushed['glas-id'])],
    ['the CID of the record', record.multihash.digest],
    ['the CID of the contents', contents.multihash.digest],
    ['the owner', ann.parts.home.owner.publicKey],
    ['a member', bob.parts.home.peer.publicKey],
    ['the swarm', Buffer.from(ann.parts.swarm.membership.swarm)],
    ['a file', readFileSync(join(path, `${IMAGE}.changes`)).subarray(0, 200)],
  ])
  return { ann, bob, glasId: pushed['glas-id'], record, contents, leaf: cidOf(RAW_CODEC, version), secrets }
}

function mustTellNothing({ secrets }: Scene, heard: readonly Uint8Array[], where: string): void {
  for (const [what, bytes] of secrets) {
    for (const message of heard) assert.is(Buffer.from(message).indexOf(bytes), -1, `${where} tells ${what}`)
  }
}

/** Another program altogether: Bitswap and gossipsub as everybody has them, and nothing of ours. */
async function anybody(t: TestContext, { ann }: Scene) {
  const helia = withBitswap(
    withLibp2pLight(createHeliaLight(), {
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: {
        identify: identify(),
        gossip: gossipsub({ globalSignaturePolicy: StrictNoSign, allowPublishToZeroTopicPeers: true }),
      },
    }),
  )
  await helia.start()
  t.after(() => helia.stop())
  const network = await ann.parts.network()
  await helia.libp2p.dial(network.peer.addresses().map(toMultiaddr))
  return helia
}

/** Says `messages` and gives everything that comes back until the other end is done, the refusal included. */
async function converse(node: StreamNode, peer: PublicKey, protocol: Protocol, messages: Uint8Array[]) {
  const heard: Uint8Array[] = []
  let code = 'none'
  try {
    const channel = await open(node, peer, protocol, { signal: AbortSignal.timeout(3_000) })
    for (const message of messages) await channel.write(message)
    await channel.end().catch(() => {})
    for (let got = await channel.read(); got !== undefined; got = await channel.read()) heard.push(got)
  } catch (cause) {
    const error = toGlasError(cause)
    code = error.code
    heard.push(Buffer.from(error.message))
  }
  return { heard, code }
}

test('a stranger gets no block, and cannot even tell which ones are there', async (t) => {
  const at = await scene(t)
  const eve = await anybody(t, at)
  const annKey = at.ann.parts.home.peer.publicKey
  const nowhere = cidOf(RAW_CODEC, Buffer.from('nobody has this'))
  const wanted = [at.record, at.contents, at.leaf, nowhere]
  const protocol = { id: BLOCKS_PROTOCOL, limits: FETCH_LIMITS }
  const { heard } = await converse(eve.libp2p, annKey, protocol, [encodeRequest(wanted)])
  assert.equal(
    heard.map((message) => decodeAnswer(message).status),
    ['refused', 'refused', 'refused', 'refused'],
  )
  mustTellNothing(at, heard, 'the block exchange')
  const { libp2p } = (await at.bob.parts.network()).peer.node
  const member = await converse(libp2p, annKey, protocol, [encodeRequest(wanted)])
  assert.equal(
    member.heard.map((message) => decodeAnswer(message).status),
    ['found', 'found', 'found', 'missing'],
  )
  for (const cid of wanted) {
    const get = async () => {
      for await (const _ of eve.blockstore.get(cid, { signal: AbortSignal.timeout(400) }));
    }
    assert.is.not(await codeOf(get()), 'none', 'Bitswap')
  }
})

test('a stranger gets no index entry, no member list and no claim', async (t) => {
  const at = await scene(t)
  const eve = await anybody(t, at)
  const annKey = at.ann.parts.home.peer.publicKey
  const own = await openHomeHere(t, newFolder(t))
  const index = await converse(eve.libp2p, annKey, { id: CATCH_UP_PROTOCOL, limits: CATCH_UP_LIMITS }, [
    own.parts.index.session('first').first(),
  ])
  assert.is(index.code, 'NotAllowed')
  mustTellNothing(at, index.heard, 'the index')
  const blocks = [at.record, at.contents]
  const requests: HolderRequest[] = [
    { kind: 'claims' },
    { kind: 'challenge', record: at.record, nonce: new Uint8Array(32), blocks },
    { kind: 'hold', record: at.record },
  ]
  for (const request of requests) {
    const protocol = { id: HOLDERS_PROTOCOL, limits: HOLDERS_LIMITS }
    const { heard, code } = await converse(eve.libp2p, annKey, protocol, [encodeHolderRequest(request)])
    assert.is(code, 'NotAllowed', request.kind)
    mustTellNothing(at, heard, `the question for ${request.kind}`)
    const { libp2p } = (await at.bob.parts.network()).peer.node
    const member = await converse(libp2p, annKey, protocol, [encodeHolderRequest(request)])
    assert.ok(member.heard.length > 0 && member.code !== 'NotAllowed', 'a member is answered')
  }
})

test('a stranger that says hello, guesses an invitation or shows the papers of others stays one', async (t) => {
  const at = await scene(t)
  const eve = await anybody(t, at)
  const annKey = at.ann.parts.home.peer.publicKey
  const { membership } = at.bob.parts.swarm
  const chain = at.bob.parts.swarm.ownChain().map(({ bytes }) => bytes)
  const own = await openHomeHere(t, newFolder(t))
  const papers = [
    { swarm: 'ab'.repeat(32), chain: [] },
    { swarm: membership.swarm, chain: [] },
    { swarm: membership.swarm, chain },
    { swarm: membership.swarm, chain: own.parts.swarm.ownChain().map(({ bytes }) => bytes) },
  ]
  const page = encodePage({ certificates: [], removals: [], members: [], more: false })
  for (const paper of papers) {
    const proof = encodeProof({ ...paper, digest: new Uint8Array(32) })
    const { heard } = await converse(eve.libp2p, annKey, HELLO_PROTOCOL, [
      proof,
      encodeVerdict({ isMember: true }),
      page,
    ])
    mustTellNothing(at, heard, 'the hello')
  }
  const guess = encodeJoin({ secret: new Uint8Array(16), owner: own.parts.home.owner.publicKey, name: 'eve' })
  const joined = await converse(eve.libp2p, annKey, JOIN_PROTOCOL, [guess])
  assert.is(joined.code, 'NotAllowed')
  mustTellNothing(at, joined.heard, 'the join')
  assert.is(at.ann.parts.swarm.membership.members().length, 2)
})

test('a stranger that subscribes to the gossip of the swarm hears nothing, and is not heard', async (t) => {
  const at = await scene(t)
  const eve = await anybody(t, at)
  const topic = topicOf(at.ann.parts.swarm.membership.swarm) // suppose that it leaked
  const heard: Uint8Array[] = []
  const gossip = eve.libp2p.services.gossip
  gossip.addEventListener('message', ({ detail }) => void heard.push(detail.data))
  gossip.subscribe(topic)
  await sleep(1_500) // more than a heartbeat
  const refusedBefore = JSON.stringify(Object.fromEntries(at.ann.parts.index.set.refusals.byCode()))
  await at.ann.call('tag', { reference: `${at.glasId}@0.0.1`, tag: 'secret-plan' }, at.ann.options)
  const tagged = () =>
    JSON.stringify([...at.bob.parts.index.set.entries()].map(({ body }) => body.kind)).includes('tag')
  await until(tagged)
  await gossip.publish(topic, encodeCanonical({ kind: 'entry', bytes: new Uint8Array(20) })).catch(() => {})
  await sleep(500)
  assert.equal(heard.map(toHex), [])
  assert.is(JSON.stringify(Object.fromEntries(at.ann.parts.index.set.refusals.byCode())), refusedBefore)
})

test('another home that knows the glas-id, the record and the address gets nothing without an invitation', async (t) => {
  const at = await scene(t)
  const folder = newFolder(t)
  const eve = await openHomeHere(t, join(folder, 'eve'))
  const [address = ''] = (await at.ann.parts.network()).addresses()
  await eve.call('addPeer', { address }, eve.options)
  assert.match(eve.messages.join(' '), 'no member of this swarm')
  for (const reference of [at.glasId, `${at.glasId}@0.0.1`, `${at.glasId}@${at.record}`]) {
    const pull = eve.call('pull', { reference, target: join(folder, 'x'), base: folder, force: false }, eve.options)
    assert.is(await codeOf(pull), 'NameNotFound', reference)
  }
  assert.is(await codeOf(eve.call('status', { reference: at.glasId }, eve.options)), 'NameNotFound')
  assert.is((await eve.call('members', {}, eve.options)).members.length, 1)
  assert.is((await eve.call('ls', { all: true }, eve.options)).glases.length, 0)
})
