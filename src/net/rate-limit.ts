import { setTimeout as sleep } from 'node:timers/promises'

/** So many bytes are let through at a time: small, so that what is limited goes out evenly and others get in between. */
export const PACE_BYTES = 16 * 1024

/**
 * Bytes in a second, over all streams that share it. Whoever wants to send or read takes its bytes first, and waits for
 * its turn: turns are given in the order of asking. Without a limit nobody waits.
 */
export class RateLimit {
  readonly #limits = new Set<{ bytesPerSecond: number }>()
  /** When all that was taken so far is through. */
  #freeMs = 0

  get isSet(): boolean {
    return this.#limits.size > 0
  }

  /** Counts from now on until the function is called that it gives; of several limits the lowest counts. */
  set(bytesPerSecond: number): () => void {
    const limit = { bytesPerSecond }
    this.#limits.add(limit)
    return () => void this.#limits.delete(limit)
  }

  /** Rejects with the signal's reason. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    if (!this.isSet) return
    const lowest = Math.min(...[...this.#limits].map(({ bytesPerSecond }) => bytesPerSecond))
    const nowMs = performance.now()
    const turnMs = Math.max(nowMs, this.#freeMs)
    this.#freeMs = turnMs + (bytes / lowest) * 1000
    if (turnMs > nowMs) await sleep(turnMs - nowMs, undefined, { signal })
    signal.throwIfAborted()
  }
}

const KIB = 1024

export interface BandwidthLimits {
  /** KiB in a second, as restic counts; 0 for no limit. */
  uploadKib: number
  downloadKib: number
}

/** Of the blocks that this peer sends and gets; everything else is small. */
export class Bandwidth {
  readonly upload = new RateLimit()
  readonly download = new RateLimit()

  limit({ uploadKib, downloadKib }: BandwidthLimits): () => void {
    const ends = [
      ...(uploadKib > 0 ? [this.upload.set(uploadKib * KIB)] : []),
      ...(downloadKib > 0 ? [this.download.set(downloadKib * KIB)] : []),
    ]
    return () => {
      for (const end of ends) end()
    }
  }
}
