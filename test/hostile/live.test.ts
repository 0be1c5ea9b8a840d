import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { setTapRight } from '../../src/beam/tap-rights.ts'
import { encodeCanonical } from '../../src/glas/canonical.ts'
import { GlasError } from '../../src/glas/errors.ts'
import { cidOf, DAG_CBOR_CODEC } from '../../src/glas/hash.ts'
import { fromHex, type KeyPair, newKeyPair, peerIdText, signBytes, toHex } from '../../src/glas/keys.ts'
import { toMultiaddr } from '../../src/net/address.ts'
import type { Channel } from '../../src/net/channel.ts'
import {
  ASK_LIVE_LIMITS,
  decodeLiveAnswer,
  encodeLiveAnswer,
  encodeLiveRequest,
  LIVE_PROTOCOL,
  type LiveAnswer,
  SERVE_LIVE_LIMITS,
} from '../../src/net/live-messages.ts'
import { handle, open } from '../../src/net/streams.ts'
import { signAnnouncement } from '../../src/net/tap-announcement.ts'
import { MAX_ANNOUNCEMENTS_PER_MINUTE } from '../../src/net/tap-table.ts'
import { type TestContext, test } from '../harness.ts'
import type { OpenHome } from '../home-parts.ts'
import { codeOf, newLoopbackNode, recordingGuard } from '../loopback.ts'
import { keyOf, type Scene, scene } from './three-members.ts'

const LIMIT = { limitMs: 120_000 }
const ASK = { id: LIVE_PROTOCOL, limits: ASK_LIVE_LIMITS }
const TAP = { id: '0102030405060708', name: 'Ants', host: 'sim7', path: '/home/ann/secret-project' }
const RECORD = cidOf(DAG_CBOR_CODEC, new TextEncoder().encode('no record'))

/** An image is connected at ann's, as her sampler offers it; how often it was asked. */
async function withImage(home: OpenHome): Promise<{ asked: number }> {
  const seen = { asked: 0 }
  home.parts.taps = {
    list: () => [TAP],
    snap: (_id, { signal }) => {
      seen.asked++
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
    },
  }
  await home.call('setConfig', { key: 'shareTaps', value: 'true' }, home.options)
  ;(await home.parts.network()).live.look()
  return seen
}

/** Everything that a member or stranger is answered, until the end or the refusal. */
async function answers(asker: Parameters<typeof open>[0], whom: KeyPair, request: Uint8Array): Promise<unknown[]> {
  const channel = await open(asker, whom.publicKey, ASK)
  const heard: unknown[] = []
  try {
    await channel.write(request)
    for (let bytes = await channel.read(); bytes !== undefined; bytes = await channel.read()) {
      heard.push(decodeLiveAnswer(bytes))
    }
  } catch (error) {
    heard.push((error as GlasError).code)
  }
  channel.abort(new GlasError('Interrupted', 'done'))
  return heard
}

const libp2pOf = async (home: OpenHome) => (await home.parts.network()).peer.node.libp2p
const namesAt = async ({ parts }: OpenHome, signal: AbortSignal): Promise<string[]> => {
  const others = await (await parts.network()).live.others(signal)
  return others.flatMap(({ taps }) => taps.map(({ name }) => name)).sort()
}
const gossip = async (home: OpenHome, bytes: Uint8Array) => (await home.parts.network()).peer.publish('taps', bytes)
const violationsAt = async (home: OpenHome): Promise<string[]> => {
  const { violations } = await home.parts.network()
  return [...violations.values()].flatMap((counts) => [...counts.keys()])
}

/** mallory answers the protocol as she likes. */
async function liar(t: TestContext, { mallory }: Scene, answer: (channel: Channel) => Promise<void>): Promise<void> {
  const libp2p = await libp2pOf(mallory)
  await libp2p.unhandle(LIVE_PROTOCOL)
  const stop = await handle(libp2p, { id: LIVE_PROTOCOL, limits: SERVE_LIVE_LIMITS }, recordingGuard(), answer)
  t.after(stop)
}

const say = (channel: Channel, answer: LiveAnswer) => channel.write(encodeLiveAnswer(answer))

const announced = (key: KeyPair, sequence: number, ...names: string[]) => {
  const taps = names.map((name, i) => ({ id: toHex(new Uint8Array(8).fill(i + 1)), name }))
  return signAnnouncement({ peer: key.publicKey, sequence, taps }, key).bytes
}

