import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { GlasError, toGlasError } from '../../src/glas/errors.ts'
import { cidOf, DAG_CBOR_CODEC, RAW_CODEC, sha256 } from '../../src/glas/hash.ts'
import { sameBytes } from '../../src/glas/keys.ts'
import { FETCH_LIMITS, type StoredBlock } from '../../src/net/block-messages.ts'
import { type BlockFetch, type FetchedBlock, fetchBlocks } from '../../src/net/fetch-blocks.ts'
import { type BlockShelf, serveBlocks } from '../../src/net/serve-blocks.ts'
import { type TestContext, test } from '../harness.ts'
import { codeOf, connectedNodes, type LoopbackNode, recordingGuard, until } from '../loopback.ts'

const MEBIBYTE = 1024 * 1024

class MemoryShelf implements BlockShelf {
  readonly blocks = new Map<string, StoredBlock>()
  readonly private = new Set<string>()
  lookups = 0

  add(bytes: Uint8Array, codec: 'raw' | 'zstd' = 'raw'): CID {
    const cid = cidOf(RAW_CODEC, bytes)
    const stored = codec === 'raw' ? bytes : zstdCompressSync(bytes)
    this.blocks.set(cid.toString(), { codec, rawLength: bytes.byteLength, bytes: stored })
    return cid
  }

  async stored(cid: CID): Promise<StoredBlock | undefined> {
    this.lookups += 1
    return this.blocks.get(cid.toString())
  }

  mayServe(_peerKey: Uint8Array, cid: CID): boolean {
    return !this.private.has(cid.toString())
  }
}

async function pair(t: TestContext, shelf: BlockShelf) {
  const [puller, holder] = (await connectedNodes(t)) as [LoopbackNode, LoopbackNode]
  const guard = recordingGuard()
  const stop = await serveBlocks(holder.libp2p, shelf, guard)
  const violations: string[] = []
  const onViolation = (_peer: Uint8Array, error: GlasError) => void violations.push(error.code)
  const fetch = (batches: AsyncIterable<CID[]> | Iterable<CID[]>, signal?: AbortSignal) =>
    fetchBlocks(puller.libp2p, holder.keyPair.publicKey, batches, signal ? { signal, onViolation } : { onViolation })
  return { puller, holder, guard, fetch, violations, stop }
}

async function all(fetch: BlockFetch): Promise<FetchedBlock[]> {
  const blocks: FetchedBlock[] = []
  for await (const block of fetch) blocks.push(block)
  return blocks
}

test('found, absent, refused and unreadable blocks are answered in the order of the asking', async (t) => {
  const shelf = new MemoryShelf()
  const raw = shelf.add(randomBytes(1000))
  const zeros = shelf.add(new Uint8Array(2 * MEBIBYTE), 'zstd')
  const empty = shelf.add(new Uint8Array())
  const hidden = shelf.add(randomBytes(10))
  shelf.private.add(hidden.toString())
  const absent = cidOf(DAG_CBOR_CODEC, randomBytes(10))
  const broken = cidOf(RAW_CODEC, randomBytes(10))
  const stored = async (cid: CID) => {
    if (cid.equals(broken)) throw new GlasError('BadPack', 'The pack 3 cannot be read.')
    return shelf.stored(cid)
  }
  const { fetch, guard } = await pair(t, { stored, mayServe: (peer, cid) => shelf.mayServe(peer, cid) })
  const [a, b, c, d, e, f] = await all(fetch([[raw, zeros, hidden], [], [absent, broken, empty]]))
  assert.ok(a?.status === 'found' && a.codec === 'raw' && sameBytes(sha256(a.bytes), raw.multihash.digest))
  assert.ok(b?.status === 'found' && b.codec === 'zstd' && b.rawLength === 2 * MEBIBYTE)
  assert.is(zstdDecompressSync(b.bytes).byteLength, 2 * MEBIBYTE)
  assert.equal([c?.status, d?.status, e?.status, f?.status], ['refused', 'missing', 'failed', 'found'])
  assert.equal(guard.failures, ['BadPack'])
  assert.equal(guard.violations, [])
})

test('a refused block is not even looked up, held or not', async (t) => {
  const shelf = new MemoryShelf()
  const held = shelf.add(randomBytes(10))
  const notHeld = cidOf(RAW_CODEC, randomBytes(10))
  const { fetch } = await pair(t, { stored: (cid) => shelf.stored(cid), mayServe: () => false })
  assert.equal(
    (await all(fetch([[held, notHeld]]))).map(({ status }) => status),
    ['refused', 'refused'],
  )
  assert.is(shelf.lookups, 0)
})

