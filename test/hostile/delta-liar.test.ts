/** Members that lie when they are asked for a delta: named, and no worse for the pull than one that has none. */
import { randomBytes } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import { cidOf, DAG_PB_CODEC } from '../../src/glas/hash.ts'
import { peerIdText } from '../../src/glas/keys.ts'
import type { Channel } from '../../src/net/channel.ts'
import {
  DELTAS_PROTOCOL,
  type DeltaRequest,
  decodeDeltaRequest,
  encodeDeltaAnswer,
  FETCH_DELTAS_LIMITS,
  MAX_PIECE_BYTES,
  SERVE_DELTAS_LIMITS,
} from '../../src/net/delta-messages.ts'
import { handle } from '../../src/net/streams.ts'
import type { ImageDelta } from '../../src/stock/delta-frame.ts'
import { treeOf } from '../cli/process.ts'
import { nextSnapshot } from '../gen/directory.ts'
import { type TestContext, test } from '../harness.ts'
import { plainPush } from '../home-parts.ts'
import { recordingGuard } from '../loopback.ts'
import { rawDelta } from '../unit/spur/raw-delta.ts'
import { keyOf, pull, type Scene, scene } from './three-members.ts'

const MIB = 1024 * 1024

interface Next extends Scene {
  /** The second version, of which bob has the first. */
  next: string
  delta: ImageDelta
}

/** Ann has a second version as a delta, and bob the first one; mallory is asked first, whatever she has. */
async function twoVersions(t: TestContext): Promise<Next> {
  const at = await scene(t)
  await pull(at, at.reference, 'first')
  nextSnapshot(at.image, { seed: 7, newObjects: 50, slideFrom: 0.2, restart: true, changesBytes: 300 })
  const { ann, bob, mallory } = at
  const pushed = await ann.call('push', plainPush(at.directory), ann.options)
  const [network, of] = [await bob.parts.network(), await ann.parts.network()]
  await network.catchUp(keyOf(ann).publicKey, t.signal)
  await (await mallory.parts.network()).catchUp(keyOf(ann).publicKey, t.signal)
  assert.is(of.membersUp().length, 2)
  network.likelyHolders = () => [keyOf(mallory).publicKey, keyOf(ann).publicKey]
  const [kept] = pushed.image
  assert.is(kept?.['kept-as'], 'delta')
  const { stock } = ann.parts
  for (const { cid } of stock.pins()) {
    for await (const block of stock.blocksOf([cid])) {
      const [place] = await stock.deltas.chain(block)
      if (place === undefined) continue
      return { ...at, next: `${pushed['glas-id']}@0.0.2`, delta: await stock.deltas.read(place) }
    }
  }
  throw new Error('no delta')
}

/** Mallory answers as she likes from now on. */
async function answerWith(
  { mallory }: Scene,
  answer: (channel: Channel, request: DeltaRequest) => Promise<void>,
): Promise<() => number> {
  const { libp2p } = (await mallory.parts.network()).peer.node
  await libp2p.unhandle(DELTAS_PROTOCOL)
  let asked = 0
  await handle(libp2p, { id: DELTAS_PROTOCOL, limits: SERVE_DELTAS_LIMITS }, recordingGuard(), async (channel) => {
    asked++
    await answer(channel, decodeDeltaRequest(await channel.readNext()))
  })
  return () => asked
}

async function send(channel: Channel, { root, ...image }: ImageDelta): Promise<void> {
  await channel.write(encodeDeltaAnswer({ kind: 'delta', file: root, ...image, deltaBytes: image.delta.length }))
  for (let sent = 0; sent < image.delta.length; sent += MAX_PIECE_BYTES) {
    await channel.write(image.delta.slice(sent, sent + MAX_PIECE_BYTES))
  }
}

async function violationsOf({ bob }: Scene, home: Scene['mallory']): Promise<Record<string, number>> {
  const { violations } = await bob.call('homeStatus', {}, bob.options)
  return violations[peerIdText(keyOf(home).publicKey)] ?? {}
}

/** One that says to unpack to half of the image, as much as any delta may, and goes on to a quarter of a gigabyte. */
function bomb({ sizeBytes }: ImageDelta, baseBytes: number): Uint8Array {
  const frame = zstdCompressSync(new Uint8Array(256 * MIB))
  const words = Math.floor(sizeBytes / 2 / 8) * 8 - 16
  return rawDelta({ baseBytes, nextBytes: sizeBytes, frame, lengths: [words, 6, 2], spans: [[0, 0, 2]] })
}

