import type { Verify } from '../stock/blocks.ts'
import { verifyHere } from '../stock/blocks.ts'
import { checkBlockSize, checkCid, digestOf } from '../stock/cid.ts'
import type { BlockThreads } from './block-threads.ts'

/** Handing a smaller block to a thread costs more than to decompress it. */
const SMALL_BLOCK_BYTES = 32 * 1024

/** Verifies what comes in threads, and small blocks at once. */
export function verifyIn(threads: BlockThreads): Verify {
  return async (cid, block) => {
    if (block.rawLength <= SMALL_BLOCK_BYTES) return verifyHere(cid, block)
    checkCid(cid)
    checkBlockSize(cid, block.rawLength)
    await threads.run({ kind: 'verify', block: { ...block, digest: digestOf(cid) } })
  }
}
