import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { GlasError, toGlasError } from '../../../src/glas/errors.ts'
import { newKeyPair } from '../../../src/glas/keys.ts'
import { type Channel, MAX_UNSENT_BYTES, type StreamLimits } from '../../../src/net/channel.ts'
import { type Guard, handle, open } from '../../../src/net/streams.ts'
import { type TestContext, test } from '../../harness.ts'
import { codeOf, connectedNodes, type LoopbackNode, newLoopbackNode, recordingGuard, until } from '../../loopback.ts'

const ID = '/pintglas/test/1.0.0'
const LIMITS: StreamLimits = {
  maxStreamsPerPeer: 2,
  maxStreams: 3,
  maxMessageBytes: 1024 * 1024,
  maxMessages: 1000,
  maxUnreadBytes: 20 * 1024 * 1024,
  idleTimeoutMs: 5000,
  messageTimeoutMs: 5000,
}
/** What the muxer may have granted before the pause, and what both ends hold by our own limits. */
const WINDOW_BYTES = 16 * 1024 * 1024
const text = (words: string) => new TextEncoder().encode(words)
const words = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes)

const echo = async (channel: Channel) => {
  for (let message = await channel.read(); message !== undefined; message = await channel.read()) {
    await channel.write(message)
  }
}

async function pair(
  t: TestContext,
  handler: (channel: Channel) => Promise<void>,
  guard: Guard = recordingGuard(),
  limits: Partial<StreamLimits> = {},
): Promise<{ asker: LoopbackNode; answerer: LoopbackNode; start: (own?: Partial<StreamLimits>) => Promise<Channel> }> {
  const [asker, answerer] = (await connectedNodes(t)) as [LoopbackNode, LoopbackNode]
  await handle(answerer.libp2p, { id: ID, limits: { ...LIMITS, ...limits } }, guard, handler)
  const start = (own: Partial<StreamLimits> = {}) =>
    open(asker.libp2p, answerer.keyPair.publicKey, { id: ID, limits: { ...LIMITS, ...own } })
  return { asker, answerer, start }
}

test('messages arrive whole and in order, whatever their size and parts', async (t) => {
  const { start } = await pair(t, echo)
  const channel = await start()
  const large = new Uint8Array(LIMITS.maxMessageBytes).map((_, i) => i % 251)
  await channel.write(text('a'), new Uint8Array(), text('b'))
  await channel.write()
  await channel.write(large.subarray(0, 3), large.subarray(3, 700_000), large.subarray(700_000))
  assert.is(words(await channel.read()), 'ab')
  assert.is((await channel.read())?.byteLength, 0)
  assert.ok(Buffer.from(await channel.readNext()).equals(large))
  await channel.end()
  assert.is(await channel.read(), undefined)
  await channel.finish()
})

test('a stream can be opened by the side that was dialled', async (t) => {
  const [dialler, dialled] = (await connectedNodes(t)) as [LoopbackNode, LoopbackNode]
  await handle(dialler.libp2p, { id: ID, limits: LIMITS }, recordingGuard(), echo)
  const channel = await open(dialled.libp2p, dialler.keyPair.publicKey, { id: ID, limits: LIMITS })
  await channel.write(text('back'))
  assert.is(words(await channel.read()), 'back')
  assert.is(dialled.libp2p.getConnections().length, 1)
})

test('a stranger gets a refusal with a reason, and a closed stream', async (t) => {
  const guard = recordingGuard()
  let answered = false
  const refusing = { ...guard, allow: async () => false }
  const answering = async () => {
    answered = true
  }
  const { start } = await pair(t, answering, refusing)
  const channel = await start()
  const error = await channel.read().catch(toGlasError)
  assert.instance(error, GlasError)
  assert.is((error as GlasError).code, 'NotAllowed')
  assert.is((error as GlasError).data.remote, true)
  assert.ok(channel.closed.aborted)
  assert.not(answered)
  assert.equal(guard.violations, [])
})

test('a guard that never decides refuses after the idle time', async (t) => {
  const never = { ...recordingGuard(), allow: () => new Promise<boolean>(() => undefined) }
  const { start } = await pair(t, echo, never, { idleTimeoutMs: 100 })
  assert.is(await codeOf((await start()).read()), 'NotAllowed')
})

