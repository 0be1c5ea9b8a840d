import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { GlasError, isGlasError } from '../../src/glas/errors.ts'
import { cidOf, RAW_CODEC } from '../../src/glas/hash.ts'
import {
  BLOCKS_PROTOCOL,
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  FETCH_LIMITS,
  MAX_SERVED_STRANGER_STREAMS,
  SERVE_LIMITS,
} from '../../src/net/block-messages.ts'
import type { Channel } from '../../src/net/channel.ts'
import { type FetchedBlock, fetchBlocks } from '../../src/net/fetch-blocks.ts'
import { decodeRefusal, encodeRefusal } from '../../src/net/refusal.ts'
import { serveBlocks } from '../../src/net/serve-blocks.ts'
import { handle, open } from '../../src/net/streams.ts'
import { damaged } from '../damage.ts'
import { seededRandom } from '../gen/random.ts'
import { type TestContext, test } from '../harness.ts'
import { codeOf, connectedNodes, type LoopbackNode, recordingGuard, until } from '../loopback.ts'

const CASES = 1000
const BYTES = new TextEncoder().encode('wanted')
const CID = cidOf(RAW_CODEC, BYTES)
const REQUEST = encodeRequest([CID, CID])
const ANSWER = Buffer.concat(encodeAnswer({ status: 'found', codec: 'raw', rawLength: BYTES.byteLength, bytes: BYTES }))
const ABSENT = Buffer.concat(encodeAnswer({ status: 'missing' }))

/** A peer that answers the protocol as it likes, and a puller that asks it for the block ten times. */
async function lying(t: TestContext, answer: (channel: Channel) => Promise<void>) {
  const [puller, liar] = (await connectedNodes(t)) as [LoopbackNode, LoopbackNode]
  const protocol = { id: BLOCKS_PROTOCOL, limits: { ...SERVE_LIMITS, messageTimeoutMs: 1000 } }
  await handle(liar.libp2p, protocol, recordingGuard(), answer)
  const violations: string[] = []
  const fetched: FetchedBlock[] = []
  const fetchAll = async () => {
    const onViolation = (_: Uint8Array, error: GlasError) => void violations.push(error.code)
    const batches = [Array(10).fill(CID)]
    for await (const block of fetchBlocks(puller.libp2p, liar.keyPair.publicKey, batches, { onViolation })) {
      fetched.push(block)
    }
  }
  return { puller, violations, fetched, outcome: codeOf(fetchAll()) }
}

/** A real holder, and a stream to it through which anything may be sent. */
async function besieged(t: TestContext) {
  const [attacker, holder] = (await connectedNodes(t)) as [LoopbackNode, LoopbackNode]
  const guard = recordingGuard()
  let lookups = 0
  const stored = async () => {
    lookups += 1
    const bytes = new Uint8Array(1024 * 1024)
    return { codec: 'raw' as const, rawLength: bytes.byteLength, bytes }
  }
  await serveBlocks(holder.libp2p, { stored, mayServe: () => true }, guard)
  const protocol = { id: BLOCKS_PROTOCOL, limits: { ...FETCH_LIMITS, maxStreamsPerPeer: 100 } }
  const start = () => open(attacker.libp2p, holder.keyPair.publicKey, protocol)
  return { attacker, holder, guard, start, lookups: () => lookups }
}

test('a damaged request, answer or refusal is read or refused by name, never anything else', () => {
  const random = seededRandom(20260)
  const refusal = encodeRefusal(new GlasError('NotAllowed', 'You are no member of this swarm.'))
  for (let i = 0; i < CASES; i++) {
    for (const decode of [() => decodeRequest(damaged(REQUEST, random)), () => decodeAnswer(damaged(ANSWER, random))]) {
      try {
        decode()
      } catch (error) {
        assert.ok(isGlasError(error) && error.code !== 'Internal', `case ${i}: ${error}`)
      }
    }
    assert.ok(isGlasError(decodeRefusal(damaged(refusal, random))), `case ${i}`)
  }
})

test('a holder that sends malformed, oversized or contradicting answers is found out at the first one', async (t) => {
  const answers = {
    BadMessage: [
      new Uint8Array(),
      Buffer.from([9, 0, 0, 0, 0]),
      ANSWER.subarray(0, 8),
      Buffer.concat([ABSENT, ABSENT]),
    ],
    LimitExceeded: [Buffer.from([1, 0xff, 0xff, 0xff, 0xff, 1]), new Uint8Array(FETCH_LIMITS.maxMessageBytes + 1)],
  }
  for (const [code, list] of Object.entries(answers)) {
    for (const bytes of list) {
      const { outcome, violations, fetched } = await lying(t, async (channel) => {
        await channel.write(ANSWER)
        await channel.write(bytes)
        await sleep(1000, undefined, { signal: channel.closed }).catch(() => undefined)
      })
      assert.is(await outcome, code)
      assert.equal(violations, [code])
      assert.is(fetched.length, 1)
    }
  }
})

