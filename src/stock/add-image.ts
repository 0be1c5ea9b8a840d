/**
 * Takes an image file in: as a delta when a relative of it is here and that is much smaller, else as blocks. An image
 * that becomes a delta never has its leaves written, nor the nodes above them.
 */
import type { CID } from 'multiformats/cid'
import { GlasError, toGlasError } from '../glas/errors.ts'
import { type Base, type BaseParts, basesFor, isDear, isWorn, isWorthIt, mostBytesOn } from './bases.ts'
import { cidOf, cidOfDigest, DIGEST_BYTES, digestOf, RAW_CODE } from './cid.ts'
import { encodeStored } from './codec.ts'
import { type AddedFile, type AddFileOptions, addFile, leavesOf } from './dag-file.ts'
import { derivedBlocks, FIXED_BYTES, type ImageShape, nodesOf } from './delta-frame.ts'
import type { DerivedBlocks } from './derived-blocks.ts'
import { MAX_DELTA_BYTES } from './frame.ts'
import { type EncodedImage, type ImageDeltas, isHopeless } from './image-deltas.ts'
import type { Lease } from './leases.ts'

export interface AddImageOptions extends AddFileOptions {
  lease: Lease
  /** Of the file, as far as is known: what decides whether it is read into memory. */
  sizeBytes: number
  /** Roots of image files that it may come from, the likeliest first. */
  relatives: readonly CID[]
  /** Reads the chunks into memory of `sizeBytes` bytes: saves as much again that would wait to be collected. */
  chunksIn?: (memory: Uint8Array) => AsyncIterable<Uint8Array>
}

export interface AddedImage extends AddedFile {
  kept: Kept
}

/** How an image came to lie in the stock. `phasesMs` is where the time of a delta went, also of one that was not kept. */
export type Kept =
  | { as: 'delta'; base: CID; deltaBytes: number; phasesMs: Record<string, number> }
  | { as: 'blocks'; reason: string; phasesMs: Record<string, number> }
  /** All of it was here. */
  | { as: 'known' }

export interface AddImageParts extends BaseParts {
  derived: DerivedBlocks
  images: ImageDeltas | undefined
  maxImageBytes: number
}

/** An image in memory that threads share. */
interface HeldImage {
  bytes: Uint8Array
  shape: ImageShape
  root: CID
  totalBytes: number
}

export async function addImage(
  parts: AddImageParts,
  chunks: AsyncIterable<Uint8Array>,
  options: AddImageOptions,
): Promise<AddedImage> {
  const bases = await basesOf(parts, options)
  if (typeof bases === 'string') return asBlocks(parts, chunks, options, { reason: bases, phasesMs: {} })
  const image = await hold(chunks, options)
  if (await isKnown(parts, image, options.lease)) {
    const { root: cid, totalBytes, shape } = image
    return { cid, sizeBytes: shape.sizeBytes, totalBytes, newBlocks: 0, newBytes: 0, kept: { as: 'known' } }
  }
  const tried = await tryBases(parts, bases, image, options.signal)
  if ('reason' in tried) return asBlocks(parts, leavesIn(image), { ...options, onBytes: undefined }, tried)
  const { base, bytes, phasesMs } = tried
  await parts.blocks.putDelta({ root: image.root, base: base.root, ...image.shape, delta: bytes }, options)
  if (base.isKeyframe && isDear(bytes.length, base)) await parts.derived.keep(image.root, image.bytes)
  const blocks = await derivedBlocks(image.shape)
  return {
    cid: image.root,
    sizeBytes: image.shape.sizeBytes,
    totalBytes: image.totalBytes,
    newBlocks: blocks.length,
    newBytes: bytes.length,
    kept: { as: 'delta', base: base.root, deltaBytes: bytes.length, phasesMs },
  }
}

/** Bases, or why there are none. */
async function basesOf(parts: AddImageParts, options: AddImageOptions): Promise<Base[] | string> {
  const { sizeBytes, leafBytes, relatives, lease } = options
  if (parts.images === undefined || relatives.length === 0) return 'no version before it is known here'
  if (sizeBytes > parts.maxImageBytes) return `it has more than ${parts.maxImageBytes} bytes, the limit for deltas`
  if (sizeBytes <= leafBytes) return 'it is small'
  const bases = await basesFor(parts, relatives, lease)
  return bases.length > 0 ? bases : 'no version before it is here as a whole'
}

async function hold(chunks: AsyncIterable<Uint8Array>, options: AddImageOptions): Promise<HeldImage> {
  const { leafBytes, sizeBytes, signal, onBytes, chunksIn } = options
  const bytes = new Uint8Array(new SharedArrayBuffer(sizeBytes))
  const digests = Buffer.alloc(Math.ceil(sizeBytes / leafBytes) * DIGEST_BYTES)
  let at = 0
  let leaves = 0
  for await (const leaf of leavesOf(chunksIn?.(bytes) ?? chunks, leafBytes)) {
    signal?.throwIfAborted()
    if (at + leaf.length > sizeBytes) throw otherSize(sizeBytes)
    digests.set(digestOf(cidOf(RAW_CODE, leaf)), leaves++ * DIGEST_BYTES)
    if (leaf.buffer !== bytes.buffer) bytes.set(leaf, at)
    at += leaf.length
    onBytes?.(leaf.length)
  }
  if (at !== sizeBytes) throw otherSize(sizeBytes)
  const shape = { sizeBytes, leafBytes, digests }
  const { root, totalBytes } = await nodesOf(shape)
  return { bytes, shape, root, totalBytes }
}