test('ten thousand small blocks come in one fetch, however the batches are cut', async (t) => {
  const shelf = new MemoryShelf()
  const cids = Array.from({ length: 10_000 }, (_, i) => shelf.add(new TextEncoder().encode(`block ${i}`)))
  const { fetch } = await pair(t, shelf)
  const blocks = await all(fetch([cids.slice(0, 7000), cids.slice(7000, 7001), cids.slice(7001)]))
  assert.equal(
    blocks.map(({ cid }) => cid.toString()),
    cids.map(String),
  )
})

test('batches may wait for what was fetched: a chain of blocks, each naming the next', async (t) => {
  const shelf = new MemoryShelf()
  let head = shelf.add(new Uint8Array())
  for (let i = 0; i < 300; i++) head = shelf.add(new TextEncoder().encode(head.toString()))
  const { fetch } = await pair(t, shelf)
  const queue = [head]
  let wake = Promise.withResolvers<void>()
  async function* walk() {
    for (let asked = 0; asked < 301; asked++) {
      while (queue.length === 0) await wake.promise
      yield queue.splice(0)
    }
  }
  let fetched = 0
  for await (const block of fetch(walk())) {
    fetched += 1
    if (block.status !== 'found' || block.bytes.byteLength === 0) continue
    const { CID } = await import('multiformats/cid')
    queue.push(CID.parse(new TextDecoder().decode(block.bytes)))
    wake.resolve()
    wake = Promise.withResolvers()
  }
  assert.is(fetched, 301)
})

test('a puller that stops taking does not make the holder read on beyond the window', async (t) => {
  const shelf = new MemoryShelf()
  const cid = shelf.add(randomBytes(MEBIBYTE))
  const { fetch, holder } = await pair(t, shelf)
  let taken = 0
  for await (const _ of fetch([Array(500).fill(cid)])) {
    taken += 1
    if (taken === 100) {
      await sleep(500)
      break
    }
  }
  const ahead = (shelf.lookups - taken) * MEBIBYTE
  const window = FETCH_LIMITS.maxUnreadBytes + 3 * MEBIBYTE
  assert.ok(ahead < window, `the holder was ${ahead} bytes ahead of the puller`)
  await until(() => holder.libp2p.getConnections()[0]?.streams.length === 0)
})

test('a block that the puller finds to be wrong ends the fetch and is reported once', async (t) => {
  const shelf = new MemoryShelf()
  const cids = [randomBytes(9), randomBytes(9)].map((bytes) => shelf.add(bytes))
  const { fetch, violations } = await pair(t, shelf)
  const running = fetch([cids])
  const error = await (async () => {
    for await (const block of running) running.reportBad(block.cid)
  })().catch(toGlasError)
  assert.is((error as GlasError).code, 'BlockMismatch')
  assert.equal((error as GlasError).data.cid, cids[0]?.toString())
  assert.equal(violations, ['BlockMismatch'])
})

test('what the batches throw is thrown by the fetch, and is no fault of the peer', async (t) => {
  const shelf = new MemoryShelf()
  const cid = shelf.add(randomBytes(9))
  const { fetch, violations } = await pair(t, shelf)
  async function* failing() {
    yield [cid]
    throw new GlasError('LimitExceeded', 'The contents are larger than the record says.')
  }
  assert.is(await codeOf(all(fetch(failing()))), 'LimitExceeded')
  assert.equal(violations, [])
})

test('a signal ends a fetch, and so does the end of the holder', async (t) => {
  const shelf = new MemoryShelf()
  const cid = shelf.add(randomBytes(9))
  const { fetch, holder, violations } = await pair(t, shelf)
  const controller = new AbortController()
  async function* slow() {
    yield [cid]
    await new Promise(() => undefined)
  }
  const interrupted = codeOf(all(fetch(slow(), controller.signal)))
  await until(() => shelf.lookups === 1)
  controller.abort()
  assert.is(await interrupted, 'Interrupted')
  const timed = codeOf(all(fetch(slow(), AbortSignal.timeout(100))))
  assert.is(await timed, 'TimedOut')
  const orphaned = codeOf(all(fetch(slow())))
  await until(() => shelf.lookups === 3)
  await holder.libp2p.stop()
  assert.is(await orphaned, 'PeerUnreachable')
  assert.is(await codeOf(all(fetch([[cid]]))), 'PeerUnreachable')
  assert.equal(violations, [])
})

test('several fetches from one holder at once do not disturb each other', async (t) => {
  const shelf = new MemoryShelf()
  const cids = Array.from({ length: 20 }, () => shelf.add(randomBytes(MEBIBYTE)))
  const { fetch } = await pair(t, shelf)
  const results = await Promise.all([1, 2, 3].map(() => all(fetch([cids]))))
  for (const blocks of results) assert.is(blocks.filter(({ status }) => status === 'found').length, 20)
})
