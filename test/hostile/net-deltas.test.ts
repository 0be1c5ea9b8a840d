/** The protocol of deltas against whoever sends anything at all, in either direction. */
import { randomBytes } from 'node:crypto'
import * as assert from 'uvu/assert'
import { type GlasError, isGlasError } from '../../src/glas/errors.ts'
import { cidOf, DAG_PB_CODEC } from '../../src/glas/hash.ts'
import type { Channel } from '../../src/net/channel.ts'
import {
  DELTAS_PROTOCOL,
  type DeltaHead,
  decodeDeltaAnswer,
  decodeDeltaRequest,
  encodeDeltaAnswer,
  encodeDeltaRequest,
  FETCH_DELTAS_LIMITS,
  MAX_PIECE_BYTES,
  MAX_SENT_DELTA_BYTES,
  SERVE_DELTAS_LIMITS,
  type SentDelta,
} from '../../src/net/delta-messages.ts'
import { fetchDelta } from '../../src/net/fetch-delta.ts'
import { serveDeltas } from '../../src/net/serve-deltas.ts'
import { handle, open } from '../../src/net/streams.ts'
import { damaged } from '../damage.ts'
import { seededRandom } from '../gen/random.ts'
import { type TestContext, test } from '../harness.ts'
import { codeOf, connectedNodes, type LoopbackNode, recordingGuard, until } from '../loopback.ts'

const CASES = 1500
const MAX_IMAGE_BYTES = 64 * 1024 * 1024
const fileOf = (name: string) => cidOf(DAG_PB_CODEC, Buffer.from(name))
const [IMAGE, BASE, OTHER] = [fileOf('image'), fileOf('base'), fileOf('other')]
const WANTED = { file: IMAGE, bases: [BASE], bytesPerSecond: 0, takesBase: false }
const REQUEST = encodeDeltaRequest(WANTED)
const SHAPE = { sizeBytes: 2_000_000, leafBytes: 1_000_000, digests: new Uint8Array(64) }
const HEAD: DeltaHead = { file: IMAGE, base: BASE, ...SHAPE, deltaBytes: 5000 }
const encodeHead = (change: Partial<DeltaHead> = {}) => encodeDeltaAnswer({ kind: 'delta', ...HEAD, ...change })

test('a damaged request or answer is read or refused by name, never anything else', () => {
  const random = seededRandom(20261)
  const none = encodeDeltaAnswer({ kind: 'none', reason: 'the line is fast' })
  for (let i = 0; i < CASES; i++) {
    for (const decode of [
      () => decodeDeltaRequest(damaged(REQUEST, random)),
      () => decodeDeltaAnswer(damaged(encodeHead(), random)),
      () => decodeDeltaAnswer(damaged(none, random)),
    ]) {
      try {
        decode()
      } catch (error) {
        assert.ok(isGlasError(error) && error.code !== 'Internal', `case ${i}: ${error}`)
      }
    }
  }
})

/** A holder that answers as it likes, and what becomes of a puller that asks it. */
async function lying(t: TestContext, answer: (channel: Channel) => Promise<void>) {
  const [puller, liar] = (await connectedNodes(t)) as [LoopbackNode, LoopbackNode]
  await handle(liar.libp2p, { id: DELTAS_PROTOCOL, limits: SERVE_DELTAS_LIMITS }, recordingGuard(), answer)
  const violations: string[] = []
  const onViolation = (_: Uint8Array, error: GlasError) => void violations.push(error.code)
  const options = { maxImageBytes: MAX_IMAGE_BYTES, onViolation }
  return { violations, outcome: codeOf(fetchDelta(puller.libp2p, liar.keyPair.publicKey, WANTED, options)) }
}

const piece = new Uint8Array(5000)
const LIES: Array<[what: string, code: string, answer: (channel: Channel) => Promise<void>]> = [
  ['garbage', 'BadMessage', async (to) => to.write(randomBytes(300))],
  ['nothing', 'PeerUnreachable', async () => {}],
  ['a delta on another base', 'BadMessage', async (to) => to.write(encodeHead({ base: OTHER }))],
  [
    'an image above the limit',
    'LimitExceeded',
    async (to) =>
      to.write(
        encodeHead({
          sizeBytes: 2 * MAX_IMAGE_BYTES,
          leafBytes: MAX_IMAGE_BYTES / 64,
          digests: new Uint8Array(128 * 32),
        }),
      ),
  ],
  [
    'a delta larger than its image can need',
    'LimitExceeded',
    async (to) => to.write(encodeHead({ deltaBytes: 1_500_000 })),
  ],
  ['a head without bytes', 'PeerUnreachable', async (to) => to.write(encodeHead())],
  [
    'pieces that are too long',
    'BadMessage',
    async (to) => {
      await to.write(encodeHead())
      await to.write(new Uint8Array(5001))
    },
  ],
  [
    'deltas of other images without end',
    'BadMessage',
    async (to) => {
      for (let file = OTHER, base = BASE, at = 0; at < 50; at++) {
        await to.write(encodeHead({ file, base }))
        await to.write(piece)
        base = file
        file = fileOf(String(at))
      }
    },
  ],
  [
    'a delta and then none',
    'BadMessage',
    async (to) => {
      await to.write(encodeHead({ file: OTHER }))
      await to.write(piece)
      await to.write(encodeDeltaAnswer({ kind: 'none', reason: 'changed my mind' }))
    },
  ],
  [
    'more than was asked for',
    'BadMessage',
    async (to) => {
      await to.write(encodeHead())
      await to.write(piece)
      await to.write(encodeHead())
    },
  ],
  [
    'that it works on it, without end',
    'LimitExceeded',
    async (to) => {
      for (;;) await to.write(encodeDeltaAnswer({ kind: 'working' }))
    },
  ],
]