test('what a handler throws is told to the peer, except the inside of an unexpected failure', async (t) => {
  const guard = recordingGuard()
  let reason: Error = new GlasError('GlasNotStocked', 'There is no such glas here.')
  const { start } = await pair(t, () => Promise.reject(reason), guard)
  const told = (await (await start()).read().catch(toGlasError)) as GlasError
  assert.is(told.code, 'GlasNotStocked')
  assert.match(told.message, 'There is no such glas here.')
  reason = new Error('secret inside')
  const hidden = (await (await start()).read().catch(toGlasError)) as GlasError
  assert.is(hidden.code, 'Internal')
  assert.not.match(hidden.message, 'secret')
  assert.equal(guard.failures, ['GlasNotStocked', 'Internal'])
})

test('too many streams from one peer, or from all, are refused until some are done', async (t) => {
  const guard = recordingGuard()
  const [holder, a, b] = (await connectedNodes(t, 3)) as [LoopbackNode, LoopbackNode, LoopbackNode]
  await handle(holder.libp2p, { id: ID, limits: LIMITS }, guard, echo)
  const start = (node: LoopbackNode) =>
    open(node.libp2p, holder.keyPair.publicKey, { id: ID, limits: { ...LIMITS, maxStreamsPerPeer: 10 } })
  const ping = async (channel: Channel) => {
    await channel.write(text('ping'))
    return words(await channel.read())
  }
  const first = await start(a)
  assert.is(await ping(first), 'ping')
  assert.is(await ping(await start(a)), 'ping')
  assert.is(await codeOf(ping(await start(a))), 'LimitExceeded')
  assert.is(await ping(await start(b)), 'ping')
  assert.is(await codeOf(ping(await start(b))), 'LimitExceeded')
  await first.finish()
  await until(() => holder.libp2p.getConnections().flatMap(({ streams }) => streams).length === 2)
  assert.is(await ping(await start(b)), 'ping')
  assert.equal(guard.violations, ['LimitExceeded', 'LimitExceeded'])
})

test('a message that is too long, and one message too many are violations, and told', async (t) => {
  const guard = recordingGuard()
  const { start } = await pair(t, echo, guard, { maxMessages: 2, maxMessageBytes: 10 })
  const long = await start()
  await long.write(new Uint8Array(11))
  assert.is(await codeOf(long.read()), 'LimitExceeded')
  const many = await start()
  for (const word of ['one', 'two', 'three']) await many.write(text(word))
  assert.is(words(await many.read()), 'one')
  assert.is(words(await many.read()), 'two')
  assert.is(await codeOf(many.read()), 'LimitExceeded')
  assert.equal(guard.violations, ['LimitExceeded', 'LimitExceeded'])
})

test('silence, and a message that trickles, end the stream after their time limits', async (t) => {
  const guard = recordingGuard()
  const { start, asker, answerer } = await pair(t, echo, guard, { idleTimeoutMs: 150, messageTimeoutMs: 300 })
  assert.is(await codeOf((await start()).read()), 'TimedOut')
  const stream = await asker.libp2p.dialProtocol(answerer.libp2p.getMultiaddrs(), ID)
  stream.send(Uint8Array.of(0, 0, 1, 0))
  while (stream.status === 'open' && guard.violations.length < 2) {
    stream.send(Uint8Array.of(1))
    await sleep(20)
  }
  assert.equal(guard.violations, ['TimedOut', 'TimedOut'])
})

test('a peer that does not read makes the writer wait, within the window, and then give up', async (t) => {
  const guard = recordingGuard()
  let written = 0
  const pour = async (channel: Channel) => {
    const bytes = new Uint8Array(LIMITS.maxMessageBytes)
    for (; ; written += bytes.byteLength) await channel.write(bytes)
  }
  const { start } = await pair(t, pour, guard, { messageTimeoutMs: 700 })
  const channel = await start()
  await until(() => guard.violations.length > 0)
  assert.equal(guard.violations, ['TimedOut'])
  const bound = WINDOW_BYTES + 2 * LIMITS.maxMessageBytes + MAX_UNSENT_BYTES + 1024 * 1024
  assert.ok(written > 0 && written < bound, `${written} bytes went out unread`)
  await channel.finish()
})