test('a holder that answers more than was asked, or less, does not pass for a good one', async (t) => {
  const more = await lying(t, async (channel) => {
    for (let i = 0; i < 11; i++) await channel.write(ABSENT)
    await channel.end()
  })
  assert.is(await more.outcome, 'BadMessage')
  assert.equal(more.violations, ['BadMessage'])
  const less = await lying(t, async (channel) => {
    for (let i = 0; i < 9; i++) await channel.write(ABSENT)
    await channel.end()
  })
  assert.is(await less.outcome, 'PeerUnreachable')
  assert.is(less.fetched.length, 9)
})

test('a holder that never stops sending fills no more than the window', async (t) => {
  let sent = 0
  const { puller, outcome, fetched } = await lying(t, async (channel) => {
    const bytes = randomBytes(FETCH_LIMITS.maxMessageBytes)
    new DataView(bytes.buffer, bytes.byteOffset).setUint8(0, 1)
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(1, 10)
    for (; ; sent += bytes.byteLength) await channel.write(bytes)
  })
  assert.is(await outcome, 'BadMessage')
  assert.is(fetched.length, 10)
  assert.ok(sent < 10 * FETCH_LIMITS.maxMessageBytes + 2 * FETCH_LIMITS.maxUnreadBytes, `${sent} bytes were taken`)
  await until(() => puller.libp2p.getConnections()[0]?.streams.length === 0)
})

test('malformed requests are told, counted and answered no further', async (t) => {
  const { guard, start, lookups } = await besieged(t)
  const requests = [
    new Uint8Array(),
    REQUEST.subarray(1),
    new Uint8Array(36),
    Buffer.concat(Array(257).fill(CID.bytes)),
  ]
  for (const request of requests) {
    const channel = await start()
    await channel.write(request)
    assert.ok(['BadMessage', 'LimitExceeded'].includes(await codeOf(channel.read())))
    await channel.finish()
  }
  assert.equal(guard.violations, ['BadMessage', 'BadMessage', 'BadMessage', 'LimitExceeded'])
  assert.is(lookups(), 0)
})

test('a thousand streams of seeded noise leave the holder as it was', async (t) => {
  const { attacker, holder, guard } = await besieged(t)
  const random = seededRandom(7)
  for (let i = 0; i < CASES; i++) {
    try {
      const stream = await attacker.libp2p.dialProtocol(holder.libp2p.peerId, BLOCKS_PROTOCOL)
      const framed = Buffer.concat([Uint8Array.of(0, 0, 0, REQUEST.byteLength), REQUEST])
      stream.send(damaged(framed, random))
      if (random.chance(0.5)) await stream.close()
      else stream.abort(new Error('gone'))
    } catch {
      // Refused for too many streams, or reset under the attacker's hands: as it should be.
    }
  }
  for (const connection of attacker.libp2p.getConnections()) await connection.close()
  await until(() => holder.libp2p.getConnections().every(({ streams }) => streams.length === 0))
  assert.equal(guard.failures, [])
})

test('a peer that asks for everything and takes nothing costs the holder a few blocks of memory a stream', async (t) => {
  const { attacker, holder, start, lookups } = await besieged(t)
  const request = encodeRequest(Array(256).fill(CID))
  const channels = await Promise.all(Array.from({ length: 20 }, start))
  for (const channel of channels) {
    for (let i = 0; i < 20; i++) await channel.write(request).catch(() => undefined)
  }
  await sleep(700)
  const answered = SERVE_LIMITS.maxStreamsPerPeer
  const perStream = FETCH_LIMITS.maxUnreadBytes / (1024 * 1024) + 3
  assert.ok(lookups() <= answered * perStream, `${lookups()} blocks were read for ${answered} streams`)
  const open = holder.libp2p.getConnections()[0]?.streams.filter(({ status }) => status === 'open').length ?? 0
  assert.ok(open <= channels.length)
  for (const connection of attacker.libp2p.getConnections()) await connection.close()
  await until(() => holder.libp2p.getConnections().length === 0)
})

test('strangers cannot take the streams of members', async (t) => {
  const [holder, member, ...strangers] = (await connectedNodes(t, 8)) as [LoopbackNode, LoopbackNode, ...LoopbackNode[]]
  const stored = async () => ({ codec: 'raw' as const, rawLength: BYTES.byteLength, bytes: BYTES })
  await serveBlocks(holder.libp2p, { stored, mayServe: () => true }, recordingGuard(strangers))
  const protocol = { id: BLOCKS_PROTOCOL, limits: FETCH_LIMITS }
  const ask = async (node: LoopbackNode) => {
    const channel = await open(node.libp2p, holder.keyPair.publicKey, protocol)
    await channel.write(REQUEST)
    return codeOf(channel.readNext())
  }
  const codes: string[] = []
  for (const stranger of strangers) for (let i = 0; i < 3; i++) codes.push(await ask(stranger))
  const answered = codes.filter((code) => code === 'none').length
  assert.is(answered, MAX_SERVED_STRANGER_STREAMS)
  assert.is(codes.filter((code) => code === 'PeerUnreachable').length, codes.length - answered)
  assert.is(await ask(member), 'none')
})
