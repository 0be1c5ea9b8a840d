/**
 * What a delta frame stores (frame.ts has its header): of which base an image is derived, and the hashes of its leaves,
 * so that the frame alone tells which blocks it stands for.
 *
 *     0  36  CID of the base's file
 *    36   4  bytes of a leaf
 *    40 32n  SHA-256 of each leaf of the image, in order
 *         …  the heap delta (docs/formats-delta.md)
 */
import { setImmediate } from 'node:timers/promises'
import { CID } from 'multiformats/cid'
import {
  CID_BYTES,
  checkCid,
  cidOf,
  cidOfDigest,
  DAG_PB_CODE,
  DIGEST_BYTES,
  digestOf,
  isBlockOf,
  MAX_BLOCK_BYTES,
  RAW_CODE,
} from './cid.ts'
import { encodeDeltaHeader, type FrameHeader } from './frame.ts'

/** Before the hashes of the leaves. */
export const FIXED_BYTES = CID_BYTES + 4

/** An image file that is kept as a delta. */
export interface ImageDelta {
  root: CID
  base: CID
  sizeBytes: number
  leafBytes: number
  /** SHA-256 of all leaves, one behind the other. */
  digests: Uint8Array
  delta: Uint8Array
}

/** A block that follows from a delta: a leaf of the image, or a node above the leaves. */
export interface DerivedBlock {
  digest: Uint8Array
  code: number
  /** Number of the leaf, or of the node. */
  position: number
  rawLength: number
}

/** Header and stored bytes of the frame. */
export function encodeDeltaFrame(image: ImageDelta): Uint8Array[] {
  const fixed = Buffer.alloc(FIXED_BYTES)
  fixed.set(image.base.bytes)
  fixed.writeUInt32LE(image.leafBytes, CID_BYTES)
  const stored = Buffer.concat([fixed, image.digests, image.delta])
  return [encodeDeltaHeader(image.root, image.sizeBytes, stored), stored]
}

/** Undefined for a frame that is no delta, or whose leaves do not make the file that it is for. */
export async function decodeDeltaFrame(header: FrameHeader, stored: Uint8Array): Promise<ImageDelta | undefined> {
  if (header.kind !== 'delta' || stored.length < FIXED_BYTES) return undefined
  const fields = Buffer.from(stored.buffer, stored.byteOffset, FIXED_BYTES)
  const base = CID.decode(Uint8Array.from(fields.subarray(0, CID_BYTES)))
  checkCid(base)
  const leafBytes = fields.readUInt32LE(CID_BYTES)
  const sizeBytes = header.rawLength
  if (leafBytes === 0 || leafBytes > MAX_BLOCK_BYTES || sizeBytes <= leafBytes) return undefined
  const deltaAt = FIXED_BYTES + Math.ceil(sizeBytes / leafBytes) * DIGEST_BYTES
  if (deltaAt > stored.length) return undefined
  const digests = stored.subarray(FIXED_BYTES, deltaAt)
  const image = { root: header.cid, base, sizeBytes, leafBytes, digests, delta: stored.subarray(deltaAt) }
  const { root } = await nodesOf(image)
  return root.equals(header.cid) ? image : undefined
}

export type ImageShape = Pick<ImageDelta, 'sizeBytes' | 'leafBytes' | 'digests'>

/** The nodes above the leaves, from the lowest to the root. */
export async function nodesOf(image: ImageShape): Promise<{ root: CID; totalBytes: number; nodes: Uint8Array[] }> {
  const nodes: Uint8Array[] = []
  const collector = {
    putVerified: async (_cid: CID, bytes: Uint8Array) => {
      nodes.push(bytes)
      return true
    },
  }
  const { addNodes } = await import('./dag-file.ts')
  const { cid, totalBytes } = await addNodes(collector, leavesOfImage(image))
  return { root: cid, totalBytes, nodes }
}

export function* leavesOfImage(image: ImageShape): Generator<{ cid: CID; sizeBytes: number; at: number }, void> {
  const { sizeBytes, leafBytes, digests } = image
  for (let at = 0, number = 0; at < sizeBytes; at += leafBytes, number++) {
    const digest = digests.slice(number * DIGEST_BYTES, (number + 1) * DIGEST_BYTES)
    yield { cid: cidOfDigest(RAW_CODE, digest), sizeBytes: Math.min(leafBytes, sizeBytes - at), at }
  }
}

/** Every block that the image's file consists of. */
export async function derivedBlocks(image: ImageShape): Promise<DerivedBlock[]> {
  const { nodes } = await nodesOf(image)
  const leaves = [...leavesOfImage(image)].map(({ cid, sizeBytes }, position) => {
    return { digest: digestOf(cid), code: RAW_CODE, position, rawLength: sizeBytes }
  })
  const above = nodes.map((bytes, position) => {
    return { digest: digestOf(cidOf(DAG_PB_CODE, bytes)), code: DAG_PB_CODE, position, rawLength: bytes.length }
  })
  return [...leaves, ...above]
}

/** Leaves that are hashed before others get their turn: some 10 ms. */
const LEAVES_AT_ONCE = 12

/** Whether the bytes are those of the leaves. */
export async function hasLeaves(bytes: Uint8Array, image: ImageShape): Promise<boolean> {
  if (bytes.length !== image.sizeBytes) return false
  let hashed = 0
  for (const { cid, sizeBytes, at } of leavesOfImage(image)) {
    if (!isBlockOf(cid, bytes.subarray(at, at + sizeBytes))) return false
    if (++hashed % LEAVES_AT_ONCE === 0) await setImmediate()
  }
  return true
}
