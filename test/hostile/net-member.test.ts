import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { SWARM_NONCE_BYTES, signCertificate, swarmIdOf } from '../../src/glas/certificate.ts'
import { GlasError } from '../../src/glas/errors.ts'
import { type KeyPair, newKeyPair, sameBytes, toHex } from '../../src/glas/keys.ts'
import { toMultiaddr } from '../../src/net/address.ts'
import { decodeGossip } from '../../src/net/gossip.ts'
import { HELLO_PROTOCOL } from '../../src/net/hello.ts'
import {
  decodePage,
  decodeProof,
  decodeVerdict,
  encodePage,
  encodeProof,
  encodeVerdict,
  pagesOf,
} from '../../src/net/hello-messages.ts'
import { decodeInviteLine } from '../../src/net/invite-line.ts'
import { decodeAnswer, decodeRequest, encodeAnswer, encodeRequest, JOIN_PROTOCOL } from '../../src/net/join.ts'
import { HELLO_LIMITS, MAX_FAILED_JOINS, MAX_STRANGERS } from '../../src/net/limits.ts'
import { handle, open } from '../../src/net/streams.ts'
import { type TestContext, test } from '../harness.ts'
import { addressOf, isUpWith, letIn, memberNames, newHome, type TestHome } from '../home-peer.ts'
import { codeOf, type LoopbackNode, newLoopbackNode, recordingGuard, until } from '../loopback.ts'

const RUNS = 1000

/** A libp2p program that speaks what it likes, connected with `home`. */
async function attacker(t: TestContext, home: TestHome, keyPair?: KeyPair): Promise<LoopbackNode> {
  const node = await newLoopbackNode(keyPair)
  t.after(() => node.libp2p.stop())
  await node.libp2p.dial(home.peer.addresses().map(toMultiaddr))
  return node
}

const isStrangerTo = (home: TestHome, { keyPair }: LoopbackNode): boolean =>
  !home.peer.node.members.isMember(keyPair.publicKey) && !home.peer.swarm.membership.isMember(keyPair.publicKey)

const garbage = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  // Valid beginnings with one byte changed are the better attack.
  fc.tuple(fc.constantFrom(...validMessages()), fc.nat(), fc.nat(255)).map(([bytes, at, value]) => {
    const changed = bytes.slice()
    changed[at % changed.byteLength] = value
    return changed
  }),
)

function validMessages(): Uint8Array[] {
  const members = [{ peerKey: newKeyPair().publicKey, addresses: [{ host: '127.0.0.1', port: 1 }] }]
  const [page] = pagesOf({ certificates: [new Uint8Array(9)], removals: [new Uint8Array(3)] }, members)
  return [
    encodeProof({ swarm: 'ab'.repeat(32), chain: [new Uint8Array(5)], digest: new Uint8Array(32) }),
    encodePage(page!),
    encodeRequest({ secret: new Uint8Array(16), owner: new Uint8Array(32), name: 'eve' }),
  ]
}

test('no bytes make a decoder do anything but give a value or a GlasError', () => {
  const decoders = [decodeProof, decodeVerdict, decodePage, decodeRequest, decodeAnswer, decodeGossip]
  for (const decode of decoders) {
    fc.assert(
      fc.property(garbage, (bytes) => {
        try {
          decode(bytes)
        } catch (error) {
          assert.instance(error, GlasError)
        }
      }),
      { seed: 7, numRuns: RUNS },
    )
  }
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      assert.throws(
        () => decodeInviteLine(`pintglas-${text}`),
        (error: unknown) => error instanceof GlasError,
      )
    }),
    { seed: 8, numRuns: RUNS },
  )
})

test('garbage in place of a hello leaves a stranger, and is counted', async (t) => {
  const ann = await newHome(t, 'ann')
  const eve = await attacker(t, ann)
  const samples = fc.sample(garbage, { seed: 9, numRuns: 25 })
  for (const bytes of samples) {
    const channel = await open(eve.libp2p, ann.keyPair.publicKey, HELLO_PROTOCOL)
    await channel.write(bytes)
    await channel.read().catch(() => {})
    channel.abort(new GlasError('Interrupted', 'done'))
  }
  assert.ok(isStrangerTo(ann, eve))
  assert.ok(ann.violations.length > 10, String(ann.violations.length))
})