function otherSize(sizeBytes: number): GlasError {
  return new GlasError('ImageChanged', `The image is no longer ${sizeBytes} bytes long. Run it again.`, {
    retryable: true,
  })
}

/** Leases first, and looks then: what is here stays. */
async function isKnown({ places }: AddImageParts, { shape }: HeldImage, lease: Lease): Promise<boolean> {
  const cids = (await derivedBlocks(shape)).map(({ code, digest }) => cidOfDigest(code, digest))
  for (const cid of cids) lease.keep(cid)
  return cids.every((cid) => places.knows(cid))
}

async function* leavesIn({ bytes, shape }: HeldImage): AsyncGenerator<Uint8Array, void> {
  // Copies: shared memory is not what the file system takes.
  for (let at = 0; at < bytes.length; at += shape.leafBytes) yield Buffer.from(bytes.subarray(at, at + shape.leafBytes))
}

type Tried =
  | { base: Base; bytes: Uint8Array; phasesMs: Record<string, number> }
  | { reason: string; phasesMs: Record<string, number> }

/** The delta on the first base that is not worn, or why there is none. */
async function tryBases(
  parts: AddImageParts,
  bases: readonly Base[],
  image: HeldImage,
  signal: AbortSignal | undefined,
): Promise<Tried> {
  let tried: Tried = { reason: 'no base', phasesMs: {} }
  const keyframeBytes = bases.at(-1)?.storedBytes ?? 0
  const rows = parts.places.catalogue.deltas
  const uses = bases.map(({ root }) => rows.use(root)).filter(({ deltas }) => deltas > 0)
  const least = (bytes: number) => Math.min(bytes, ...uses.map(({ smallestBytes }) => smallestBytes))
  for (const base of bases) {
    const mostBytes = mostBytesOn(base, rows.use(base.root), least(Number.POSITIVE_INFINITY))
    if (isHopeless(base.sizeBytes, image.shape.sizeBytes, mostBytes)) continue
    const began = performance.now()
    const encoded = await encodeOn(parts, { base, mostBytes }, image, signal)
    const phasesMs = { ...encoded.phasesMs, all: performance.now() - began }
    if (encoded.kind === 'unfit') {
      tried = { reason: encoded.reason, phasesMs }
      continue
    }
    const { bytes } = encoded
    if (!(await isSmall(bytes.length, keyframeBytes, image))) {
      tried = { reason: `a delta of ${bytes.length} bytes is not worth it`, phasesMs }
    } else if (isWorn(base, rows.use(base.root), { deltaBytes: bytes.length, leastBytes: least(bytes.length) })) {
      tried = { reason: 'the deltas on its base have become dear: it is the next one', phasesMs }
    } else return { base, bytes, phasesMs }
  }
  return tried
}

/** As blocks an image takes about what its keyframe takes; where that makes the delta look large, it is measured. */
async function isSmall(deltaBytes: number, keyframeBytes: number, image: HeldImage): Promise<boolean> {
  if (deltaBytes + image.shape.digests.length + FIXED_BYTES > MAX_DELTA_BYTES) return false
  if (isWorthIt(deltaBytes, keyframeBytes)) return true
  let blockBytes = 0
  for await (const leaf of leavesIn(image)) blockBytes += (await encodeStored(leaf)).stored.length
  return isWorthIt(deltaBytes, blockBytes)
}

/** Whatever goes wrong with a delta is no reason to lose a snapshot. */
async function encodeOn(
  { images, derived }: AddImageParts,
  { base, mostBytes }: { base: Base; mostBytes: number },
  { bytes }: HeldImage,
  signal: AbortSignal | undefined,
): Promise<EncodedImage> {
  if (images === undefined) return { kind: 'unfit', reason: 'no means to make deltas', phasesMs: {} }
  try {
    return await images.encode({ base: await derived.image(base.root), image: bytes, mostBytes }, signal)
  } catch (error) {
    signal?.throwIfAborted()
    return { kind: 'unfit', reason: toGlasError(error).message, phasesMs: {} }
  }
}

async function asBlocks(
  { blocks, places }: AddImageParts,
  chunks: AsyncIterable<Uint8Array>,
  options: AddFileOptions,
  why: { reason: string; phasesMs: Record<string, number> },
): Promise<AddedImage> {
  const added = await addFile(blocks, chunks, options)
  places.notePlain(added.cid, why.reason)
  return { ...added, kept: { as: 'blocks', ...why } }
}
