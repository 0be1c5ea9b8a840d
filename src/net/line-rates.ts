import { type PublicKey, toHex } from '../glas/keys.ts'
import type { BlockFetch } from './fetch-blocks.ts'

/** Less than this says more about the time that an answer takes than about the line. */
const MIN_MEASURED_BYTES = 512 * 1024
/** A laptop is taken elsewhere: what was measured before counts no more. */
const MEASURED_FOR_MS = 15 * 60_000
/** Peers of which a rate is kept; the one measured first goes. */
const MAX_MEASURED_PEERS = 256

/**
 * How fast blocks came from each peer lately, in bytes a second: as fast as they were sent, carried and taken, whichever
 * was slowest.
 */
export class LineRates {
  readonly #rates = new Map<string, { bytesPerSecond: number; atMs: number }>()

  /** 0 where nothing is known. */
  of(peerKey: PublicKey): number {
    const known = this.#rates.get(toHex(peerKey))
    return known === undefined || performance.now() - known.atMs > MEASURED_FOR_MS ? 0 : known.bytesPerSecond
  }

  /** The same fetch, looked at on its way. */
  measured(peerKey: PublicKey, fetch: BlockFetch): BlockFetch {
    return {
      [Symbol.asyncIterator]: () => this.#watch(peerKey, fetch),
      reportBad: (cid) => fetch.reportBad(cid),
      get receivedBytes() {
        return fetch.receivedBytes
      },
    }
  }

  async *#watch(peerKey: PublicKey, fetch: BlockFetch) {
    let bytes = 0
    let beganMs: number | undefined
    try {
      for await (const answer of fetch) {
        // From the first answer on: what was before is the peer looking for it.
        if (beganMs === undefined) beganMs = performance.now()
        else if (answer.status === 'found') bytes += answer.bytes.length
        yield answer
      }
    } finally {
      if (beganMs !== undefined && bytes >= MIN_MEASURED_BYTES) this.#note(peerKey, bytes, performance.now() - beganMs)
    }
  }

  #note(peerKey: PublicKey, bytes: number, ms: number): void {
    const peer = toHex(peerKey)
    this.#rates.delete(peer)
    this.#rates.set(peer, { bytesPerSecond: Math.ceil((bytes * 1000) / Math.max(ms, 1)), atMs: performance.now() })
    if (this.#rates.size > MAX_MEASURED_PEERS) this.#rates.delete(this.#rates.keys().next().value!)
  }
}
