import type { Socket } from 'node:net'
import { GlasError } from '../glas/errors.ts'

/** The bytes of a connection, as many at a time as are asked for. The connection is read no faster than that. */
export class SocketBytes {
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer

  constructor(socket: Socket, head: Buffer) {
    this.#chunks = (socket as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
    this.#rest = head
  }

  /** The next bytes, at most `maxBytes`; undefined at the end of the connection. */
  async some(maxBytes: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next()
      if (done) return undefined
      this.#rest = value
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
      parts.push(part)
      missingBytes -= part.length
    }
    return Buffer.concat(parts)
  }
}

export function cutOff(): GlasError {
  return new GlasError('BadMessage', 'The connection ended in the middle of a message.')
}
