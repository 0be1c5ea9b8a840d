import type { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import { type PublicKey, peerIdText } from '../glas/keys.ts'
import { decodeRecord, type GlasRecord } from '../glas/record.ts'
import { compareVersions } from '../glas/version.ts'
import type { BlockFetch } from '../net/fetch-blocks.ts'
import type { Network } from '../net/network.ts'
import type { Lease } from '../stock/leases.ts'
import { gather } from './gather.ts'
import { isLie, mayTryAnother, noProviders } from './holder-errors.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'
import { takeDeltas } from './take-deltas.ts'
import { fromWire } from './wire-block.ts'

/** Nodes of the DAG and the attributes, on top of the contents that the record announces: generous, yet a bound. */
const EXTRA_BYTES_FACTOR = 1.25
const EXTRA_BYTES = 256 * 1024 * 1024

export interface Fetched {
  record: GlasRecord
  /** Bytes of blocks that came over the network, and of those that were here already. */
  fetchedBytes: number
  /** Ids of the peers that sent some. */
  from: string[]
}

/**
 * Brings everything that a record names into the stock, from whoever has it, and pins it. What is here is not asked
 * for; going on after a break is asking for the rest. Throws NoProviders naming who was asked.
 */
export async function fetchVersion(
  parts: Parts,
  { record: cid, glasId }: { record: CID; glasId: string },
  reason: string,
  options: CallOptions,
): Promise<Fetched> {
  const lease = parts.stock.lease()
  try {
    const record = await fetchRecordUnder(parts, cid, lease, options)
    if (record.glasId !== glasId) throw new GlasError('BadRecord', `The record ${cid} belongs to another glas.`)
    requireAgreement(parts, cid, record)
    const maxBytes = Math.ceil(record.sizeBytes * EXTRA_BYTES_FACTOR) + EXTRA_BYTES
    const fetchBelow = async (root: CID) => {
      const wants = parts.stock.wants([root], { lease, maxBytes, signal: options.signal })
      const from = (await wants.isDone())
        ? []
        : await gather(parts, { cid, wants, totalBytes: record.sizeBytes }, options)
      return { bytes: wants.counts.arrivedBytes, from }
    }
    const deltas = await takeDeltas(parts, { cid, record, lease, fetchBelow }, options)
    const blocks = await fetchBelow(cid)
    await parts.stock.pin(cid, reason)
    await parts.stock.commit()
    const from = [...new Set([...deltas.from, ...blocks.from])]
    return { record, fetchedBytes: deltas.bytes + blocks.bytes, from }
  } catch (error) {
    await parts.stock.commit().catch(() => {}) // what did arrive need not come again; what failed is what is told
    throw error
  } finally {
    lease.release()
  }
}

/** Quotas and lists go by the entry, placing by the record: a writer that says two things is not believed. */
function requireAgreement({ index }: Parts, cid: CID, { glasId, version, imageName, sizeBytes }: GlasRecord): void {
  const said = index.view.glas(glasId)?.byRecord(cid)?.entry.body
  if (said === undefined) return
  const agrees = compareVersions(said.version, version) === 0 && said.imageName === imageName
  if (agrees && said.sizeBytes === sizeBytes) return
  throw new GlasError('BadRecord', `The record ${cid} says something else than the entry that names it.`, {
    data: { record: String(cid) },
  })
}

/** The record alone, from here or from whoever has it; it stays here only if something is pinned that needs it. */
export async function fetchRecord(parts: Parts, cid: CID, options: CallOptions): Promise<GlasRecord> {
  const lease = parts.stock.lease()
  try {
    return await fetchRecordUnder(parts, cid, lease, options)
  } finally {
    lease.release()
  }
}

async function fetchRecordUnder(parts: Parts, cid: CID, lease: Lease, options: CallOptions): Promise<GlasRecord> {
  if (await parts.stock.has(cid)) return decodeRecord(await parts.stock.get(cid))
  const network = await parts.network()
  for await (const peer of holdersInTurn(network, cid, options.signal)) {
    const found = await unlessItFails(peer, () => recordFrom(parts, network, { cid, peer, lease }, options), options)
    if (found === true) return decodeRecord(await parts.stock.get(cid))
  }
  throw noProviders(cid, network)
}

/** Whether the peer had it. */
async function recordFrom(
  parts: Parts,
  network: Network,
  { cid, peer, lease }: { cid: CID; peer: PublicKey; lease: Lease },
  { signal }: CallOptions,
): Promise<boolean> {
  const fetch = network.fetchBlocks(peer, [[cid]], { signal })
  for await (const answer of fetch) {
    if (answer.status !== 'found') continue
    await orReport(fetch, cid, () => parts.stock.putStored(cid, fromWire(answer), { lease }))
    return true
  }
  return false
}

/** A holder that sends something else than what the hash says is remembered for it. */
export async function orReport<Value>(fetch: BlockFetch, cid: CID, take: () => Promise<Value>): Promise<Value> {
  try {
    return await take()
  } catch (error) {
    throw isLie(error) ? fetch.reportBad(cid) : error
  }
}

/** What is wrong with one holder is told, and no reason not to ask the next one. */
async function unlessItFails<Value>(
  peer: PublicKey,
  ask: () => Promise<Value>,
  options: CallOptions,
): Promise<Value | undefined> {
  try {
    return await ask()
  } catch (error) {
    options.signal.throwIfAborted()
    if (!mayTryAnother(error)) throw error
    options.onMessage(`${peerIdText(peer)}: ${(error as Error).message}`)
    return undefined
  }
}

/** Members to ask: those that are up at once, the likeliest first, and then those that come while others are reached. */
async function* holdersInTurn(network: Network, record: CID, signal: AbortSignal): AsyncGenerator<PublicKey> {
  const asked = new Set<string>()
  // Each wait begins when its turn comes: nobody would meet the failure of one that is left behind.
  for (const wait of [() => network.anyoneUp(signal), () => network.settled(signal)]) {
    await wait()
    for (const peerKey of network.likelyHolders(record)) {
      const peer = peerIdText(peerKey)
      if (asked.has(peer)) continue
      asked.add(peer)
      yield peerKey
    }
  }
}
