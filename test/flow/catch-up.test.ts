import { randomBytes } from 'node:crypto'
import * as assert from 'uvu/assert'
import { signEntry } from '../../src/glas/entry.ts'
import { GlasError } from '../../src/glas/errors.ts'
import { keyPairFromSeed, newKeyPair, type PublicKey, peerIdText, toHex } from '../../src/glas/keys.ts'
import { Session } from '../../src/index/reconcile.ts'
import { EVERYTHING } from '../../src/index/scope.ts'
import { EntrySet } from '../../src/index/set.ts'
import { CATCH_UP_LIMITS, CATCH_UP_PROTOCOL, CatchUp, type CatchUpPorts } from '../../src/net/catch-up.ts'
import type { Channel } from '../../src/net/channel.ts'
import { handle, open } from '../../src/net/streams.ts'
import { damaged } from '../damage.ts'
import { seededRandom } from '../gen/random.ts'
import { type TestContext, test } from '../harness.ts'
import { codeOf, connectedNodes, type LoopbackNode, recordingGuard, until } from '../loopback.ts'

const owner = keyPairFromSeed(new Uint8Array(32).fill(1))
const PROTOCOL = { id: CATCH_UP_PROTOCOL, limits: CATCH_UP_LIMITS }

function newGrant(): Uint8Array {
  const grantee = newKeyPair().publicKey
  const nonce = new Uint8Array(randomBytes(8))
  return signEntry({ kind: 'grant', owner: owner.publicKey, grantee, glasId: null, own: false, nonce }, owner).bytes
}

interface Member extends LoopbackNode {
  set: EntrySet
  catchUp: CatchUp
  guard: ReturnType<typeof recordingGuard>
  refused: number
  /** Its side in each conversation so far. */
  roles: Array<'first' | 'second'>
}

async function memberOn(t: TestContext, node: LoopbackNode, grants: Uint8Array[], more: Partial<CatchUpPorts> = {}) {
  const set = new EntrySet()
  for (const bytes of grants) set.add(bytes, 'here')
  const guard = recordingGuard()
  const add = async (entries: Uint8Array[], from: PublicKey) => {
    for (const bytes of entries) if (set.add(bytes, peerIdText(from)).outcome === 'refused') member.refused += 1
  }
  const session = (role: 'first' | 'second') => {
    member.roles.push(role)
    return new Session(set, role, EVERYTHING)
  }
  const catchUp = new CatchUp(node.libp2p, node.keyPair.publicKey, { session, add, ...more }, guard)
  const member: Member = { ...node, set, catchUp, guard, refused: 0, roles: [] }
  await catchUp.start()
  t.after(() => catchUp.stop())
  return member
}

async function members(t: TestContext, grants: [Uint8Array[], Uint8Array[]]): Promise<[Member, Member]> {
  const nodes = await connectedNodes(t)
  return [await memberOn(t, nodes[0]!, grants[0]), await memberOn(t, nodes[1]!, grants[1])]
}

const isSame = (a: Member, b: Member) =>
  a.set.size === b.set.size && [...a.set.entries()].every(({ id }) => b.set.has(toHex(id)))

test('two members that lack each other’s entries have all of them after one conversation', async (t) => {
  const shared = Array.from({ length: 200 }, newGrant)
  const [a, b] = await members(t, [
    [...shared, ...Array.from({ length: 40 }, newGrant)],
    [...shared, ...Array.from({ length: 60 }, newGrant)],
  ])
  await a.catchUp.now(b.keyPair.publicKey)
  await until(() => isSame(a, b))
  assert.is(a.set.size, 300)
  await b.catchUp.now(a.keyPair.publicKey)
  assert.equal([...a.guard.violations, ...b.guard.violations, ...a.guard.failures, ...b.guard.failures], [])
})

test('members catch up by themselves when they meet, begun by the one with the lower key', async (t) => {
  const [a, b] = await members(t, [Array.from({ length: 3 }, newGrant), Array.from({ length: 5 }, newGrant)])
  a.catchUp.memberUp(b.keyPair.publicKey)
  b.catchUp.memberUp(a.keyPair.publicKey)
  await until(() => isSame(a, b))
  const isALower = Buffer.compare(a.keyPair.publicKey, b.keyPair.publicKey) < 0
  assert.is(a.roles[0], isALower ? 'first' : 'second')
  assert.is(b.roles[0], isALower ? 'second' : 'first')
})

test('conversations with one peer do not overlap, whoever begins', async (t) => {
  let inside = 0
  let most = 0
  const nodes = await connectedNodes(t)
  const slow = async () => {
    inside += 1
    most = Math.max(most, inside)
    await new Promise((resolve) => setTimeout(resolve, 50))
    inside -= 1
  }
  const a = await memberOn(t, nodes[0]!, [newGrant()], { add: slow })
  const b = await memberOn(t, nodes[1]!, [newGrant()])
  const first = a.catchUp.now(b.keyPair.publicKey)
  const joined = a.catchUp.now(b.keyPair.publicKey)
  const crossing = b.catchUp.now(a.keyPair.publicKey)
  await Promise.allSettled([first, joined, crossing])
  assert.is(most, 1)
  assert.equal([...a.guard.violations, ...b.guard.violations], [])
})

