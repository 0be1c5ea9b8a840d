import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { decode, encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { GlasError, toGlasError } from '../../src/glas/errors.ts'
import { cidOf, DAG_CBOR_CODEC, RAW_CODEC, sha256 } from '../../src/glas/hash.ts'
import { newKeyPair, type PublicKey, sameBytes } from '../../src/glas/keys.ts'
import type { StoredBlock } from '../../src/net/block-messages.ts'
import { decodeClaim, signClaim } from '../../src/net/claim.ts'
import { fetchBlocks } from '../../src/net/fetch-blocks.ts'
import type { HoldOptions } from '../../src/net/hold.ts'
import {
  encodeHolderAnswer,
  encodeHolderRequest,
  HOLDERS_LIMITS,
  HOLDERS_PROTOCOL,
  PROGRESS_INTERVAL_MS,
} from '../../src/net/holder-messages.ts'
import { type HolderShelf, Holders } from '../../src/net/holders.ts'
import { RebuildBudget } from '../../src/net/rebuild-budget.ts'
import { serveBlocks } from '../../src/net/serve-blocks.ts'
import { handle, open, type StreamNode } from '../../src/net/streams.ts'
import { damaged } from '../damage.ts'
import { seededRandom } from '../gen/random.ts'
import { type TestContext, test } from '../harness.ts'
import { codeOf, connectedNodes, type LoopbackNode, recordingGuard, until } from '../loopback.ts'

const PROTOCOL = { id: HOLDERS_PROTOCOL, limits: HOLDERS_LIMITS }

/** A stock in memory: records are dag-cbor blocks that link to raw leaves. */
class MemoryShelf implements HolderShelf {
  readonly blocks = new Map<string, Uint8Array>()
  rule: GlasError | undefined
  pauseMs = 0
  readonly #libp2p: StreamNode

  constructor(libp2p: StreamNode) {
    this.#libp2p = libp2p
  }

  put(codec: number, bytes: Uint8Array): CID {
    const cid = cidOf(codec, bytes)
    this.blocks.set(cid.toString(), bytes)
    return cid
  }

  addRecord(leaves = 20): CID {
    const links = Array.from({ length: leaves }, () => this.put(RAW_CODEC, randomBytes(1000)))
    return this.put(DAG_CBOR_CODEC, encode({ links }))
  }

  linksOf(cid: CID, bytes: Uint8Array): CID[] {
    return cid.code === DAG_CBOR_CODEC ? (decode(bytes) as { links: CID[] }).links : []
  }

  async block(cid: CID): Promise<Uint8Array | undefined> {
    return this.blocks.get(cid.toString())
  }

  async stored(cid: CID): Promise<StoredBlock | undefined> {
    const bytes = this.blocks.get(cid.toString())
    return bytes && { codec: 'raw', rawLength: bytes.byteLength, bytes }
  }

  async unpack(cid: CID, { bytes }: StoredBlock): Promise<Uint8Array> {
    if (!sameBytes(sha256(bytes), cid.multihash.digest)) throw new GlasError('BlockMismatch', `Wrong bytes for ${cid}.`)
    return bytes
  }

  async held(): Promise<CID[]> {
    return [...this.blocks.keys()].map((text) => CID.parse(text)).filter(({ code }) => code === DAG_CBOR_CODEC)
  }

  async sample(record: CID, count: number): Promise<CID[]> {
    const bytes = await this.block(record)
    return bytes === undefined ? [] : this.linksOf(record, bytes).slice(0, count)
  }

  async hold(record: CID, from: PublicKey, options: Required<HoldOptions>): Promise<void> {
    if (this.rule !== undefined) throw this.rule
    await sleep(this.pauseMs, undefined, { signal: options.signal })
    const wants = [record]
    for (let done = 0; wants.length > 0; done++) {
      for await (const block of fetchBlocks(this.#libp2p, from, [wants.splice(0)], options)) {
        if (block.status !== 'found') throw new GlasError('BlockMissing', `${block.cid} is not there.`)
        wants.push(...this.linksOf(block.cid, await this.unpack(block.cid, block)))
        this.put(block.cid.code, block.bytes)
      }
      options.onProgress(done, done + wants.length)
    }
  }
}

interface Member extends LoopbackNode {
  holders: Holders
  shelf: MemoryShelf
  guard: ReturnType<typeof recordingGuard>
  published: Uint8Array[]
}

async function memberOn(t: TestContext, node: LoopbackNode, strangers: LoopbackNode[] = []): Promise<Member> {
  const shelf = new MemoryShelf(node.libp2p)
  const guard = recordingGuard(strangers)
  const published: Uint8Array[] = []
  const publish = async (claim: Uint8Array) => published.push(claim)
  const isMember = guard.allow
  const { libp2p, keyPair: key } = node
  const rebuilds = new RebuildBudget(async () => 0)
  const holders = new Holders({ libp2p, key, guard, shelf, rebuilds, isMember, publish })
  await holders.start()
  await serveBlocks(libp2p, { stored: (cid) => shelf.stored(cid), mayServe: (peer) => isMember(peer) }, guard)
  t.after(() => holders.stop())
  return { ...node, holders, shelf, guard, published }
}

async function pair(t: TestContext): Promise<[Member, Member]> {
  const nodes = await connectedNodes(t)
  return [await memberOn(t, nodes[0]!), await memberOn(t, nodes[1]!)]
}

const copyRecord = (from: Member, to: Member) => {
  for (const [cid, bytes] of from.shelf.blocks) to.shelf.blocks.set(cid, bytes)
}

test('a member that comes tells what it holds, and counts when it has proved it', async (t) => {
  const [a, b] = await pair(t)
  const record = a.shelf.addRecord()
  copyRecord(a, b)
  await a.holders.memberUp(b.keyPair.publicKey)
  assert.equal(
    a.holders.holders(record).map(({ proved }) => proved),
    [false],
  )
  assert.is(a.holders.copies(record), 0)
  assert.is(await a.holders.prove(record), 1)
  const [holder] = a.holders.holders(record)
  assert.ok(holder?.proved && sameBytes(holder.peerKey, b.keyPair.publicKey) && holder.lastSeenMs < 1000)
  assert.equal([...a.guard.violations, ...b.guard.violations], [])
})

test('whoever has nothing of a record has it proved by a path that the holder must send', async (t) => {
  const [a, b] = await pair(t)
  const record = b.shelf.addRecord()
  assert.ok(await a.holders.challenge(b.keyPair.publicKey, record))
  assert.is(a.holders.copies(record), 1)
  assert.is(a.shelf.blocks.size, 0)
})

test('a peer that lacks a block, or has other bytes for it, does not count', async (t) => {
  const [a, b] = await pair(t)
  const record = a.shelf.addRecord()
  copyRecord(a, b)
  await a.holders.memberUp(b.keyPair.publicKey)
  const [leaf] = (await a.shelf.sample(record, 1)) as [CID]
  b.shelf.blocks.delete(leaf.toString())
  assert.not(await a.holders.challenge(b.keyPair.publicKey, record))
  assert.equal(a.holders.holders(record), [])
  assert.equal(a.guard.violations, [])
  b.shelf.blocks.set(leaf.toString(), randomBytes(1000))
  await a.holders.memberUp(b.keyPair.publicKey)
  assert.is(await codeOf(a.holders.challenge(b.keyPair.publicKey, record)), 'BlockMismatch')
  assert.is(await a.holders.prove(record), 0)
  assert.is(a.guard.violations[0], 'BlockMismatch')
})

test('wrong bytes on the path of a record that we have not are found out too', async (t) => {
  const [a, b] = await pair(t)
  const record = b.shelf.addRecord(1)
  const [leaf] = (await b.shelf.sample(record, 1)) as [CID]
  b.shelf.blocks.set(leaf.toString(), randomBytes(1000))
  assert.is(await codeOf(a.holders.challenge(b.keyPair.publicKey, record)), 'BlockMismatch')
  b.shelf.blocks.delete(leaf.toString())
  assert.not(await a.holders.challenge(b.keyPair.publicKey, record))
  assert.is(a.holders.copies(record), 0)
})

test('claims spread by gossip: news is forwarded, what is known, foreign or our own is dropped', async (t) => {
  const [a, b] = await pair(t)
  const record = b.shelf.addRecord()
  await b.holders.announce([record])
  const [news] = b.published as [Uint8Array]
  assert.is(await a.holders.receiveClaim(news), 'forward')
  assert.is(await a.holders.receiveClaim(news), 'drop')
  assert.is(a.holders.holders(record).length, 1)
  assert.is(await b.holders.receiveClaim(news), 'drop')
  await b.holders.announce([], [record])
  assert.is(await a.holders.receiveClaim(b.published[1]!), 'forward')
  assert.equal(a.holders.holders(record), [])
  const forged = Uint8Array.from(news)
  forged[forged.byteLength - 1]! ^= 1
  assert.is(await codeOf(a.holders.receiveClaim(forged)), 'BadSignature')
})

test('a claim of a peer that is no member is not listened to', async (t) => {
  const nodes = await connectedNodes(t)
  const stranger = { libp2p: nodes[1]!.libp2p, keyPair: newKeyPair() }
  const a = await memberOn(t, nodes[0]!, [stranger])
  const record = a.shelf.addRecord()
  const body = { peer: stranger.keyPair.publicKey, sequence: 1, held: [record], dropped: [] }
  assert.is(await a.holders.receiveClaim(signClaim(body, stranger.keyPair).bytes), 'drop')
  assert.equal(a.holders.holders(record), [])
})

test('a peer that is asked to hold a record pulls it over the connection that is there, claims it, and can prove it', async (t) => {
  for (const dialled of [false, true]) {
    const members = await pair(t)
    const [a, b] = dialled ? ([members[1], members[0]] as const) : members
    const record = a.shelf.addRecord()
    const progress: number[] = []
    b.shelf.pauseMs = dialled ? 0 : PROGRESS_INTERVAL_MS + 200
    await a.holders.askToHold(b.keyPair.publicKey, record, { onProgress: (doneBytes) => progress.push(doneBytes) })
    assert.is(progress.length, dialled ? 0 : 1)
    assert.is(b.shelf.blocks.size, a.shelf.blocks.size)
    assert.equal(
      a.holders.holders(record).map(({ proved }) => proved),
      [false],
    )
    assert.ok(await a.holders.challenge(b.keyPair.publicKey, record))
    assert.is(a.holders.copies(record), 1)
    assert.equal(decodeClaim(b.published[0]!).body.held.map(String), [record.toString()])
    assert.is(a.libp2p.getConnections().length, 1)
  }
})

test('what the asked peer says against holding is told with its code', async (t) => {
  const [a, b] = await pair(t)
  const record = a.shelf.addRecord()
  b.shelf.rule = new GlasError('LimitExceeded', 'The quota of 10 GB is used up.')
  const error = (await a.holders.askToHold(b.keyPair.publicKey, record).catch(toGlasError)) as GlasError
  assert.is(error.code, 'LimitExceeded')
  assert.is(error.data.remote, true)
  assert.match(error.message, 'quota of 10 GB')
  assert.equal([...a.guard.violations, ...b.guard.violations, ...b.guard.failures], [])
  b.shelf.rule = new GlasError('DiskFull', 'The disk is full.')
  assert.is(await codeOf(a.holders.askToHold(b.keyPair.publicKey, record)), 'DiskFull')
  assert.equal(b.guard.failures, ['DiskFull'])
})

test('an asker that goes away ends the pull, and a peer that goes away ends the asking', async (t) => {
  const [a, b] = await pair(t)
  const record = a.shelf.addRecord()
  b.shelf.pauseMs = 60_000
  const timed = codeOf(a.holders.askToHold(b.keyPair.publicKey, record, { signal: AbortSignal.timeout(100) }))
  assert.is(await timed, 'TimedOut')
  await until(() => b.libp2p.getConnections()[0]?.streams.length === 0)
  const orphaned = codeOf(a.holders.askToHold(b.keyPair.publicKey, record))
  await until(() => b.libp2p.getConnections()[0]?.streams.length === 1)
  await b.libp2p.stop()
  assert.is(await orphaned, 'PeerUnreachable')
  assert.equal(a.guard.violations, [])
})

test('no more versions are fetched for others at once than a home can stand', async (t) => {
  const [a, b] = await pair(t)
  const records = Array.from({ length: 5 }, () => a.shelf.addRecord(1))
  b.shelf.pauseMs = 300
  const codes = await Promise.all(records.map((record) => codeOf(a.holders.askToHold(b.keyPair.publicKey, record))))
  assert.equal(codes.sort(), ['LimitExceeded', 'none', 'none', 'none', 'none'])
  assert.equal([...a.guard.violations, ...b.guard.violations], [])
})

test('a stranger learns nothing', async (t) => {
  const [stranger, node] = (await connectedNodes(t)) as [LoopbackNode, LoopbackNode]
  const member = await memberOn(t, node, [stranger])
  const record = member.shelf.addRecord()
  const nonce = new Uint8Array(32)
  for (const request of [
    encodeHolderRequest({ kind: 'claims' }),
    encodeHolderRequest({ kind: 'hold', record }),
    encodeHolderRequest({ kind: 'challenge', record, nonce, blocks: [record] }),
  ]) {
    const channel = await open(stranger.libp2p, node.keyPair.publicKey, PROTOCOL)
    await channel.write(request).catch(() => undefined)
    assert.is(await codeOf(channel.read()), 'NotAllowed')
  }
})

test('a member that lies about itself or answers something else is found out', async (t) => {
  const [honest, liar] = (await connectedNodes(t)) as [LoopbackNode, LoopbackNode]
  const a = await memberOn(t, honest)
  const record = a.shelf.addRecord()
  let answer: Uint8Array = new Uint8Array()
  await handle(liar.libp2p, PROTOCOL, recordingGuard(), async (channel) => {
    await channel.readNext()
    await channel.write(answer)
  })
  const other = newKeyPair()
  const body = { peer: other.publicKey, sequence: 1, held: [record], dropped: [] }
  answer = encodeHolderAnswer({ kind: 'claim', claim: signClaim(body, other).bytes })
  await a.holders.memberUp(liar.keyPair.publicKey)
  assert.is(await codeOf(a.holders.askToHold(liar.keyPair.publicKey, record)), 'BadMessage')
  answer = encodeHolderAnswer({ kind: 'hashes', hashes: Array(16).fill(new Uint8Array(32)) })
  assert.is(await codeOf(a.holders.challenge(liar.keyPair.publicKey, record)), 'BlockMismatch')
  answer = encodeHolderAnswer({ kind: 'hashes', hashes: [] })
  assert.is(await codeOf(a.holders.challenge(liar.keyPair.publicKey, record)), 'BadMessage')
  answer = encodeHolderAnswer({ kind: 'progress', doneBytes: 1, totalBytes: 1 })
  assert.is(await codeOf(a.holders.askToHold(liar.keyPair.publicKey, record)), 'PeerUnreachable')
  assert.equal(a.holders.holders(record), [])
  assert.equal(a.guard.violations, ['BadMessage', 'BadMessage', 'BlockMismatch', 'BadMessage'])
})

test('five hundred streams of seeded noise leave a member as it was', async (t) => {
  const [a, b] = await pair(t)
  const record = b.shelf.addRecord()
  const random = seededRandom(5)
  const request = encodeHolderRequest({
    kind: 'challenge',
    record,
    nonce: new Uint8Array(32),
    blocks: [record, record],
  })
  for (let i = 0; i < 500; i++) {
    const channel = await open(a.libp2p, b.keyPair.publicKey, PROTOCOL)
    await channel.write(damaged(request, random)).catch(() => undefined)
    await channel.read().catch(() => undefined)
    channel.abort(new GlasError('Interrupted', 'Enough.'))
  }
  assert.ok(b.guard.violations.length > 300)
  assert.equal(b.guard.failures, [])
  await until(() => b.libp2p.getConnections()[0]?.streams.length === 0)
  assert.ok(await a.holders.challenge(b.keyPair.publicKey, record))
})