const LIES: Array<[what: string, code: string, lie: (delta: ImageDelta, baseBytes: number) => ImageDelta]> = [
  ['a delta with a byte changed', 'BadDelta', (good) => ({ ...good, delta: changed(good.delta) })],
  ['noise for a delta', 'BadDelta', (good) => ({ ...good, delta: randomBytes(good.delta.length) })],
  ['a delta of no bytes', 'BadDelta', (good) => ({ ...good, delta: new Uint8Array(0) })],
  ['a bomb', 'BadDelta', (good, baseBytes) => ({ ...good, delta: bomb(good, baseBytes) })],
  ['the leaves of another image', 'BadDelta', (good) => ({ ...good, digests: randomBytes(good.digests.length) })],
  ['a delta of an image on itself', 'BadMessage', (good) => ({ ...good, base: good.root })],
]

function changed(delta: Uint8Array): Uint8Array {
  const bytes = Buffer.from(delta)
  bytes[bytes.length >> 1] = bytes[bytes.length >> 1]! ^ 0x55
  return bytes
}

for (const [what, code, lie] of LIES) {
  test(`a member that sends ${what} is named, and the delta comes from an honest one`, async (t) => {
    const at = await twoVersions(t)
    const baseBytes = await at.bob.parts.stock.fileSize(at.delta.base)
    const asked = await answerWith(at, (channel) => send(channel, lie(at.delta, baseBytes)))
    const done = await pull(at, at.next, 'next')
    assert.is(asked(), 1)
    assert.equal(treeOf(done.directory), treeOf(at.directory))
    assert.ok(done.from.includes(peerIdText(keyOf(at.ann).publicKey)))
    assert.equal(await violationsOf(at, at.mallory), { [code]: 1 })
    assert.equal(await violationsOf(at, at.ann), {})
    assert.match(at.bob.messages.join('\n'), peerIdText(keyOf(at.mallory).publicKey))
    const shown = await at.bob.call('show', { reference: at.next, files: false }, at.bob.options)
    assert.is(shown.image[0]?.['kept-as'], 'delta')
    assert.equal((await at.bob.call('check', { repair: false }, at.bob.options)).findings, [])
  })
}

test('a delta on a base that nobody has is passed over', async (t) => {
  const at = await twoVersions(t)
  const nowhere = cidOf(DAG_PB_CODEC, randomBytes(32))
  await answerWith(at, (channel) => send(channel, { ...at.delta, base: nowhere }))
  const done = await pull(at, at.next, 'next')
  assert.equal(treeOf(done.directory), treeOf(at.directory))
  const shown = await at.bob.call('show', { reference: at.next, files: false }, at.bob.options)
  assert.is(shown.image[0]?.['kept-as'], 'delta')
})

test('a member that sends deltas without end fills no memory and stops no pull', async (t) => {
  const at = await twoVersions(t)
  let sentBytes = 0
  await answerWith(at, async (channel) => {
    const noise = randomBytes(MAX_PIECE_BYTES)
    const head = { ...at.delta, file: at.delta.root, deltaBytes: 500_000 }
    await channel.write(encodeDeltaAnswer({ kind: 'delta', ...head }))
    for (; ; sentBytes += noise.byteLength) await channel.write(noise.slice())
  })
  const done = await pull(at, at.next, 'next')
  assert.equal(treeOf(done.directory), treeOf(at.directory))
  assert.ok(sentBytes < 2 * FETCH_DELTAS_LIMITS.maxUnreadBytes, `${sentBytes} bytes were taken`)
  assert.is.not(Object.keys(await violationsOf(at, at.mallory)).length, 0)
})

test('where nobody gives a true delta the version comes as blocks, and says why', async (t) => {
  const at = await twoVersions(t)
  const network = await at.bob.parts.network()
  const { libp2p } = (await at.ann.parts.network()).peer.node
  await libp2p.unhandle(DELTAS_PROTOCOL)
  await answerWith(at, (channel) => send(channel, { ...at.delta, delta: changed(at.delta.delta) }))
  network.likelyHolders = () => [keyOf(at.ann).publicKey, keyOf(at.mallory).publicKey]
  const done = await pull(at, at.next, 'next')
  assert.equal(treeOf(done.directory), treeOf(at.directory))
  const shown = await at.bob.call('show', { reference: at.next, files: false }, at.bob.options)
  assert.is(shown.image[0]?.['kept-as'], 'blocks')
  assert.match(shown.image[0]?.reason ?? '', 'sent a delta that is none')
  assert.equal(await violationsOf(at, at.mallory), { BadDelta: 1 })
  assert.equal(await violationsOf(at, at.ann), {})
})
