import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { type Entry, signEntry, type VersionEntry } from '../../src/glas/entry.ts'
import { peerIdText } from '../../src/glas/keys.ts'
import { BLOCKS_PROTOCOL, FETCH_LIMITS, SERVE_LIMITS } from '../../src/net/block-messages.ts'
import { handle } from '../../src/net/streams.ts'
import { CODEC_RAW, CODEC_ZSTD, type StoredBlock } from '../../src/stock/codec.ts'
import { treeOf } from '../cli/process.ts'
import { test } from '../harness.ts'
import { type OpenHome, plainPush } from '../home-parts.ts'
import { recordingGuard, until } from '../loopback.ts'
import { keyOf, pull, type Scene, scene } from './three-members.ts'

/** bob asks mallory before he asks ann. */
async function askTheLiarFirst({ bob, ann, mallory }: Scene): Promise<void> {
  const network = await bob.parts.network()
  network.likelyHolders = () => [keyOf(mallory).publicKey, keyOf(ann).publicKey]
}

async function violationsOf({ bob }: Scene, liar: OpenHome): Promise<Record<string, number>> {
  const { violations } = await bob.call('homeStatus', {}, bob.options)
  return violations[peerIdText(keyOf(liar).publicKey)] ?? {}
}

const LIES: Record<string, (good: StoredBlock) => StoredBlock> = {
  'other bytes': ({ rawLength }) => ({ codec: CODEC_RAW, rawLength, stored: randomBytes(rawLength) }),
  'an empty block': () => ({ codec: CODEC_RAW, rawLength: 0, stored: new Uint8Array(0) }),
  'compressed garbage': () => ({ codec: CODEC_ZSTD, rawLength: 60_000, stored: randomBytes(500) }),
}

for (const [what, lie] of Object.entries(LIES)) {
  test(`a member that sends ${what} for blocks is named, and the version comes from an honest one`, async (t) => {
    const at = await scene(t)
    at.mallory.parts.stock.getStored = async (cid: CID) => lie(await at.ann.parts.stock.getStored(cid))
    await askTheLiarFirst(at)
    const done = await pull(at, at.reference)
    assert.equal(treeOf(done.directory), treeOf(at.directory))
    assert.equal(done.from, [peerIdText(keyOf(at.ann).publicKey)])
    const { BlockMismatch = 0 } = await violationsOf(at, at.mallory)
    assert.ok(BlockMismatch >= 2, 'once for the record, once for the contents')
    assert.match(at.bob.messages.join('\n'), peerIdText(keyOf(at.mallory).publicKey))
    assert.equal((await at.bob.call('check', { repair: false }, at.bob.options)).findings, [])
  })
}

test('a member that lies about one block in ten costs the pull that member, not its end', async (t) => {
  const at = await scene(t)
  let asked = 0
  at.mallory.parts.stock.getStored = async (cid: CID) => {
    const good = await at.ann.parts.stock.getStored(cid)
    return ++asked % 10 === 0 ? { ...good, codec: CODEC_RAW, stored: randomBytes(good.rawLength) } : good
  }
  await askTheLiarFirst(at)
  const done = await pull(at, at.reference)
  assert.equal(treeOf(done.directory), treeOf(at.directory))
  assert.is(done.from.length, 2)
  assert.equal(await violationsOf(at, at.mallory), { BlockMismatch: 1 })
})

test('a member that lies when blocks are repaired is named, and an honest one repairs them', async (t) => {
  const at = await scene(t)
  await pull(at, at.reference)
  const { bob } = at
  for (const name of readdirSync(join(bob.parts.stock.folder, 'packs'))) {
    const pack = join(bob.parts.stock.folder, 'packs', name)
    const bytes = readFileSync(pack)
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
    writeFileSync(pack, bytes)
  }
  at.mallory.parts.stock.getStored = async (wanted: CID) => {
    const { rawLength } = await at.ann.parts.stock.getStored(wanted)
    return { codec: CODEC_RAW, rawLength, stored: randomBytes(rawLength) }
  }
  const network = await bob.parts.network()
  network.membersUp = () => [keyOf(at.mallory).publicKey, keyOf(at.ann).publicKey]
  const mended = await bob.call('check', { repair: true }, bob.options)
  assert.is(mended.repaired, 1)
  assert.equal(mended.findings, [])
  assert.equal(await violationsOf(at, at.mallory), { BlockMismatch: 1 })
})

