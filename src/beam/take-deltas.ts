import type { CID } from 'multiformats/cid'
import { GlasError, isGlasError, toGlasError } from '../glas/errors.ts'
import { type PublicKey, peerIdText } from '../glas/keys.ts'
import type { GlasRecord } from '../glas/record.ts'
import { IMAGE_SUFFIX } from '../image/locate.ts'
import type { Network } from '../net/network.ts'
import type { Lease } from '../stock/leases.ts'
import { imagesHere } from './images-here.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'
import { fromWire } from './wire-block.ts'

/** Holders that are asked for a delta before blocks are: each costs the time that an answer takes. */
const MAX_ASKED_HOLDERS = 3
/** An image that another one stands on may be larger than the whole version, but not by much. */
const MAX_IMAGE_PER_VERSION = 2

export interface Wanted {
  cid: CID
  record: GlasRecord
  lease: Lease
  /** Brings everything below a root into the stock, as blocks. */
  fetchBelow(root: CID): Promise<Taken>
}

/** What came, and the peers that sent it. */
export interface Taken {
  bytes: number
  from: string[]
}

/**
 * Brings the image of a version into the stock as a small difference to one that is here, or that others stand on as
 * well and that is fetched first, where a holder can give that: then none of its blocks is missing any more. Whatever goes wrong is no failure: blocks are asked for as without it.
 */
export async function takeDeltas(parts: Parts, wanted: Wanted, options: CallOptions): Promise<Taken> {
  const { stock, home } = parts
  const nothing: Taken = { bytes: 0, from: [] }
  if (home.config.maxDeltaImageBytes === 0 || stock.pinReasons(wanted.cid).length > 0) return nothing
  try {
    const path = wanted.record.imageName + IMAGE_SUFFIX
    const bases = await imagesHere(parts, wanted.record, path)
    const network = await parts.network()
    await network.anyoneUp(options.signal)
    const holders = network.likelyHolders(wanted.cid).slice(0, MAX_ASKED_HOLDERS)
    const image = await imageRoot(parts, { ...wanted, network, holders, path }, options)
    // Where its root is here, blocks of it were asked for before: the rest of them is.
    if (image === undefined || (await stock.has(image))) return nothing
    return await takeFromAnyone(parts, { ...wanted, network, holders, image, bases }, options)
  } catch (error) {
    options.signal.throwIfAborted()
    if (!isGlasError(error, 'NotAllowed')) options.onMessage(toGlasError(error).message)
    return nothing
  }
}

interface Asking extends Wanted {
  network: Network
  holders: readonly PublicKey[]
}

/** The root of the image's file; undefined where the directory has none, or cannot be had. */
async function imageRoot(
  { stock }: Parts,
  { record, lease, network, holders, path }: Asking & { path: string },
  { signal }: CallOptions,
): Promise<CID | undefined> {
  const { contents } = record
  for (const holder of holders) {
    if (await stock.has(contents)) break
    try {
      for await (const answer of network.fetchBlocks(holder, [[contents]], { signal })) {
        if (answer.status === 'found') await stock.putStored(contents, fromWire(answer), { lease })
      }
    } catch {
      signal.throwIfAborted() // the same is asked for again as a block, and told then
    }
  }
  const { linkNamed } = await import('../stock/dag-read.ts')
  return linkNamed(stock, contents, path)
}

async function takeFromAnyone(
  parts: Parts,
  asking: Asking & { image: CID; bases: CID[] },
  options: CallOptions,
): Promise<Taken> {
  let reason = 'no holder was there to ask for a delta'
  for (const holder of asking.holders) {
    try {
      const taken = await takeFrom(parts, holder, asking, options)
      if (typeof taken !== 'string') return taken
      reason = taken
    } catch (error) {
      options.signal.throwIfAborted()
      reason = toGlasError(error).message
      // One that went, or knows no deltas, will be heard of when it is asked for blocks.
      if (!isGlasError(error, 'PeerUnreachable')) options.onMessage(`${peerIdText(holder)}: ${reason}`)
    }
  }
  await parts.stock.deltas.notePlain(asking.image, `it came so: ${reason}`)
  return { bytes: 0, from: [] }
}

/** What came, or why nothing did. */
async function takeFrom(
  { stock, home }: Parts,
  holder: PublicKey,
  { network, record, image, bases, lease, fetchBelow }: Asking & { image: CID; bases: CID[] },
  { signal }: CallOptions,
): Promise<Taken | string> {
  const maxImageBytes = Math.min(home.config.maxDeltaImageBytes, record.sizeBytes * MAX_IMAGE_PER_VERSION)
  const found = await network.fetchDelta(holder, { file: image, bases, takesBase: true }, { signal, maxImageBytes })
  if (typeof found === 'string') return found
  const base = found[0]?.base ?? image
  const below = await fetchBelow(base)
  if ((await stock.fileSize(base)) > maxImageBytes) return 'it stands on an image above the limit'
  for (const { file: root, ...delta } of found) {
    try {
      await stock.deltas.take({ root, ...delta }, { lease, signal })
    } catch (error) {
      throw isGlasError(error, 'BadDelta') ? reported(network, holder, error) : error
    }
  }
  const bytes = found.reduce((sum, { delta, digests }) => sum + delta.length + digests.length, below.bytes)
  return { bytes, from: [...new Set([peerIdText(holder), ...below.from])] }
}

function reported(network: Network, holder: PublicKey, cause: GlasError): GlasError {
  const peer = peerIdText(holder)
  const error = new GlasError('BadDelta', `The peer ${peer} sent a delta that is none. ${cause.message}`, {
    cause,
    data: { peer },
  })
  network.reportBad(holder, error)
  return error
}