/** The certificates that somebody without a right to it can make up. */
function forgedChains(ann: TestHome, eve: KeyPair): Record<string, Uint8Array[]> {
  const own = ann.peer.swarm.membership.certificates()[0]!
  const { swarm, founder, nonce } = own.body
  const body = { swarm, founder, nonce, subject: eve.publicKey, owner: eve.publicKey, name: 'eve', mayInvite: true }
  const bySelf = signCertificate({ ...body, issuer: eve.publicKey }, eve)
  const changed = own.bytes.slice()
  changed.set(eve.publicKey, Buffer.from(changed).indexOf(founder))
  const eveNonce = new Uint8Array(SWARM_NONCE_BYTES)
  const eveSwarm = swarmIdOf(eve.publicKey, eveNonce)
  const eveFounder = { ...body, swarm: eveSwarm, founder: eve.publicKey, nonce: eveNonce, issuer: eve.publicKey }
  return {
    'signed by itself': [own.bytes, bySelf.bytes],
    'without the founder': [bySelf.bytes],
    'the certificate of another': [own.bytes],
    'changed after it was signed': [own.bytes, changed],
    'of a swarm of its own': [signCertificate(eveFounder, eve).bytes],
    'none at all': [],
    'as long as it can be': Array.from({ length: 17 }, () => bySelf.bytes),
    'longer than it can be': Array.from({ length: 18 }, () => bySelf.bytes),
  }
}

test('a forged chain proves nothing, however it is made', async (t) => {
  const ann = await newHome(t, 'ann')
  const eve = await attacker(t, ann)
  const { swarm } = ann.peer.swarm.membership
  const before = toHex(ann.peer.swarm.digest())
  for (const [what, chain] of Object.entries(forgedChains(ann, eve.keyPair))) {
    const channel = await open(eve.libp2p, ann.keyPair.publicKey, HELLO_PROTOCOL)
    await channel.write(encodeProof({ swarm, chain, digest: new Uint8Array(32) }))
    const answer = await channel.readNext().then(decodeVerdict, () => ({ isMember: false }))
    assert.not(answer.isMember, what)
    assert.is(await channel.read().catch(() => undefined), undefined, what)
    assert.ok(isStrangerTo(ann, eve), what)
  }
  assert.is(toHex(ann.peer.swarm.digest()), before)
})

test('the chain of a member is worth nothing to anybody else', async (t) => {
  const [ann, bob] = [await newHome(t, 'ann'), await newHome(t, 'bob')]
  await letIn(ann, bob)
  const eve = await attacker(t, ann)
  const { swarm } = ann.peer.swarm.membership
  const chain = bob.peer.swarm.ownChain().map(({ bytes }) => bytes)
  const channel = await open(eve.libp2p, ann.keyPair.publicKey, HELLO_PROTOCOL)
  await channel.write(encodeProof({ swarm, chain, digest: new Uint8Array(32) }))
  assert.not(decodeVerdict(await channel.readNext()).isMember)
  assert.is(await channel.read(), undefined)
  assert.ok(isStrangerTo(ann, eve))
})

test('a member that sends pages without end is stopped', async (t) => {
  const ann = await newHome(t, 'ann')
  const mallory = await newHome(t, 'mallory')
  await letIn(ann, mallory)
  const { keyPair } = mallory
  const chain = mallory.peer.swarm.ownChain().map(({ bytes }) => bytes)
  const { swarm } = mallory.peer.swarm.membership
  await mallory.peer.close()
  const eve = await attacker(t, ann, keyPair)
  const channel = await open(eve.libp2p, ann.keyPair.publicKey, HELLO_PROTOCOL)
  await channel.write(encodeProof({ swarm, chain, digest: new Uint8Array(32) }))
  await channel.readNext()
  await channel.readNext()
  await channel.write(encodeVerdict({ isMember: true }))
  const page = encodePage({ certificates: [], removals: [], members: [], more: true })
  const before = ann.violations.length
  let sent = 0
  while (!channel.closed.aborted && sent < 2 * HELLO_LIMITS.maxMessages) {
    await channel.write(page).catch(() => {})
    sent++
    await sleep(0)
  }
  await until(() => ann.violations.slice(before).some(({ code }) => code === 'LimitExceeded'))
})

test('a home that only pretends to answer is a stranger within the time limit', async (t) => {
  const ann = await newHome(t, 'ann')
  const eve = await newLoopbackNode()
  t.after(() => eve.libp2p.stop())
  await handle(eve.libp2p, HELLO_PROTOCOL, recordingGuard(), async (channel) => {
    await channel.readNext()
    await sleep(60_000, undefined, { signal: channel.closed }).catch(() => {})
  })
  const { host, port } = { host: '127.0.0.1', port: Number(eve.libp2p.getMultiaddrs()[0]!.toString().split('/')[4]) }
  const signal = AbortSignal.timeout(1_000)
  assert.is(await codeOf(ann.peer.connect(`${host}:${port}`, { signal })), 'TimedOut')
  assert.ok(isStrangerTo(ann, eve))
})

