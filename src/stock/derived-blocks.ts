/** Blocks that are not stored, but follow from a base and a delta. */
import type { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import { readDelta } from './admit-deltas.ts'
import { isBlockOf, keyOf, RAW_CODE } from './cid.ts'
import { hasLeaves, type ImageDelta, nodesOf } from './delta-frame.ts'
import type { DeltaPlaces } from './delta-places.ts'
import type { DeltaPlace, DerivedPlace } from './delta-rows.ts'
import { Gate } from './gate.ts'
import type { ImageDeltas } from './image-deltas.ts'
import type { PackReader } from './pack.ts'
import type { RebuiltImages } from './rebuilt.ts'

/** Each needs memory for two images and more; one more may run for each level that deltas stand on deltas. */
const MAX_REBUILDS_AT_ONCE = 1

export interface DerivedParts {
  places: DeltaPlaces
  reader: PackReader
  rebuilt: RebuiltImages
  /** Undefined where images cannot be rebuilt: then only nodes are given. */
  images: ImageDeltas | undefined
  /** Whether the root of a file is stored: then all of it is, or will be derived block by block. */
  isStored(root: CID): boolean
  /** All bytes of a file whose blocks are stored. */
  readStored(root: CID): Promise<Uint8Array>
}

export class DerivedBlocks {
  readonly #parts: DerivedParts
  readonly #making = new Map<string, Promise<Uint8Array>>()
  /** By the number of deltas below: whoever waits for its base holds a place of another gate than the base needs. */
  readonly #gates: Gate[] = []

  constructor(parts: DerivedParts) {
    this.#parts = parts
  }

  /** The block, verified. Throws BlockMismatch where delta or base are damaged; ENOENT when the pack was swept. */
  async get(cid: CID, place: DerivedPlace): Promise<Uint8Array> {
    const { delta, position, rawLength } = place
    if (cid.code !== RAW_CODE || place.code !== RAW_CODE) return this.#node(cid, place)
    const offset = position * delta.leafBytes
    const known = await this.#parts.rebuilt.read(delta.root, offset, rawLength)
    if (known !== undefined && isBlockOf(cid, known)) return known
    if (known !== undefined) await this.#parts.rebuilt.drop(delta.root)
    const image = await this.#rebuild(delta)
    const bytes = image.slice(offset, offset + rawLength)
    if (isBlockOf(cid, bytes)) return bytes
    throw notDerived(delta)
  }

  async #node(cid: CID, { delta, position }: DerivedPlace): Promise<Uint8Array> {
    const { nodes } = await nodesOf(await this.frame(delta))
    const bytes = nodes[position]
    if (bytes !== undefined && isBlockOf(cid, bytes)) return bytes
    throw notDerived(delta)
  }

  /** Throws BlockMismatch for a damaged frame. */
  async frame(delta: DeltaPlace): Promise<ImageDelta> {
    const image = await readDelta(this.#parts.reader, delta)
    if (image === undefined || !image.root.equals(delta.root)) throw notDerived(delta)
    return image
  }

  /** Those who need an image at the same time share one rebuild. */
  #rebuild(delta: DeltaPlace): Promise<Uint8Array> {
    const key = keyOf(delta.root)
    const known = this.#making.get(key)
    if (known !== undefined) return known
    const making = this.rebuild(delta).finally(() => this.#making.delete(key))
    this.#making.set(key, making)
    return making
  }

  /** The whole image made anew, verified, and left in the cache. Throws as `get` does. */
  async rebuild(delta: DeltaPlace): Promise<Uint8Array> {
    const { images, rebuilt } = this.#parts
    if (images === undefined) throw new GlasError('NotAllowed', 'This stock cannot rebuild images.')
    try {
      const bytes = await this.#gateFor(delta).run(async () => {
        const shape = await this.frame(delta)
        return images.rebuild({ base: await this.image(delta.base), delta: shape.delta, shape })
      })
      await rebuilt.keep(delta.root, bytes)
      return bytes
    } catch (error) {
      throw isDamage(error) ? notDerived(delta, error) : error
    }
  }

  /** An image that is not in the stock yet, made of its delta, verified, and left in the cache. Throws BadDelta too. */
  async make(image: ImageDelta): Promise<Uint8Array> {
    const { images, rebuilt } = this.#parts
    if (images === undefined) throw new GlasError('NotAllowed', 'This stock cannot rebuild images.')
    const bytes = await this.#gateFor(image).run(async () => {
      return images.rebuild({ base: await this.image(image.base), delta: image.delta, shape: image })
    })
    await rebuilt.keep(image.root, bytes)
    return bytes
  }

  /** Bytes of images that have to be made before one can be read: its own, and that of a delta below; 0 in the cache. */
  async coldBytes(delta: DeltaPlace): Promise<number> {
    const { rebuilt } = this.#parts
    if (await rebuilt.has(delta.root)) return 0
    const base = this.#needed(delta.base)
    return delta.sizeBytes + (base === undefined ? 0 : await this.coldBytes(base))
  }

  /** All bytes of an image, verified, however it is kept. Throws BlockMismatch, BlockMissing. */
  async image(root: CID): Promise<Uint8Array> {
    const { readStored } = this.#parts
    const delta = this.#needed(root)
    if (delta === undefined) return readStored(root)
    try {
      return (await this.#cached(delta)) ?? (await this.#rebuild(delta))
    } catch (error) {
      // Its blocks may have been repaired one by one, and the delta not.
      if (isDamage(error)) return readStored(root)
      throw error
    }
  }

  /** Leaves an image that will soon be read where rebuilt ones lie. */
  async keep(root: CID, bytes: Uint8Array): Promise<void> {
    await this.#parts.rebuilt.keep(root, bytes)
  }

  async #cached(delta: DeltaPlace): Promise<Uint8Array | undefined> {
    const bytes = await this.#parts.rebuilt.read(delta.root, 0, delta.sizeBytes)
    if (bytes === undefined || (await hasLeaves(bytes, await this.frame(delta)))) return bytes
    await this.#parts.rebuilt.drop(delta.root)
    return undefined
  }

  /** The delta without which an image cannot be had. One that is about to be replaced may have both delta and blocks. */
  #needed(root: CID): DeltaPlace | undefined {
    return this.#parts.isStored(root) ? undefined : this.#parts.places.ofRoot(root)
  }

  #gateFor(delta: Pick<DeltaPlace, 'base'>): Gate {
    let depth = 0
    for (let base = this.#needed(delta.base); base !== undefined; depth++) base = this.#needed(base.base)
    const gate = this.#gates[depth] ?? new Gate(MAX_REBUILDS_AT_ONCE)
    this.#gates[depth] = gate
    return gate
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof GlasError && ['BadDelta', 'BlockMismatch', 'BlockMissing'].includes(error.code)
}

function notDerived({ root, pack, offset }: DeltaPlace, cause?: unknown): GlasError {
  const message = `An image cannot be rebuilt from its delta in ${pack}. Run "pintglas check --repair".`
  return new GlasError('BlockMismatch', message, { cause, data: { root: String(root), pack, offset } })
}
