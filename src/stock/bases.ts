/**
 * Which image a new one is made a delta of: a relative of it, or what that one stands on itself. Deltas stand on an
 * image that is kept as blocks (a *keyframe*), or on a delta that does: where work has made the step from the keyframe
 * dear, the versions after it need not pay for it again. docs/adr/0015-deltas-stand-on-keyframes.md has the measurements.
 */
import type { CID } from 'multiformats/cid'
import type { Blocks } from './blocks.ts'
import { cidOfDigest, RAW_CODE } from './cid.ts'
import { fileSize } from './dag-read.ts'
import type { BaseUse, DeltaPlace } from './delta-rows.ts'
import type { Lease } from './leases.ts'
import { linksOf } from './links.ts'
import type { Places } from './places.ts'

/** Deltas between a version and its keyframe: each costs a rebuild when a version is read that lies in no cache. */
export const MAX_DELTA_DEPTH = 2
/** A delta that takes more than this part of its keyframe is dear: the next version stands on it. */
const DEAR_SHARE = 1 / 64
/** A keyframe is worn when what its deltas take beyond what a step costs anyhow adds up to what it takes itself. */
const WORN_KEYFRAME_SHARE = 1
/** The same for a delta that others stand on: another one costs as much as this one, and not a whole image. */
const WORN_DELTA_SHARE = 1 / 2
/** A delta has to be smaller than this part of what the image takes as blocks, or it is not worth a rebuild. */
const WORTH_SHARE = 1 / 3

export interface Base {
  root: CID
  /** Of the image. */
  sizeBytes: number
  isKeyframe: boolean
  /** What it takes in the packs, as blocks or as a delta. */
  storedBytes: number
}

export interface BaseParts {
  blocks: Blocks
  places: Places
}

/**
 * The bases to try, in order, of which the last one is a keyframe; empty where no relative is here whole. The lease
 * keeps whatever they need. Relatives are the roots of image files.
 */
export async function basesFor(parts: BaseParts, relatives: readonly CID[], lease: Lease): Promise<Base[]> {
  await parts.places.ready()
  for (const relative of relatives) {
    const chain = await chainOf(parts, relative, lease)
    const keyframe = chain.at(-1)
    if (keyframe === undefined) continue
    const usable = chain.slice(-MAX_DELTA_DEPTH)
    return usable.filter((base) => base === keyframe || isDear(base.storedBytes, keyframe))
  }
  return []
}

/** Whether the next version will stand on a delta of so many bytes. */
export function isDear(deltaBytes: number, keyframe: Base): boolean {
  return deltaBytes > keyframe.storedBytes * DEAR_SHARE
}

/** The image and what it stands on, down to the keyframe; empty when something of that is not here. */
export async function chainOf(parts: BaseParts, relative: CID, lease: Lease): Promise<Base[]> {
  const { deltas } = parts.places
  const chain: Base[] = []
  for (let root: CID | undefined = relative; root !== undefined; ) {
    for (const { code, digest } of deltas.blocksOf(root)) lease.keep(cidOfDigest(code, digest))
    // Looked up after it is leased: a sweep may have come between. What is stored needs no delta, if it has one.
    const delta: DeltaPlace | undefined = parts.places.find(root) === undefined ? deltas.ofRoot(root) : undefined
    const storedBytes = delta?.storedLength ?? (await storedBytesOf(parts, root, lease))
    if (storedBytes === undefined) return []
    const sizeBytes = delta?.sizeBytes ?? (await fileSize(parts.blocks, root))
    chain.push({ root, sizeBytes, isKeyframe: delta === undefined, storedBytes })
    root = delta?.base
  }
  return chain
}

/** What a file takes whose blocks are all stored; undefined when one is not. A file of one leaf is no base. */
export async function storedBytesOf(
  { blocks, places }: BaseParts,
  root: CID,
  lease?: Lease,
): Promise<number | undefined> {
  if (root.code === RAW_CODE) return undefined
  let storedBytes = 0
  const waiting = [root]
  for (let cid = waiting.pop(); cid !== undefined; cid = waiting.pop()) {
    lease?.keep(cid)
    const place = places.find(cid)
    if (place === undefined) return undefined
    storedBytes += place.storedLength
    if (cid.code !== RAW_CODE) waiting.push(...linksOf(cid, await blocks.get(cid)))
  }
  return storedBytes
}

/**
 * Whether another base would serve better than to put so many more bytes on this one. `leastBytes` is the smallest delta
 * on this base or those below it: what a step costs anyhow.
 */
export function isWorn(base: Base, use: BaseUse, { deltaBytes, leastBytes }: NewDelta): boolean {
  const excessBytes = use.totalBytes + deltaBytes - (use.deltas + 1) * leastBytes
  return excessBytes > wornBytes(base)
}

interface NewDelta {
  deltaBytes: number
  leastBytes: number
}

function wornBytes(base: Base): number {
  return base.storedBytes * (base.isKeyframe ? WORN_KEYFRAME_SHARE : WORN_DELTA_SHARE)
}

/**
 * A larger delta would wear the base out for sure, and need not be made. `leastBytes` is the smallest delta known so
 * far, Infinity where there is none. A keyframe is the last resort, and always tried.
 */
export function mostBytesOn(base: Base, use: BaseUse, leastBytes: number): number {
  if (base.isKeyframe) return Number.POSITIVE_INFINITY
  return Math.max(leastBytes, wornBytes(base) + (use.deltas + 1) * leastBytes - use.totalBytes)
}

export function isWorthIt(deltaBytes: number, blockBytes: number): boolean {
  return deltaBytes < blockBytes * WORTH_SHARE
}
