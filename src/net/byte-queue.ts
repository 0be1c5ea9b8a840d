/** Received chunks in order, given out in the pieces that a reader wants. */
export class ByteQueue {
  byteLength = 0
  readonly #chunks: Uint8Array[] = []

  append(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.byteLength += chunk.byteLength
  }

  clear(): void {
    this.#chunks.length = 0
    this.byteLength = 0
  }

  /** Removes the first `bytes` and gives them as a copy of their own; there must be as many. */
  take(bytes: number): Uint8Array {
    const out = new Uint8Array(bytes)
    let filled = 0
    let used = 0
    while (filled < bytes) {
      const chunk = this.#chunks[used]!
      const wanted = bytes - filled
      out.set(wanted < chunk.byteLength ? chunk.subarray(0, wanted) : chunk, filled)
      if (wanted < chunk.byteLength) this.#chunks[used] = chunk.subarray(wanted)
      else used += 1
      filled += Math.min(wanted, chunk.byteLength)
    }
    this.#chunks.splice(0, used)
    this.byteLength -= bytes
    return out
  }
}

/** Parts up to this size are copied together: one small frame is cheaper than two. */
const MAX_JOINED_BYTES = 16 * 1024

/** Neighbouring small parts become one; large ones are passed on uncopied. */
export function* joinSmall(parts: Uint8Array[]): Generator<Uint8Array> {
  let small: Uint8Array[] = []
  let smallBytes = 0
  for (const part of parts) {
    if (smallBytes + part.byteLength > MAX_JOINED_BYTES) {
      if (smallBytes > 0) yield Buffer.concat(small)
      small = []
      smallBytes = 0
    }
    if (part.byteLength > MAX_JOINED_BYTES) {
      yield part
    } else {
      small.push(part)
      smallBytes += part.byteLength
    }
  }
  if (smallBytes > 0) yield Buffer.concat(small)
}