for (const [what, code, answer] of LIES) {
  test(`a holder that sends ${what} is ${code} to the puller`, async (t) => {
    const { violations, outcome } = await lying(t, answer)
    assert.is(await outcome, code)
    assert.equal(violations, code === 'PeerUnreachable' ? [] : [code])
  })
}

test('a peer that does not know the protocol is no violation', async (t) => {
  const [puller, old] = (await connectedNodes(t)) as [LoopbackNode, LoopbackNode]
  const options = { maxImageBytes: MAX_IMAGE_BYTES, onViolation: () => assert.unreachable() }
  assert.is(await codeOf(fetchDelta(puller.libp2p, old.keyPair.publicKey, WANTED, options)), 'PeerUnreachable')
})

/** A real holder that has one delta, and a stream to it through which anything may be sent. */
async function besieged(
  t: TestContext,
  found: SentDelta[] | string | (() => Promise<string>) = 'nothing here',
  isStranger = false,
) {
  const [attacker, holder] = (await connectedNodes(t)) as [LoopbackNode, LoopbackNode]
  const guard = recordingGuard(isStranger ? [attacker] : [])
  const allowed: boolean[] = []
  const shelf = {
    deltas: async (_: unknown, mayCompare: (bytes: number) => boolean) => {
      allowed.push(mayCompare(300 * 1024 * 1024))
      return typeof found === 'function' ? found() : found
    },
  }
  t.after(await serveDeltas(holder.libp2p, shelf, guard))
  const protocol = { id: DELTAS_PROTOCOL, limits: { ...FETCH_DELTAS_LIMITS, maxStreamsPerPeer: 100 } }
  const start = () => open(attacker.libp2p, holder.keyPair.publicKey, protocol)
  return { attacker, holder, guard, start, allowed }
}

const DELTA: SentDelta = { file: IMAGE, base: BASE, ...SHAPE, delta: randomBytes(2 * MAX_PIECE_BYTES + 7) }

test('a stranger is refused before anything is looked up', async (t) => {
  const { start, allowed } = await besieged(t, 'nothing here', true)
  const channel = await start()
  await channel.write(REQUEST)
  assert.is(await codeOf(channel.readNext()), 'NotAllowed')
  assert.equal(allowed, [])
})

test('what is sent in pieces comes as one', async (t) => {
  const { attacker, holder } = await besieged(t, [
    { ...DELTA, file: OTHER },
    { ...DELTA, base: OTHER },
  ])
  const options = { maxImageBytes: MAX_IMAGE_BYTES }
  const got = await fetchDelta(attacker.libp2p, holder.keyPair.publicKey, WANTED, options)
  assert.ok(typeof got !== 'string' && got.length === 2)
  assert.ok(got.every(({ delta }) => Buffer.compare(delta, DELTA.delta) === 0))
})

test('a request that is none is refused, and counted against the peer', async (t) => {
  const { start, guard } = await besieged(t)
  for (const message of [new Uint8Array(0), randomBytes(200), REQUEST.subarray(1), new Uint8Array(5000)]) {
    const channel = await start()
    await channel.write(message)
    assert.ok(['BadMessage', 'LimitExceeded'].includes(await codeOf(channel.readNext())))
  }
  assert.is(guard.violations.length, 4)
})

test('streams beyond those of one peer are refused, and so is what is too large to be sent', async (t) => {
  const waiting = Promise.withResolvers<string>()
  const { start } = await besieged(t, () => waiting.promise)
  const open = []
  for (let at = 0; at < SERVE_DELTAS_LIMITS.maxStreamsPerPeer; at++) {
    const channel = await start()
    await channel.write(REQUEST)
    open.push(channel)
  }
  const beyond = await start()
  assert.is(await codeOf(beyond.readNext()), 'LimitExceeded')
  waiting.resolve('nothing here')
  for (const channel of open) assert.is(decodeDeltaAnswer(await channel.readNext()).kind, 'none')
  const large = await besieged(t, [{ ...DELTA, delta: new Uint8Array(MAX_SENT_DELTA_BYTES + 1) }])
  const channel = await large.start()
  await channel.write(REQUEST)
  assert.is(decodeDeltaAnswer(await channel.readNext()).kind, 'none')
})

test('a peer that had its share of comparing is refused more of it, and another one is not', async (t) => {
  const { start, allowed, guard } = await besieged(t)
  for (let at = 0; at < 3; at++) {
    const channel = await start()
    await channel.write(REQUEST)
    await channel.readNext()
    await channel.finish()
  }
  assert.equal(allowed, [true, true, false])
  assert.equal(guard.violations, [])
})

test('a stock that fails is told here, and the peer is told that there is no delta', async (t) => {
  const { start, guard } = await besieged(t, async () => {
    throw new Error('the disk is on fire')
  })
  const channel = await start()
  await channel.write(REQUEST)
  const answer = decodeDeltaAnswer(await channel.readNext())
  assert.ok(answer.kind === 'none' && !answer.reason.includes('fire'))
  await until(() => guard.failures.length === 1)
})