test('a member that sends without end fills no memory and stops no pull', async (t) => {
  const at = await scene(t)
  const { libp2p } = (await at.mallory.parts.network()).peer.node
  await libp2p.unhandle(BLOCKS_PROTOCOL)
  let sentBytes = 0
  await handle(libp2p, { id: BLOCKS_PROTOCOL, limits: SERVE_LIMITS }, recordingGuard(), async (channel) => {
    const noise = randomBytes(FETCH_LIMITS.maxMessageBytes)
    for (; ; sentBytes += noise.byteLength) await channel.write(noise)
  })
  await askTheLiarFirst(at)
  const done = await pull(at, at.reference)
  assert.equal(treeOf(done.directory), treeOf(at.directory))
  assert.ok(sentBytes < 4 * FETCH_LIMITS.maxUnreadBytes, `${sentBytes} bytes were taken`)
  assert.is.not(Object.keys(await violationsOf(at, at.mallory)).length, 0)
})

/** A version entry for somebody else's glas, under a grant that says nothing of it. */
function claimFor(at: Scene, victim: Entry<VersionEntry>, grant: VersionEntry['grant']): Entry<VersionEntry> {
  const { body } = victim
  const stolen = { ...body, version: [9, 9, 9] as const, sequence: 99, writer: keyOf(at.mallory).publicKey, grant }
  return signEntry<VersionEntry>(stolen as unknown as VersionEntry, keyOf(at.mallory))
}

test('forged entries, and entries for the glas of somebody else, change no name and are counted', async (t) => {
  const at = await scene(t)
  await at.mallory.call('push', plainPush(at.directory), { ...at.mallory.options }).catch(() => {})
  const entries = [...at.bob.parts.index.set.entries()]
  const victim = entries.find(({ body }) => body.kind === 'version') as Entry<VersionEntry>
  const ownGrant = [...at.mallory.parts.index.set.entries()].find(({ body }) => {
    return body.kind === 'grant' && Buffer.compare(body.owner, at.mallory.parts.home.owner.publicKey) === 0
  })
  const flipped = victim.bytes.slice()
  flipped[flipped.length - 5] = (flipped[flipped.length - 5] ?? 0) ^ 1
  const network = await at.mallory.parts.network()
  const before = await at.bob.call('log', { reference: at.reference }, at.bob.options)
  const stolen = claimFor(at, victim, ownGrant?.id ?? victim.body.grant)
  const borrowed = claimFor(at, victim, victim.body.grant)
  for (const bytes of [flipped, randomBytes(300), randomBytes(3_000), stolen.bytes, borrowed.bytes]) {
    await network.announce(bytes)
  }
  const counted = async () => Object.keys(await violationsOf(at, at.mallory)).length > 0
  let isCounted = false
  const timer = setInterval(() => void counted().then((yes) => (isCounted ||= yes)), 20)
  await until(() => isCounted).finally(() => clearInterval(timer))
  await network.catchUp(keyOf(at.bob).publicKey, t.signal)
  assert.equal(await at.bob.call('log', { reference: at.reference }, at.bob.options), before)
  const { refused } = await at.bob.call('homeStatus', {}, at.bob.options)
  assert.ok((refused.BadEntry ?? 0) + (refused.BadSignature ?? 0) > 0, JSON.stringify(refused))
  const done = await pull(at, at.reference)
  assert.equal(treeOf(done.directory), treeOf(at.directory))
})
