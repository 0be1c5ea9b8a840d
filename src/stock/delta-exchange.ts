/** Deltas as they go from one stock to another: what is here to give, and taking in what came. */
import { setImmediate } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import type { AddImageParts, Kept } from './add-image.ts'
import { chainOf, isWorn, isWorthIt, MAX_DELTA_DEPTH, storedBytesOf } from './bases.ts'
import { cidOfDigest, DIGEST_BYTES, digestOf, RAW_CODE } from './cid.ts'
import { derivedBlocks, type ImageDelta, type ImageShape, nodesOf } from './delta-frame.ts'
import type { DeltaPlace } from './delta-rows.ts'
import type { Lease } from './leases.ts'
import { linksOf } from './links.ts'

/** Bytes of an image that are copied before others get their turn: a millisecond or two. */
const COPIED_AT_ONCE_BYTES = 4 * 1024 * 1024

/** Images are named by the roots of their files. */
export class DeltaExchange {
  readonly #parts: AddImageParts

  constructor(parts: AddImageParts) {
    this.#parts = parts
  }

  /** The delta that makes an image, and those that it stands on, down to the one on a keyframe. */
  async chain(root: CID): Promise<DeltaPlace[]> {
    const { places } = this.#parts
    await places.ready()
    const chain: DeltaPlace[] = []
    for (let delta = places.deltas.ofRoot(root); delta !== undefined; delta = places.deltas.ofRoot(delta.base)) {
      chain.push(delta)
    }
    return chain
  }

  /** Throws BlockMismatch for a damaged one, ENOENT when a sweep has taken it. */
  read(delta: DeltaPlace): Promise<ImageDelta> {
    return this.#parts.derived.frame(delta)
  }

  /** What an image takes as blocks, or as a delta; undefined when it is not here as a whole. */
  async storedBytes(root: CID): Promise<number | undefined> {
    const [delta] = await this.chain(root)
    return delta?.storedLength ?? (await storedBytesOf(this.#parts, root))
  }

  /** Bytes of images that have to be made anew before this block can be read; mostly 0. */
  async coldBytes(cid: CID): Promise<number> {
    const { places, derived } = this.#parts
    await places.ready()
    if (cid.code !== RAW_CODE || places.find(cid) !== undefined) return 0
    const place = places.deltas.find(cid)
    return place === undefined ? 0 : derived.coldBytes(place.delta)
  }

  /**
   * The delta from one image that is here to another one, made now and checked; or why there is none. Takes seconds of a
   * thread and four times the memory of an image. Throws as reading the images does.
   */
  async make(base: CID, root: CID, signal: AbortSignal): Promise<ImageDelta | string> {
    const { images, derived, maxImageBytes } = this.#parts
    if (images === undefined) return 'this stock makes no deltas'
    const shape = await this.#shapeOf(root)
    if (shape === undefined) return 'the image is laid out in another way'
    if (shape.sizeBytes > maxImageBytes) return `the image has more than ${maxImageBytes} bytes`
    const job = { base: await derived.image(base), image: await derived.image(root) }
    const encoded = await images.encode(job, signal)
    return encoded.kind === 'unfit' ? encoded.reason : { root, base, ...shape, delta: encoded.bytes }
  }

  /**
   * Takes in an image that came as a delta: applied, its leaves verified, and kept as that delta, or as another one, or
   * as blocks, as the rules of this stock are (docs/adr/0015). Under the lease, durable after the next commit. Throws
   * BadDelta when the delta makes something else; BlockMissing when its base is not here.
   */
  async take(image: ImageDelta, { lease, signal }: { lease: Lease; signal: AbortSignal }): Promise<Kept> {
    const { blocks, places, derived } = this.#parts
    await places.ready()
    const chain = await chainOf(this.#parts, image.base, lease)
    if (chain.length === 0) throw new GlasError('BlockMissing', 'The base of a delta is not here.')
    const { root } = await nodesOf(image)
    if (!root.equals(image.root)) throw new GlasError('BadDelta', 'A delta is for another image than it says.')
    const blocksOfImage = await derivedBlocks(image)
    for (const { code, digest } of blocksOfImage) lease.keep(cidOfDigest(code, digest))
    if (blocksOfImage.every(({ code, digest }) => places.knows(cidOfDigest(code, digest)))) return { as: 'known' }
    const bytes = await derived.make(image)
    signal.throwIfAborted()
    if (this.#fits(image, chain)) {
      await blocks.putDelta(image, { lease })
      return { as: 'delta', base: image.base, deltaBytes: image.delta.length, phasesMs: {} }
    }
    const { sizeBytes, leafBytes } = image
    const options = { sizeBytes, leafBytes, lease, signal, relatives: [image.base] }
    const { addImage } = await import('./add-image.ts')
    return (await addImage(this.#parts, piecesOf(bytes), options)).kept
  }

  /** Whether a delta of our own would be no better: not too deep, small, and on a base that is not worn. */
  #fits({ delta }: ImageDelta, chain: Awaited<ReturnType<typeof chainOf>>): boolean {
    const [base, keyframe] = [chain[0], chain.at(-1)]
    if (base === undefined || keyframe === undefined || chain.length > MAX_DELTA_DEPTH) return false
    if (!isWorthIt(delta.length, keyframe.storedBytes)) return false
    const rows = this.#parts.places.catalogue.deltas
    const smallest = chain.map(({ root }) => rows.use(root)).filter(({ deltas }) => deltas > 0)
    const leastBytes = Math.min(delta.length, ...smallest.map(({ smallestBytes }) => smallestBytes))
    return !isWorn(base, rows.use(base.root), { deltaBytes: delta.length, leastBytes })
  }

  /** Keeps the reason why an image that comes from a peer comes as blocks. */
  async notePlain(root: CID, reason: string): Promise<void> {
    await this.#parts.places.ready()
    this.#parts.places.notePlain(root, reason)
  }

  /** The leaves of a file; undefined when it is not laid out as ours are. */
  async #shapeOf(root: CID): Promise<ImageShape | undefined> {
    const [delta] = await this.chain(root)
    if (delta !== undefined) {
      const { sizeBytes, leafBytes, digests } = await this.#parts.derived.frame(delta)
      return { sizeBytes, leafBytes, digests }
    }
    const leaves: CID[] = []
    const waiting = [root]
    for (let cid = waiting.pop(); cid !== undefined; cid = waiting.pop()) {
      if (cid.code === RAW_CODE) leaves.push(cid)
      else waiting.push(...linksOf(cid, await this.#parts.blocks.get(cid)).reverse())
    }
    const [first, last] = [leaves[0], leaves.at(-1)]
    if (first === undefined || last === undefined || leaves.length < 2) return undefined
    const [leafBytes = 0, lastBytes = 0] = [
      await this.#parts.blocks.sizeOf(first),
      await this.#parts.blocks.sizeOf(last),
    ]
    const digests = Buffer.alloc(leaves.length * DIGEST_BYTES)
    for (const [number, leaf] of leaves.entries()) digests.set(digestOf(leaf), number * DIGEST_BYTES)
    const shape = { sizeBytes: (leaves.length - 1) * leafBytes + lastBytes, leafBytes, digests }
    return (await nodesOf(shape)).root.equals(root) ? shape : undefined
  }
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += COPIED_AT_ONCE_BYTES) {
    yield bytes.subarray(at, at + COPIED_AT_ONCE_BYTES)
    await setImmediate()
  }
}