test(
  'a stranger learns nothing of what runs here, and a member without a right no host, path or snapshot',
  async (t) => {
    const { ann, mallory } = await scene(t)
    const seen = await withImage(ann)
    const eve = await newLoopbackNode()
    t.after(() => eve.libp2p.stop())
    await eve.libp2p.dial((await ann.parts.network()).peer.addresses().map(toMultiaddr))
    const list = encodeLiveRequest({ kind: 'list' })
    const snap = encodeLiveRequest({ kind: 'snap', id: TAP.id })
    const noSuch = encodeLiveRequest({ kind: 'snap', id: '0000000000000000' })
    for (const request of [list, snap]) {
      assert.equal(await answers(eve.libp2p, keyOf(ann), request), ['NotAllowed'])
    }

    const libp2p = await libp2pOf(mallory)
    const heard = await answers(libp2p, keyOf(ann), list)
    assert.equal(heard.at(-1), { kind: 'right', right: 'nothing', taps: 0 })
    assert.not(heard.some((one) => Buffer.from(JSON.stringify(one)).includes('secret-project')))
    assert.not(await gossipHolds(mallory, 'secret-project', t.signal))
    assert.equal(await answers(libp2p, keyOf(ann), snap), ['NotAllowed'])
    assert.equal(await answers(libp2p, keyOf(ann), noSuch), ['NotAllowed'], 'what is not there is refused the same way')
    assert.is(seen.asked, 0)

    await setTapRight(ann.parts, keyOf(mallory).publicKey, 'live')
    assert.equal((await answers(libp2p, keyOf(ann), list)).at(-1), { kind: 'tap', ...TAP })
    assert.equal(await answers(libp2p, keyOf(ann), snap), ['NotAllowed'])
    await ann.call('setConfig', { key: 'shareTaps', value: 'false' }, ann.options)
    assert.equal((await answers(libp2p, keyOf(ann), list)).at(-1), { kind: 'right', right: 'nothing', taps: 0 })
    assert.is(seen.asked, 0)
  },
  LIMIT,
)

async function gossipHolds({ parts }: OpenHome, text: string, signal: AbortSignal): Promise<boolean> {
  return JSON.stringify(await (await parts.network()).live.others(signal)).includes(text)
}

test(
  'announcements that are forged, told again or of nobody in the swarm change nothing',
  async (t) => {
    const { ann, bob, mallory } = await scene(t)
    const now = Date.now()
    await gossip(mallory, announced(keyOf(mallory), now, 'Moths'))
    await eventually(async () => (await namesAt(bob, t.signal)).join() === 'Moths')
    const first = announced(keyOf(ann), now, 'Old')
    const changes = { heard: 0 }
    ;(await bob.parts.network()).live.on('changed', () => void changes.heard++)
    await gossip(ann, first)
    await eventually(async () => (await namesAt(bob, t.signal)).join() === 'Moths,Old')
    await gossip(ann, announced(keyOf(ann), now + 1, 'Ants'))
    await eventually(async () => (await namesAt(bob, t.signal)).join() === 'Ants,Moths')

    const unsigned = encodeCanonical({
      peer: keyOf(ann).publicKey,
      sequence: now + 1000,
      taps: [{ id: fromHex(TAP.id), name: 'Forged' }],
      format: 1,
    })
    const forged = encodeCanonical([unsigned, signBytes(keyOf(mallory), 'taps', unsigned)])
    const otherPurpose = encodeCanonical([unsigned, signBytes(keyOf(ann), 'claim', unsigned)])
    await gossip(mallory, first)
    await gossip(mallory, announced(newKeyPair(), now, 'Nobody'))
    await gossip(mallory, forged)
    await gossip(mallory, otherPurpose)
    await gossip(mallory, new Uint8Array(1000))
    await eventually(async () => (await violationsAt(bob)).includes('BadSignature'))
    await eventually(async () => (await violationsAt(bob)).includes('BadMessage'))
    assert.equal(await namesAt(bob, t.signal), ['Ants', 'Moths'])
    assert.is(changes.heard, 2)

    await ann.call('removeMember', { peer: peerIdText(keyOf(mallory).publicKey), withInvited: false }, ann.options)
    await eventually(async () => (await namesAt(bob, t.signal)).join() === 'Ants')
  },
  LIMIT,
)

