import type { Socket } from 'node:net'
import { GlasError } from '../glas/errors.ts'

/** Smaller chunks may share their memory with others. */
const MIN_FREED_BYTES = 16 * 1024

/** The bytes of a connection, as many at a time as are asked for. The connection is read no faster than that. */
export class SocketBytes {
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer
  /** What `#rest` is the rest of. */
  #chunk: Buffer | undefined

  constructor(socket: Socket, head: Buffer) {
    this.#chunks = (socket as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
    this.#rest = head
  }

  /**
   * The next bytes, at most `maxBytes`; undefined at the end of the connection. They are the caller's until the next
   * call: their memory is given back then, for a garbage collector lets a hundred megabytes of it pile up.
   */
  async some(maxBytes: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      this.#freeChunk()
      const { done, value } = await this.#chunks.next()
      if (done) return undefined
      this.#rest = value
      this.#chunk = value
    }
    const taken = this.#rest.subarray(0, maxBytes)
    this.#rest = this.#rest.subarray(taken.length)
    return taken
  }

  /** Exactly so many; undefined when the connection ends before the first of them. Throws BadMessage when later. */
  async exactly(lengthBytes: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = []
    let missingBytes = lengthBytes
    while (missingBytes > 0) {
      const part = await this.some(missingBytes)
      if (part === undefined && parts.length === 0) return undefined
      if (part === undefined) throw cutOff()
      parts.push(Buffer.from(part))
      missingBytes -= part.length
    }
    return Buffer.concat(parts)
  }

  #freeChunk(): void {
    const memory = this.#chunk?.buffer
    const isOwn = this.#chunk?.length === memory?.byteLength
    if (memory instanceof ArrayBuffer && isOwn && memory.byteLength >= MIN_FREED_BYTES) memory.transfer(0)
    this.#chunk = undefined
  }
}

export function cutOff(): GlasError {
  return new GlasError('BadMessage', 'The connection ended in the middle of a message.')
}
