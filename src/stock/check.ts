/**
 * Reads everything again: are the blocks what their names say, are the pinned versions whole? And repairs, from whoever
 * has good copies. Damage is what this looks for, so it is reported and not thrown.
 */
import type { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import type { Blocks } from './blocks.ts'
import { notDerivable, stillNotDerivable, storeNodes } from './check-deltas.ts'
import { cidOfDigest, isBlockOf, keyOf, RAW_CODE, walkKey } from './cid.ts'
import type { DerivedBlocks } from './derived-blocks.ts'
import type { Lease } from './leases.ts'
import { linksOf } from './links.ts'
import type { Pins } from './pins.ts'
import type { Places } from './places.ts'
import { Wants } from './wants.ts'

/** Blocks that are read and hashed at the same time. */
const READS_AT_ONCE = 4
/** How much one holder is asked for at once. */
const FETCH_BATCH_BLOCKS = 64

export interface Finding {
  cid: CID
  /** `missing`: not here. `damaged`: other bytes than its name says. `unreadable`: not of the kind that it should be. */
  what: 'missing' | 'damaged' | 'unreadable'
  /** The pinned records that need it; none for what the next sweep removes. */
  pinnedBy: CID[]
  /** The image whose delta does not give it; undefined for a block that is stored. */
  image?: CID
}

export interface CheckProgress {
  checkedBlocks: number
  /** As they lie in the packs. */
  checkedBytes: number
  totalBytes: number
}

export interface CheckOptions {
  onProgress?: ((progress: CheckProgress) => void) | undefined
  signal?: AbortSignal | undefined
}

export interface CheckParts {
  blocks: Blocks
  derived: DerivedBlocks
  places: Places
  pins: Pins
}

/** Every block that is damaged, and every one that a pinned version lacks. */
export async function check(parts: CheckParts, options: CheckOptions = {}): Promise<Finding[]> {
  // What the catalogue says is made from the packs anew: it is part of what may be wrong.
  await parts.places.reopen()
  const damaged = await damagedBlocks(parts, options)
  const walker = new PinWalker(parts, [...damaged, ...(await notDerivable(parts, options.signal))], options.signal)
  for (const { cid } of parts.pins.list()) await walker.visitPin(cid)
  return walker.findings()
}

async function damagedBlocks(parts: CheckParts, options: CheckOptions): Promise<Finding[]> {
  const { places } = parts
  const damaged: Finding[] = []
  const { storedBytes, deltaBytes } = places.catalogue.totals()
  const progress: CheckProgress = { checkedBlocks: 0, checkedBytes: 0, totalBytes: storedBytes - deltaBytes }
  for (const pack of places.catalogue.covered().keys()) {
    // One iterator for all workers: each takes what is next.
    const waiting = places.catalogue.blocksIn(pack).values()
    const worker = async () => {
      for (const block of waiting) {
        options.signal?.throwIfAborted()
        const cid = cidOfDigest(block.place.code, block.digest)
        if (!(await isWhole(parts.blocks, cid))) damaged.push({ cid, what: 'damaged', pinnedBy: [] })
        progress.checkedBlocks++
        progress.checkedBytes += block.place.storedLength
        options.onProgress?.(progress)
      }
    }
    await Promise.all(Array.from({ length: READS_AT_ONCE }, worker))
  }
  return damaged
}

async function isWhole(blocks: Blocks, cid: CID): Promise<boolean> {
  try {
    await blocks.get(cid)
    return true
  } catch (error) {
    // Gone since: a sweep took it, or the walk below finds that it is missed.
    if (error instanceof GlasError) return error.code === 'BlockMissing'
    // A disk that cannot read it (EIO) has damaged it.
    if (error instanceof Error && 'syscall' in error) return false
    throw error
  }
}

/** Goes through all that pins hold, each node once, and remembers what is wrong below it. */
class PinWalker {
  readonly #blocks: Blocks
  readonly #places: Places
  readonly #signal: AbortSignal | undefined
  readonly #found = new Map<string, Finding>()
  /** Walk key of a node -> the findings below it, for the few that have any. */
  readonly #badBelow = new Map<string, Set<Finding>>()
  readonly #visited = new Set<string>()

  constructor({ blocks, places }: CheckParts, damaged: readonly Finding[], signal: AbortSignal | undefined) {
    this.#blocks = blocks
    this.#places = places
    this.#signal = signal
    for (const finding of damaged) this.#found.set(keyOf(finding.cid), finding)
  }

  findings(): Finding[] {
    return [...this.#found.values()]
  }

  async visitPin(root: CID): Promise<void> {
    for (const finding of await this.#visit(root)) finding.pinnedBy.push(root)
  }

  async #visit(cid: CID): Promise<Set<Finding>> {
    this.#signal?.throwIfAborted()
    const key = walkKey(cid)
    const known = this.#badBelow.get(key)
    if (known !== undefined || this.#visited.has(key)) return known ?? NOTHING
    this.#visited.add(key)
    const bad = new Set<Finding>()
    const links = await this.#linksOf(cid, bad)
    for (const link of links) for (const finding of await this.#visit(link)) bad.add(finding)
    if (bad.size > 0) this.#badBelow.set(key, bad)
    return bad
  }

  async #linksOf(cid: CID, bad: Set<Finding>): Promise<CID[]> {
    const known = this.#found.get(keyOf(cid))
    if (known !== undefined) bad.add(known)
    else if (!(await this.#blocks.has(cid))) bad.add(this.#report(cid, 'missing'))
    else if (cid.code !== RAW_CODE) {
      try {
        const links = linksOf(cid, await this.#blocks.get(cid))
        // An image that is kept as a delta needs its base, too.
        const base = this.#places.deltas.ofRoot(cid)?.base
        return base === undefined ? links : [...links, base]
      } catch (error) {
        const mismatch = error instanceof GlasError && error.code === 'BlockMismatch'
        bad.add(this.#report(cid, mismatch ? 'damaged' : 'unreadable'))
      }
    }
    return []
  }

  #report(cid: CID, what: Finding['what']): Finding {
    const finding: Finding = { cid, what, pinnedBy: [] }
    this.#found.set(keyOf(cid), finding)
    return finding
  }
}

const NOTHING: Set<Finding> = new Set()

/** Gets blocks from elsewhere, in any order; what cannot be had is left out. Nothing that it gives is believed. */
export type Fetch = (cids: CID[]) => AsyncIterable<{ cid: CID; bytes: Uint8Array }>

export interface RepairReport {
  repairedBlocks: number
  /** What nobody gave a good copy of. */
  stillBad: CID[]
}

/** Fetches what a check found, and what turns out to be missing below it. Durable after the next commit. */
export async function repair(
  parts: CheckParts & { lease: Lease },
  findings: readonly Finding[],
  fetch: Fetch,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<RepairReport> {
  const needed = findings.filter((finding) => finding.pinnedBy.length > 0 && finding.what !== 'unreadable')
  const waiting = new Map(needed.map(({ cid }) => [keyOf(cid), cid]))
  // Also those that nobody seems to need: the node that links them may be missing itself.
  const damaged = findings.filter(({ what }) => what === 'damaged')
  const stored = damaged.filter(({ image }) => image === undefined)
  const bad = new Map(stored.map(({ cid }) => [keyOf(cid), cid]))
  let repairedBlocks = await replaceAll(parts, bad, fetch, options)
  // With its base whole again an image may need nothing else.
  const lost = await stillNotDerivable(parts, damaged, options.signal)
  for (const { cid } of lost) bad.set(keyOf(cid), cid)
  repairedBlocks += await replaceAll(parts, bad, fetch, options)
  await storeNodes(parts, lost)
  const roots = new Map(needed.flatMap(({ pinnedBy }) => pinnedBy).map((cid) => [keyOf(cid), cid]))
  for (const root of roots.values()) {
    const fetched = await fetchMissing(parts, root, fetch, options.signal)
    repairedBlocks += fetched.blocks
    for (const cid of fetched.stillMissing) waiting.set(keyOf(cid), cid)
  }
  for (const [key, cid] of waiting) {
    if (!bad.has(key) && (await parts.blocks.has(cid))) waiting.delete(key)
  }
  return { repairedBlocks, stillBad: [...waiting.values()] }
}

/** Takes what it got a good copy of out of `bad`, and gives the number. */
async function replaceAll(
  parts: CheckParts & { lease: Lease },
  bad: Map<string, CID>,
  fetch: Fetch,
  { signal }: { signal?: AbortSignal | undefined },
): Promise<number> {
  const before = bad.size
  const toFetch = [...bad.values()]
  for (let at = 0; at < toFetch.length; at += FETCH_BATCH_BLOCKS) {
    signal?.throwIfAborted()
    for await (const { cid, bytes } of fetch(toFetch.slice(at, at + FETCH_BATCH_BLOCKS))) {
      if (!isBlockOf(cid, bytes) || !bad.delete(keyOf(cid))) continue
      await parts.blocks.replace(cid, bytes)
      parts.lease.keep(cid)
    }
  }
  return before - bad.size
}

async function fetchMissing(
  parts: CheckParts & { lease: Lease },
  root: CID,
  fetch: Fetch,
  signal: AbortSignal | undefined,
): Promise<{ blocks: number; stillMissing: CID[] }> {
  const wants = new Wants(parts.blocks, [root], { lease: parts.lease, signal })
  const stillMissing: CID[] = []
  try {
    for (let batch = await wants.next(FETCH_BATCH_BLOCKS); batch.length > 0; ) {
      const left = new Map(batch.map((cid) => [keyOf(cid), cid]))
      for await (const { cid, bytes } of fetch(batch)) {
        if (!isBlockOf(cid, bytes) || !left.delete(keyOf(cid))) continue
        await wants.arrived(cid, bytes)
      }
      stillMissing.push(...left.values())
      batch = await wants.next(FETCH_BATCH_BLOCKS)
    }
  } catch (error) {
    // A node that is still damaged hides what is below it; it is among the findings already.
    if (!(error instanceof GlasError && error.code === 'BlockMismatch')) throw error
  }
  return { blocks: wants.counts.arrivedBlocks, stillMissing }
}
