import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { GlasError } from '../glas/errors.ts'
import { cutOff, SocketBytes } from './websocket-bytes.ts'
import { encodeFrame, type Frame, isControl, OPCODE, readFrame } from './websocket-frames.ts'

/** RFC 6455, section 1.3. */
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const KEY = /^[A-Za-z0-9+/]{22}==$/
/** Frames that one message may be cut into: an original Tap never cuts, a new one sends pieces of a megabyte. */
const MAX_FRAGMENTS = 65_536
/** Answers that the other side does not read are not piled up. */
const MAX_UNSENT_BYTES = 64 * 1024

export interface Message {
  /** Of its first frame, which is all of it unless it is cut into several. */
  announcedBytes: number
  /**
   * Each chunk is good until the next one is asked for. Has to be read to its end before the next message. Throws
   * BadMessage when it is cut off, LimitExceeded when it is longer than allowed.
   */
  chunks(maxBytes: number): AsyncGenerator<Buffer, void>
}

/** One side of an open WebSocket. */
export class WebSocketChannel {
  readonly #socket: Socket
  readonly #bytes: SocketBytes
  #isClosing = false

  constructor(socket: Socket, head: Buffer) {
    this.#socket = socket
    this.#bytes = new SocketBytes(socket, head)
  }

  /** The next message; undefined when the other side has closed. Control frames are answered on the way. */
  async next(): Promise<Message | undefined> {
    const first = await this.#nextData()
    if (first === undefined) return undefined
    return { announcedBytes: first.lengthBytes, chunks: (maxBytes) => this.#chunksOf(first, maxBytes) }
  }

  sendText(text: string): void {
    this.#send(OPCODE.text, Buffer.from(text))
  }

  ping(): void {
    this.#send(OPCODE.ping, Buffer.alloc(0))
  }

  close(): void {
    if (!this.#isClosing) this.#send(OPCODE.close, Buffer.alloc(0))
    this.#isClosing = true
    this.#socket.end()
  }

  async *#chunksOf(first: Frame, maxBytes: number): AsyncGenerator<Buffer, void> {
    let frame = first
    let lengthBytes = 0
    for (let fragments = 1; ; fragments++) {
      lengthBytes += frame.lengthBytes
      if (lengthBytes > maxBytes) throw tooLong(maxBytes, 'bytes')
      if (fragments > MAX_FRAGMENTS) throw tooLong(MAX_FRAGMENTS, 'pieces')
      yield* frame.payload
      if (frame.isLast) return
      const next = await this.#nextData()
      if (next === undefined) throw cutOff()
      frame = next
    }
  }

  async #nextData(): Promise<Frame | undefined> {
    for (;;) {
      const frame = await readFrame(this.#bytes)
      if (frame === undefined || !isControl(frame)) return frame
      const payload = await collected(frame.payload)
      if (frame.opcode === OPCODE.ping) this.#send(OPCODE.pong, payload)
      if (frame.opcode !== OPCODE.close) continue
      this.close()
      return undefined
    }
  }

  #send(opcode: number, payload: Buffer): void {
    if (!this.#socket.writable || this.#socket.writableLength > MAX_UNSENT_BYTES) return
    this.#socket.write(encodeFrame(opcode, payload))
  }
}

/** All of a short message. */
export async function collected(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const chunk of chunks) parts.push(Buffer.from(chunk))
  return Buffer.concat(parts)
}

/** Answers the upgrade. Throws BadUsage when it is not one to a WebSocket of version 13. */
export function acceptWebSocket(request: IncomingMessage, socket: Socket, head: Buffer): WebSocketChannel {
  const { upgrade = '', 'sec-websocket-version': version, 'sec-websocket-key': key = '' } = request.headers
  if (request.method !== 'GET' || upgrade.toLowerCase() !== 'websocket' || version !== '13' || !KEY.test(key)) {
    throw new GlasError('BadUsage', 'This is no WebSocket of version 13.')
  }
  const accept = createHash('sha1').update(`${key}${ACCEPT_SUFFIX}`).digest('base64')
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
  socket.write(`${[...lines, `Sec-WebSocket-Accept: ${accept}`].join('\r\n')}\r\n\r\n`)
  return new WebSocketChannel(socket, head)
}

function tooLong(limit: number, unit: string): GlasError {
  const message = `A message of a Tap has more than ${limit} ${unit}.`
  return new GlasError('LimitExceeded', message, { data: { limit, unit } })
}
