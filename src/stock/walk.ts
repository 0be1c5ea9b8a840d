import type { CID } from 'multiformats/cid'
import { blockMissing, RAW_CODE, walkKey } from './cid.ts'
import { linksOf } from './links.ts'

export interface WalkedBlocks {
  has(cid: CID): Promise<boolean>
  get(cid: CID): Promise<Uint8Array>
}

/**
 * Every block of some DAGs that is in the stock, in the order of a walk down and along, each once: `seen` holds their
 * walk keys, and what it holds before is left out. `missing` is told of those that are not here, and may throw. A
 * damaged node throws BlockMismatch; leaves are not read.
 */
export async function* walk(
  blocks: WalkedBlocks,
  roots: Iterable<CID>,
  seen: Set<string>,
  missing: (cid: CID) => void = (cid) => {
    throw blockMissing(cid)
  },
): AsyncGenerator<CID, void> {
  const waiting = [...roots].reverse()
  for (let cid = waiting.pop(); cid !== undefined; cid = waiting.pop()) {
    const key = walkKey(cid)
    if (seen.has(key)) continue
    seen.add(key)
    if (!(await blocks.has(cid))) {
      missing(cid)
      continue
    }
    yield cid
    if (cid.code === RAW_CODE) continue
    for (const link of linksOf(cid, await blocks.get(cid)).reverse()) waiting.push(link)
  }
}

/** Remembers nodes whose whole DAG is in the stock, until a sweep may have changed that. */
export class CompleteNodes {
  /** Some 10 MB of memory; when it is full it starts anew. */
  static readonly MAX_NODES = 100_000
  readonly #keys = new Set<string>()

  has(key: string): boolean {
    return this.#keys.has(key)
  }

  add(keys: readonly string[]): void {
    if (this.#keys.size + keys.length > CompleteNodes.MAX_NODES) this.#keys.clear()
    for (const key of keys.slice(0, CompleteNodes.MAX_NODES)) this.#keys.add(key)
  }

  clear(): void {
    this.#keys.clear()
  }
}