test('guessing invitations is slowed down, and an invitation in use goes on working', async (t) => {
  const ann = await newHome(t, 'ann')
  const eve = await attacker(t, ann)
  const good = await ann.peer.invite()
  const guess = async () => {
    const channel = await open(eve.libp2p, ann.keyPair.publicKey, JOIN_PROTOCOL)
    await channel.write(encodeRequest({ secret: new Uint8Array(16), owner: eve.keyPair.publicKey, name: 'eve' }))
    await channel.readNext()
  }
  const codes: string[] = []
  for (let nth = 0; nth < MAX_FAILED_JOINS + 2; nth++) codes.push(await codeOf(guess()))
  assert.is(codes.filter((code) => code === 'NotAllowed').length, MAX_FAILED_JOINS)
  assert.is(codes.filter((code) => code === 'LimitExceeded').length, 2)
  const bob = await newHome(t, 'bob')
  await bob.peer.join(good)
  assert.is(memberNames(ann), 'ann bob')
})

test('an inviter that lies gets nobody: not another swarm, not a certificate for somebody else', async (t) => {
  const [ann, bob] = [await newHome(t, 'ann'), await newHome(t, 'bob')]
  const { swarm } = bob.peer.swarm.membership
  const line = await ann.peer.invite()
  // The same key and port with another program behind it.
  const { host, port } = ann.peer.addresses()[0]!
  const certificates = ann.peer.swarm.news().certificates
  await ann.peer.close()
  const answers = [
    { chain: certificates, certificates: [], grants: [], members: [] },
    { chain: [], certificates, grants: [], members: [] },
    { chain: [new Uint8Array(10)], certificates: [], grants: [], members: [] },
  ]
  for (const answer of answers) {
    const liar = await newHome(t, 'liar', { keyPair: ann.keyPair, listen: [{ host, port }] })
    await liar.peer.node.libp2p.unhandle(JOIN_PROTOCOL.id)
    await handle(liar.peer.node.libp2p, JOIN_PROTOCOL, recordingGuard(), async (channel) => {
      await channel.readNext()
      await channel.write(encodeAnswer(answer))
    })
    assert.is.not(await codeOf(bob.peer.join(line)), 'none')
    await liar.peer.close()
  }
  assert.is(bob.peer.swarm.membership.swarm, swarm)
})

test('strangers in any number leave room for members', async (t) => {
  const [ann, bob] = [await newHome(t, 'ann'), await newHome(t, 'bob')]
  await letIn(ann, bob)
  const strangers = await Promise.all(Array.from({ length: 4 }, () => newLoopbackNode()))
  t.after(() => Promise.all(strangers.map(({ libp2p }) => libp2p.stop())))
  const target = ann.peer.addresses().map(toMultiaddr)
  for (let round = 0; round < Math.ceil((MAX_STRANGERS + 8) / 4); round++) {
    await Promise.all(strangers.map(({ libp2p }) => libp2p.dial(target, { force: true }).catch(() => {})))
    await sleep(220)
  }
  const connections = ann.peer.node.libp2p.getConnections()
  const fromStrangers = connections.filter(({ remotePeer }) =>
    strangers.some(({ keyPair }) => sameBytes(keyPair.publicKey, remotePeer.publicKey!.raw)),
  )
  assert.ok(fromStrangers.length <= MAX_STRANGERS, String(fromStrangers.length))
  assert.ok(fromStrangers.length > MAX_STRANGERS / 2, String(fromStrangers.length))
  assert.ok(isUpWith(ann, bob))
})

test('a member cannot push out the addresses that work', async (t) => {
  const [ann, bob, mallory] = [await newHome(t, 'ann'), await newHome(t, 'bob'), await newHome(t, 'mallory')]
  await letIn(ann, bob)
  await letIn(ann, mallory)
  await until(() => isUpWith(ann, bob) && isUpWith(ann, mallory))
  const chain = mallory.peer.swarm.ownChain().map(({ bytes }) => bytes)
  const channel = await open(mallory.peer.node.libp2p, ann.keyPair.publicKey, HELLO_PROTOCOL)
  await channel.write(encodeProof({ swarm: ann.peer.swarm.membership.swarm, chain, digest: ann.peer.swarm.digest() }))
  await channel.readNext()
  await channel.readNext()
  await channel.write(encodeVerdict({ isMember: true }))
  const junk = Array.from({ length: 8 }, (_, nth) => ({ host: '127.0.0.1', port: nth + 1 }))
  const members = [
    { peerKey: bob.keyPair.publicKey, addresses: junk },
    { peerKey: newKeyPair().publicKey, addresses: junk },
  ]
  await channel.write(encodePage({ certificates: [], removals: [], members, more: false }))
  await channel.readNext()
  await channel.finish()
  const { port } = bob.peer.addresses()[0]!
  await bob.peer.close()
  await until(() => !isUpWith(ann, bob))
  const again = await newHome(t, 'bob', {
    keyPair: bob.keyPair,
    folder: bob.folder,
    listen: [{ host: '127.0.0.1', port }],
  })
  await until(() => isUpWith(ann, again), 15_000)
  assert.match(addressOf(again), new RegExp(`:${port}#`))
})