test(
  'a flood of announcements is passed on and kept within bounds, and the others are still heard',
  async (t) => {
    const { ann, bob, mallory } = await scene(t)
    const now = Date.now()
    const flood = 10 * MAX_ANNOUNCEMENTS_PER_MINUTE
    const heard = { changes: 0 }
    ;(await bob.parts.network()).live.on('changed', () => void heard.changes++)
    const startMs = performance.now()
    for (let i = 0; i < flood; i++) await gossip(mallory, announced(keyOf(mallory), now + i, `Moth ${i}`))
    await gossip(ann, announced(keyOf(ann), now, 'Ants'))
    await eventually(async () => (await namesAt(bob, t.signal)).includes('Ants'))
    assert.is((await namesAt(bob, t.signal)).length, 2)
    const minutes = (performance.now() - startMs) / 60_000
    const most = MAX_ANNOUNCEMENTS_PER_MINUTE * (1 + minutes) + 1
    assert.ok(heard.changes <= most, `${heard.changes} of ${flood} were taken`)
  },
  LIMIT,
)

test(
  'lists without end, that never end, or of other things cost a bounded time, and what else is known stays',
  async (t) => {
    const all = await scene(t)
    const { ann, bob, mallory } = all
    const ways: Array<(channel: Channel) => Promise<void>> = [
      async (channel) => {
        const announcement = announced(keyOf(mallory), Date.now(), 'Moths')
        while (!channel.closed.aborted) await say(channel, { kind: 'announcement', ageMs: 0, announcement })
      },
      async (channel) => {
        await say(channel, { kind: 'right', right: 'snap', taps: 1000 })
        await sleep(60_000, undefined, { signal: channel.closed }).catch(() => {})
      },
      async (channel) => {
        await say(channel, { kind: 'right', right: 'snap', taps: 2 })
        for (let i = 0; i < 2; i++) await say(channel, { kind: 'progress', phase: 'asked' })
      },
      async (channel) => channel.write(new Uint8Array(50)),
    ]
    const chosen = { way: 0 }
    await liar(t, all, async (channel) => {
      await channel.readNext()
      await ways[chosen.way]!(channel)
    })
    const { live } = await bob.parts.network()
    for (const [way] of ways.entries()) {
      chosen.way = way
      live.memberDown(keyOf(mallory).publicKey) // what it said before counts no more
      await gossip(mallory, announced(keyOf(mallory), Date.now(), 'Moths'))
      await gossip(ann, announced(keyOf(ann), Date.now(), 'Ants'))
      await eventually(async () => (await namesAt(bob, t.signal)).join() === 'Ants,Moths')
    }
    assert.ok((await violationsAt(bob)).includes('LimitExceeded'))
    assert.ok((await violationsAt(bob)).includes('BadMessage'))
  },
  LIMIT,
)

test(
  'a snapshot that is only said to be taken is no version, and one that never comes ends when its asker says so',
  async (t) => {
    const all = await scene(t)
    const { bob, mallory } = all
    const record = { isTold: true }
    await liar(t, all, async (channel) => {
      await channel.readNext()
      if (record.isTold) return say(channel, { kind: 'taken', record: RECORD, isNew: true })
      while (!channel.closed.aborted) {
        await say(channel, { kind: 'progress', phase: 'asked' })
        await sleep(20)
      }
    })
    await gossip(mallory, announced(keyOf(mallory), Date.now(), 'Moths'))
    await eventually(async () => (await namesAt(bob, t.signal)).join() === 'Moths')
    const snap = (signal: AbortSignal) =>
      bob.call('snap', { tap: 'Moths', allowSecrets: false }, { ...bob.options, signal })
    assert.is(await codeOf(snap(t.signal)), 'BadMessage')
    record.isTold = false
    assert.is(await codeOf(snap(AbortSignal.timeout(3_000))), 'TimedOut')
  },
  LIMIT,
)

async function eventually(isSo: () => Promise<boolean>, limitMs = 40_000): Promise<void> {
  const endMs = performance.now() + limitMs
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`still not so after ${limitMs} ms: ${isSo}`)
    await sleep(50)
  }
}
