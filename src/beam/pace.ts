import { setTimeout as sleep } from 'node:timers/promises'

export type Pace = (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>

/** Lets through so many bytes in a second, of all that it is given together; 0 lets everything through. */
export function paceOf(bytesPerSecond: number, signal: AbortSignal): Pace {
  if (bytesPerSecond === 0) return (chunks) => chunks
  let freeAtMs = 0
  return async function* (chunks) {
    for await (const chunk of chunks) {
      const now = performance.now()
      const waitMs = freeAtMs - now
      freeAtMs = Math.max(now, freeAtMs) + (1000 * chunk.byteLength) / bytesPerSecond
      if (waitMs > 0) await sleep(waitMs, undefined, { signal })
      yield chunk
    }
  }
}
