import type { CID } from 'multiformats/cid'
import { blockMissing, keyOf } from '../../../src/stock/cid.ts'
import type { BlockWriter } from '../../../src/stock/dag-file.ts'

/** Blocks in a map: what the builders and readers of DAGs need, without a disk. */
export class MemoryBlocks implements BlockWriter {
  readonly blocks = new Map<string, Uint8Array>()
  reads = 0

  async putVerified(cid: CID, bytes: Uint8Array): Promise<boolean> {
    const isNew = !this.blocks.has(keyOf(cid))
    this.blocks.set(keyOf(cid), bytes.slice())
    return isNew
  }

  async get(cid: CID): Promise<Uint8Array> {
    this.reads++
    const bytes = this.blocks.get(keyOf(cid))
    if (bytes === undefined) throw blockMissing(cid)
    return bytes
  }

  async sizeOf(cid: CID): Promise<number | undefined> {
    return this.blocks.get(keyOf(cid))?.length
  }
}

/** Bytes that differ from block to block and compress by half, the same for the same seed. */
export function someBytes(length: number, seed: number): Uint8Array {
  const bytes = Buffer.alloc(length)
  let state = (seed * 2654435761 + 12345) >>> 0
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = (i >> 6) % 2 === 0 ? state >>> 24 : 0x41 + (seed % 7)
  }
  return bytes
}

/** The bytes in pieces of the given size. */
export async function* inChunks(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.slice(at, at + chunkBytes)
}
