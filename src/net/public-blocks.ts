import { BaseBlockstore } from 'blockstore-core'
import type { CID } from 'multiformats/cid'

/** What anybody may have: the blocks of public glases and no others. */
export interface PublicBlocks {
  /** False for private blocks, whether they are here or not. */
  has(cid: CID): Promise<boolean>
  /** The verified bytes; undefined when the block is not here or not public. */
  get(cid: CID): Promise<Uint8Array | undefined>
}

/**
 * The whole of the stock that helia gets to see. Bitswap serves from it; what Bitswap fetches is handed to whoever asked
 * and is not put anywhere: only the stock stores, under a lease, after it has checked the hash. Nothing can be deleted
 * or listed through it, so helia's own pins and collection cannot do harm.
 */
export class PublicBlockstore extends BaseBlockstore {
  readonly #blocks: PublicBlocks

  constructor(blocks: PublicBlocks) {
    super()
    this.#blocks = blocks
  }

  override has(cid: CID): Promise<boolean> {
    return this.#blocks.has(cid)
  }

  override async *get(cid: CID): AsyncGenerator<Uint8Array> {
    const bytes = await this.#blocks.get(cid)
    if (bytes === undefined) throw notFound(cid)
    yield bytes
  }

  override put(cid: CID): CID {
    return cid
  }
}

/** Bitswap tells a block that is gone from a failure by this name. */
function notFound(cid: CID): Error {
  const error = new Error(`no public block ${cid}`)
  error.name = 'NotFoundError'
  return error
}
