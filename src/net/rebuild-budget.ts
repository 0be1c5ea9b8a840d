import type { CID } from 'multiformats/cid'
import type { PublicKey } from '../glas/keys.ts'
import { Allowance } from './allowance.ts'
import type { BlockShelf } from './serve-blocks.ts'

/** Bytes of images that one peer may have rebuilt in a minute: some 15 s of a core. More of them wait. */
const MAX_REBUILT_BYTES_PER_MINUTE = 2 * 1024 * 1024 * 1024

/**
 * A block of an image that is kept as a delta, and lies rebuilt nowhere, costs the whole image: whoever asks for it pays
 * for that. `coldBytes` says how many bytes have to be made before a block can be read.
 */
export class RebuildBudget {
  readonly #allowance = new Allowance(MAX_REBUILT_BYTES_PER_MINUTE)
  readonly #coldBytes: (cid: CID) => Promise<number>
  readonly #stopping = new AbortController()

  constructor(coldBytes: (cid: CID) => Promise<number>) {
    this.#coldBytes = coldBytes
  }

  /** Returns when the block may be read for the peer. */
  async pay(peerKey: PublicKey, cid: CID): Promise<void> {
    const coldBytes = await this.#coldBytes(cid)
    if (coldBytes > 0) await this.#allowance.take(peerKey, coldBytes, this.#stopping.signal)
  }

  /** The same shelf, of which each peer has to pay for what it takes. */
  over(shelf: BlockShelf): BlockShelf {
    return {
      stored: async (cid, peerKey) => {
        await this.pay(peerKey, cid)
        return shelf.stored(cid, peerKey)
      },
      mayServe: (peerKey, cid) => shelf.mayServe(peerKey, cid),
    }
  }

  /** Whoever waits waits no longer. */
  stop(): void {
    this.#stopping.abort()
  }
}