test('two members that begin at the same moment both end with everything', async (t) => {
  for (let round = 0; round < 5; round++) {
    const [a, b] = await members(t, [[newGrant()], [newGrant(), newGrant()]])
    await Promise.all([a.catchUp.now(b.keyPair.publicKey), b.catchUp.now(a.keyPair.publicKey)])
    await until(() => isSame(a, b))
    assert.is(a.set.size, 3)
  }
})

test('a stranger is refused', async (t) => {
  const [stranger, node] = (await connectedNodes(t)) as [LoopbackNode, LoopbackNode]
  const set = new EntrySet()
  set.add(newGrant(), 'here')
  const ports = {
    session: (role: 'first' | 'second') => new Session(set, role, EVERYTHING),
    add: async () => undefined,
  }
  const catchUp = new CatchUp(node.libp2p, node.keyPair.publicKey, ports, recordingGuard([stranger]))
  await catchUp.start()
  t.after(() => catchUp.stop())
  const channel = await open(stranger.libp2p, node.keyPair.publicKey, PROTOCOL)
  await channel.write(new Session(new EntrySet(), 'first', EVERYTHING).first())
  assert.is(await codeOf(channel.read()), 'NotAllowed')
})

test('a peer that goes away, and a signal, end a conversation by name', async (t) => {
  const [a, node] = (await connectedNodes(t)) as [LoopbackNode, LoopbackNode]
  const member = await memberOn(t, a, [newGrant()])
  await handle(node.libp2p, PROTOCOL, recordingGuard(), async (channel) => {
    await channel.read()
    await new Promise(() => undefined)
  })
  const silent = codeOf(member.catchUp.now(node.keyPair.publicKey, { signal: AbortSignal.timeout(100) }))
  assert.is(await silent, 'TimedOut')
  const orphaned = codeOf(member.catchUp.now(node.keyPair.publicKey))
  await until(() => node.libp2p.getConnections()[0]?.streams.length === 1)
  await node.libp2p.stop()
  assert.is(await orphaned, 'PeerUnreachable')
  assert.equal(member.guard.violations, [])
})

test('stopping ends what goes on', async (t) => {
  const [a, node] = (await connectedNodes(t)) as [LoopbackNode, LoopbackNode]
  const member = await memberOn(t, a, [newGrant()])
  await handle(node.libp2p, PROTOCOL, recordingGuard(), () => new Promise(() => undefined))
  const running = codeOf(member.catchUp.now(node.keyPair.publicKey))
  await until(() => node.libp2p.getConnections()[0]?.streams.length === 1)
  await member.catchUp.stop()
  assert.is(await running, 'Interrupted')
})

test('forged entries are refused one by one, and the good ones kept', async (t) => {
  const [a, b] = await members(t, [[], []])
  const good = newGrant()
  const forged = newGrant()
  forged[forged.byteLength - 1]! ^= 1
  const lying = async (channel: Channel) => {
    const set = {
      has: () => true,
      get: () => undefined,
      keysIn: () => [],
      split: () => [],
      summary: () => ({ count: 0, sum: 0n }),
    }
    const session = new Session(set, 'second', EVERYTHING)
    session.receive(await channel.readNext())
    const { encodeMessage } = await import('../../src/index/messages.ts')
    await channel.write(
      encodeMessage({ scope: EVERYTHING, ranges: [], want: [], entries: [good, forged], more: false }),
    )
    await channel.read()
  }
  await b.catchUp.stop()
  await handle(b.libp2p, PROTOCOL, recordingGuard(), lying)
  await codeOf(a.catchUp.now(b.keyPair.publicKey))
  assert.is(a.set.size, 1)
  assert.is(a.refused, 1)
})

test('five hundred conversations of seeded noise are violations by name, and the member still answers', async (t) => {
  const [a, b] = await members(t, [[newGrant()], [newGrant(), newGrant()]])
  const random = seededRandom(11)
  const first = new Session(new EntrySet(), 'first', EVERYTHING).first()
  for (let i = 0; i < 500; i++) {
    const channel = await open(a.libp2p, b.keyPair.publicKey, PROTOCOL)
    await channel.write(damaged(first, random)).catch(() => undefined)
    await channel.read().catch(() => undefined)
    channel.abort(new GlasError('Interrupted', 'Enough.'))
  }
  assert.ok(b.guard.violations.length > 300, `${b.guard.violations.length} violations`)
  assert.equal(b.guard.failures, [])
  await until(() => b.libp2p.getConnections()[0]?.streams.length === 0)
  await a.catchUp.now(b.keyPair.publicKey)
  await until(() => isSame(a, b))
})
