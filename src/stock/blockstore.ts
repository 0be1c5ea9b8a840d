/** The stock as the standard blockstore of the JavaScript IPFS world, for Bitswap and other libraries. */
import type { Blockstore, InputPair, Pair } from 'interface-blockstore'
import { NotFoundError } from 'interface-store'
import type { CID } from 'multiformats/cid'
import { GlasError, isGlasError } from '../glas/errors.ts'
import { checkBlockSize } from './cid.ts'

interface Abort {
  signal?: AbortSignal | undefined
}

export interface StandardBlocks {
  has(cid: CID): Promise<boolean>
  get(cid: CID): Promise<Uint8Array>
  put(cid: CID, bytes: Uint8Array): Promise<boolean>
  /** The CIDs of all blocks. */
  cids(): AsyncIterable<CID>
}

type Bytes = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/**
 * Shows only blocks that the filter lets through, where one is given: the others are not there, whoever asks. Blocks
 * are put without a lease, and never deleted: they leave the stock by a sweep when nothing is pinned on them.
 */
export class StockBlockstore implements Blockstore {
  readonly #blocks: StandardBlocks
  readonly #shows: (cid: CID) => boolean | Promise<boolean>

  constructor(blocks: StandardBlocks, filter: (cid: CID) => boolean | Promise<boolean> = () => true) {
    this.#blocks = blocks
    this.#shows = filter
  }

  async has(cid: CID, options?: Abort): Promise<boolean> {
    options?.signal?.throwIfAborted()
    return (await this.#shows(cid)) && (await this.#blocks.has(cid))
  }

  async put(cid: CID, value: Bytes, options?: Abort): Promise<CID> {
    options?.signal?.throwIfAborted()
    await this.#blocks.put(cid, value instanceof Uint8Array ? value : await joined(cid, value))
    return cid
  }

  async *putMany(source: Iterable<InputPair> | AsyncIterable<InputPair>, options?: Abort): AsyncGenerator<CID> {
    for await (const { cid, bytes } of source) yield this.put(cid, bytes, options)
  }

  /** Throws the NotFoundError of interface-store for a block that is not there. */
  async *get(cid: CID, options?: Abort): AsyncGenerator<Uint8Array> {
    options?.signal?.throwIfAborted()
    if (!(await this.#shows(cid))) throw new NotFoundError()
    try {
      yield await this.#blocks.get(cid)
    } catch (error) {
      throw isGlasError(error, 'BlockMissing') ? new NotFoundError() : error
    }
  }

  async *getMany(source: Iterable<CID> | AsyncIterable<CID>, options?: Abort): AsyncGenerator<Pair> {
    for await (const cid of source) yield { cid, bytes: this.get(cid, options) }
  }

  async *getAll(options?: Abort): AsyncGenerator<Pair> {
    for await (const cid of this.#blocks.cids()) {
      if (await this.#shows(cid)) yield { cid, bytes: this.get(cid, options) }
    }
  }

  async delete(cid: CID): Promise<void> {
    throw new GlasError('NotAllowed', `The block ${cid} can only leave the stock by a sweep. Unpin what needs it.`)
  }

  // biome-ignore lint/correctness/useYield: the interface asks for a generator, and the first block is refused already
  async *deleteMany(source: Iterable<CID> | AsyncIterable<CID>): AsyncGenerator<CID> {
    for await (const cid of source) await this.delete(cid)
  }
}

async function joined(cid: CID, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let sizeBytes = 0
  for await (const piece of pieces) {
    sizeBytes += piece.length
    checkBlockSize(cid, sizeBytes)
    parts.push(piece)
  }
  return Buffer.concat(parts)
}
