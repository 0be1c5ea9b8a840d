/**
 * Files as UnixFS DAGs, profile `pintglas-1`: raw leaves of a fixed size, balanced, LINKS_PER_NODE links to a node; a
 * file of one leaf is that leaf, an empty file one empty leaf. The same bytes give the same CID on every machine.
 */
import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import type { CID } from 'multiformats/cid'
import { cidOf, DAG_PB_CODE, MAX_BLOCK_BYTES, RAW_CODE } from './cid.ts'
import { ByteWindow } from './gate.ts'
import type { Lease } from './leases.ts'

/** Leaves of `*.image` files: they are large, and their changes are found by the heap, not by leaves. */
export const IMAGE_LEAF_BYTES = 1024 * 1024
/** Leaves of all other files: logs grow at their end, and only the last leaf changes. */
export const FILE_LEAF_BYTES = 64 * 1024
export const LINKS_PER_NODE = 1024
/** Leaves on their way through compression to the disk: enough to keep both busy, small against a machine's memory. */
const IN_FLIGHT_BYTES = 16 * 1024 * 1024

/** Whoever keeps blocks. `putVerified` gives true when the block is new. */
export interface BlockWriter {
  putVerified(cid: CID, bytes: Uint8Array, options: { lease?: Lease | undefined }): Promise<boolean>
}

export interface AddFileOptions {
  /** IMAGE_LEAF_BYTES or FILE_LEAF_BYTES. */
  leafBytes: number
  lease?: Lease | undefined
  signal?: AbortSignal | undefined
  /** Told the bytes of each leaf that was taken in. */
  onBytes?: ((bytes: number) => void) | undefined
}

export interface AddedFile {
  cid: CID
  /** Of the contents. */
  sizeBytes: number
  /** Of the contents and all nodes: what a link to it says (Tsize). */
  totalBytes: number
  /** Blocks that were not in the stock yet, and their bytes. */
  newBlocks: number
  newBytes: number
}

export interface Child {
  cid: CID
  sizeBytes: number
  totalBytes: number
}

/**
 * Takes a file in as it is read; the chunks may have any size and become the stock's own. Holds some 20 MiB, however
 * large the file is. Blocks are durable after the next commit.
 */
export async function addFile(
  blocks: BlockWriter,
  chunks: AsyncIterable<Uint8Array>,
  options: AddFileOptions,
): Promise<AddedFile> {
  if (!(options.leafBytes > 0 && options.leafBytes <= MAX_BLOCK_BYTES)) throw new RangeError('leafBytes')
  const builder = new FileBuilder(blocks, options.lease)
  try {
    for await (const leaf of leavesOf(chunks, options.leafBytes)) {
      options.signal?.throwIfAborted()
      await builder.addLeaf(leaf)
      options.onBytes?.(leaf.length)
    }
    const root = await builder.finish()
    return { ...root, newBlocks: builder.newBlocks, newBytes: builder.newBytes }
  } finally {
    await builder.settle()
  }
}

/** The root of a file whose leaves are known by their CIDs; the nodes above them, that one last, go to `blocks`. */
export async function addNodes(blocks: BlockWriter, leaves: Iterable<{ cid: CID; sizeBytes: number }>): Promise<Child> {
  const builder = new FileBuilder(blocks, undefined)
  for (const { cid, sizeBytes } of leaves) await builder.addKnownLeaf(cid, sizeBytes)
  return builder.finish()
}

/** Cuts a stream into pieces of exactly `leafBytes`, the last one shorter; one empty piece for an empty stream. */
export async function* leavesOf(
  chunks: AsyncIterable<Uint8Array>,
  leafBytes: number,
): AsyncGenerator<Uint8Array, void> {
  let filled = 0
  let leaf: Uint8Array | undefined
  let empty = true
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      empty = false
      if (leaf === undefined && chunk.length - at >= leafBytes) {
        yield chunk.subarray(at, at + leafBytes)
        at += leafBytes
        continue
      }
      leaf ??= Buffer.allocUnsafeSlow(leafBytes)
      const part = chunk.subarray(at, at + leafBytes - filled)
      leaf.set(part, filled)
      filled += part.length
      at += part.length
      if (filled < leafBytes) continue
      yield leaf
      leaf = undefined
      filled = 0
    }
  }
  if (leaf !== undefined) yield leaf.subarray(0, filled)
  else if (empty) yield new Uint8Array(0)
}

class FileBuilder {
  newBlocks = 0
  newBytes = 0
  readonly #blocks: BlockWriter
  readonly #lease: Lease | undefined
  readonly #window = new ByteWindow(IN_FLIGHT_BYTES)
  /** Nodes that have no parent yet, by height: leaves first. */
  readonly #levels: Child[][] = [[]]

  constructor(blocks: BlockWriter, lease: Lease | undefined) {
    this.#blocks = blocks
    this.#lease = lease
  }

  async addLeaf(bytes: Uint8Array): Promise<void> {
    const cid = cidOf(RAW_CODE, bytes)
    await this.#write(cid, bytes)
    await this.addKnownLeaf(cid, bytes.length)
  }

  /** A leaf that is not written. */
  async addKnownLeaf(cid: CID, sizeBytes: number): Promise<void> {
    await this.#add(0, { cid, sizeBytes, totalBytes: sizeBytes })
  }

  async #write(cid: CID, bytes: Uint8Array): Promise<void> {
    const writing = this.#blocks.putVerified(cid, bytes, { lease: this.#lease }).then((isNew) => {
      if (!isNew) return
      this.newBlocks++
      this.newBytes += bytes.length
    })
    await this.#window.add(bytes.length, writing)
  }

  /** A level gets its parent when one more child comes than the parent can hold: what fits in one node stays flat. */
  async #add(height: number, child: Child): Promise<void> {
    this.#levels[height] ??= []
    const level = this.#levels[height]
    if (level.length === LINKS_PER_NODE) await this.#reduce(height)
    this.#levels[height].push(child)
  }

  async #reduce(height: number): Promise<void> {
    const children = this.#levels[height] ?? []
    this.#levels[height] = []
    const bytes = encodeFileNode(children)
    const cid = cidOf(DAG_PB_CODE, bytes)
    await this.#write(cid, bytes)
    const sizeBytes = sum(children, (child) => child.sizeBytes)
    const totalBytes = bytes.length + sum(children, (child) => child.totalBytes)
    await this.#add(height + 1, { cid, sizeBytes, totalBytes })
  }

  async finish(): Promise<Child> {
    for (let height = 0; ; height++) {
      const level = this.#levels[height] ?? []
      const [only] = level
      if (height === this.#levels.length - 1 && level.length === 1 && only !== undefined) {
        await this.#window.drain()
        return only
      }
      await this.#reduce(height)
    }
  }

  /** Nothing of it is running any more when this is done. */
  async settle(): Promise<void> {
    await this.#window.drain().catch(() => {})
  }
}

function encodeFileNode(children: readonly Child[]): Uint8Array {
  const unixfs = new UnixFS({ type: 'file', blockSizes: children.map((child) => BigInt(child.sizeBytes)) })
  const links = children.map(({ cid, totalBytes }) => ({ Name: '', Hash: cid, Tsize: totalBytes }))
  return dagPb.encode({ Data: unixfs.marshal(), Links: links })
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