test('a reader that is slow but reads gets everything', async (t) => {
  const pour = async (channel: Channel) => {
    for (let i = 0; i < 100; i++) await channel.write(new Uint8Array(LIMITS.maxMessageBytes).fill(i))
  }
  const { start } = await pair(t, pour)
  const channel = await start()
  for (let i = 0; i < 100; i++) {
    if (i % 20 === 0) await sleep(60)
    assert.is((await channel.readNext())[1000], i)
  }
  assert.is(await channel.read(), undefined)
})

test('unread bytes beyond the limit end the stream', async (t) => {
  const { start, answerer } = await pair(t, async (channel) => {
    const bytes = new Uint8Array(LIMITS.maxMessageBytes)
    for (let i = 0; i < 10; i++) await channel.write(bytes)
  })
  const channel = await start({ maxUnreadBytes: 64 * 1024 })
  await until(() => channel.closed.aborted)
  assert.is(await codeOf(channel.read()), 'LimitExceeded')
  await until(() => answerer.libp2p.getConnections()[0]?.streams.length === 0)
})

test('a signal ends a stream at any time, and leaves nothing behind', async (t) => {
  const { asker, answerer } = await pair(t, echo)
  const protocol = { id: ID, limits: LIMITS }
  const controller = new AbortController()
  const channel = await open(asker.libp2p, answerer.keyPair.publicKey, protocol, { signal: controller.signal })
  const reading = codeOf(channel.read())
  controller.abort()
  assert.is(await reading, 'Interrupted')
  const late = { signal: controller.signal }
  assert.is(await codeOf(open(asker.libp2p, answerer.keyPair.publicKey, protocol, late)), 'Interrupted')
  const timed = { signal: AbortSignal.timeout(30) }
  const idle = await open(asker.libp2p, answerer.keyPair.publicKey, protocol, timed)
  assert.is(await codeOf(idle.read()), 'TimedOut')
  await until(() => answerer.libp2p.getConnections()[0]?.streams.length === 0)
})

test('a peer that cannot be reached, does not speak the protocol, or goes away is PeerUnreachable', async (t) => {
  const { asker, answerer, start } = await pair(t, echo)
  const nobody = newKeyPair().publicKey
  assert.is(await codeOf(open(asker.libp2p, nobody, { id: ID, limits: LIMITS })), 'PeerUnreachable')
  const other = { id: '/pintglas/other/1.0.0', limits: LIMITS }
  assert.is(await codeOf(open(asker.libp2p, answerer.keyPair.publicKey, other)), 'PeerUnreachable')
  const channel = await start()
  await channel.write(text('ping'))
  await channel.readNext()
  const reading = codeOf(channel.readNext())
  await answerer.libp2p.stop()
  assert.is(await reading, 'PeerUnreachable')
})

test('stopping a protocol drops its streams and answers no more', async (t) => {
  const [asker, answerer] = (await connectedNodes(t)) as [LoopbackNode, LoopbackNode]
  const stop = await handle(answerer.libp2p, { id: ID, limits: LIMITS }, recordingGuard(), echo)
  const channel = await open(asker.libp2p, answerer.keyPair.publicKey, { id: ID, limits: LIMITS })
  await channel.write(text('ping'))
  await channel.readNext()
  await stop()
  assert.is(await codeOf(channel.readNext()), 'PeerUnreachable')
  assert.is(await codeOf(open(asker.libp2p, answerer.keyPair.publicKey, { id: ID, limits: LIMITS })), 'PeerUnreachable')
})

test('a connection through which nothing was ever said is dialled from what is known', async (t) => {
  const [a, b] = await Promise.all([newLoopbackNode(), newLoopbackNode()])
  t.after(() => Promise.all([a.libp2p.stop(), b.libp2p.stop()]))
  await handle(b.libp2p, { id: ID, limits: LIMITS }, recordingGuard(), echo)
  await a.libp2p.peerStore.merge(b.libp2p.peerId, { multiaddrs: b.libp2p.getMultiaddrs() })
  const channel = await open(a.libp2p, b.keyPair.publicKey, { id: ID, limits: LIMITS })
  await channel.write(text('hello'))
  assert.is(words(await channel.read()), 'hello')
})
