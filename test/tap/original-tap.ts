/**
 * The Tap of 2020, byte by byte: what it sends, in which order, and what it never does. It sends no Origin, no
 * subprotocol, masks every frame, and sends its zip as one frame without waiting for any answer.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, statSync } from 'node:fs'
import { connect, type Socket } from 'node:net'

export interface TapRecord {
  version?: number[]
  host?: string
  path?: string
  name?: string
  imageId?: string
}

const UPGRADE_LIMIT_MS = 10_000

/** The answer to an upgrade: its status, and the open connection with what came behind the head. */
export interface Upgraded {
  status: number
  socket: Socket
  rest: Buffer
}

/** Asks for a WebSocket as Zinc does. `headers` replace or add lines. */
export async function upgrade(url: string, path = '/taps/', headers: Record<string, string> = {}): Promise<Upgraded> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  const lines = {
    'User-Agent': 'Zinc HTTP Components 1.0 (Pharo/8.0)',
    Accept: '*/*',
    Host: `localhost:${port}`,
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    ...headers,
  }
  const head = Object.entries(lines).map(([key, value]) => `${key}: ${value}\r\n`)
  socket.write(`GET ${path} HTTP/1.1\r\n${head.join('')}\r\n`)
  let answer = Buffer.alloc(0)
  const timer = setTimeout(() => socket.destroy(), UPGRADE_LIMIT_MS)
  while (!answer.includes('\r\n\r\n')) {
    const [chunk] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as [Buffer | boolean]
    if (!Buffer.isBuffer(chunk)) break
    answer = Buffer.concat([answer, chunk])
  }
  clearTimeout(timer)
  socket.pause()
  const end = answer.indexOf('\r\n\r\n')
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(answer.toString('latin1'))?.[1] ?? 0)
  return { status, socket, rest: answer.subarray(end + 4) }
}

export interface FrameOptions {
  opcode?: number
  isLast?: boolean
  /** Announced; the length of the payload where not given. */
  lengthBytes?: number
  /** Frames without a mask are accepted, too. */
  masked?: boolean
}

/** The head of a frame and its mask; lengths below 126 in 7 bits, below 65536 in 16, else in 64. */
export function frameHead(lengthBytes: number, { opcode = 1, isLast = true, masked = true }: FrameOptions = {}) {
  const maskBit = masked ? 0x80 : 0
  const head = [(isLast ? 0x80 : 0) | opcode]
  if (lengthBytes < 126) head.push(maskBit | lengthBytes)
  else if (lengthBytes < 65_536) head.push(maskBit | 126, lengthBytes >> 8, lengthBytes & 0xff)
  else head.push(maskBit | 127)
  const long = Buffer.alloc(lengthBytes < 65_536 ? 0 : 8)
  if (long.length > 0) long.writeBigUInt64BE(BigInt(lengthBytes))
  const mask = masked ? randomBytes(4) : Buffer.alloc(0)
  return { bytes: Buffer.concat([Buffer.from(head), long, mask]), mask }
}

export function masking(payload: Uint8Array, mask: Uint8Array, offset = 0): Buffer {
  const masked = Buffer.from(payload)
  if (mask.length > 0) for (let at = 0; at < masked.length; at++) masked[at]! ^= mask[(offset + at) & 3]!
  return masked
}

export function frame(payload: Uint8Array, options: FrameOptions = {}): Buffer {
  const { bytes, mask } = frameHead(options.lengthBytes ?? payload.length, options)
  return Buffer.concat([bytes, masking(payload, mask)])
}

export function recordFrame(record: TapRecord & { action: string }): Buffer {
  return frame(Buffer.from(JSON.stringify({ version: [0, 0, 1], ...record })))
}

/** A Tap that waits. Calls `onRequest` with the text of each frame of the server; answers pings. */
export class WaitingTap {
  readonly socket: Socket
  readonly requests: string[] = []
  pings = 0
  readonly closed: Promise<unknown>

  private constructor({ socket, rest }: Upgraded, onRequest: (text: string) => void) {
    this.socket = socket
    this.closed = once(socket, 'close')
    let buffer = rest
    const read = () => {
      for (;;) {
        const lengthBytes = buffer.length < 2 ? 0 : buffer[1]! & 0x7f
        const start = lengthBytes === 126 ? 4 : 2
        if (buffer.length < start) return
        const length = lengthBytes === 126 ? buffer.readUInt16BE(2) : lengthBytes
        if (buffer.length < start + length) return
        const opcode = buffer[0]! & 0x0f
        const payload = buffer.subarray(start, start + length)
        buffer = buffer.subarray(start + length)
        if (opcode === 9) {
          this.pings++
          socket.write(frame(payload, { opcode: 10 }))
        } else if (opcode <= 2) {
          this.requests.push(payload.toString('utf8'))
          onRequest(payload.toString('utf8'))
        }
      }
    }
    socket.on('data', (chunk: Buffer) => {
      buffer = Buffer.concat([buffer, chunk])
      read()
    })
    read()
    socket.resume()
  }

  static async start(
    url: string,
    record: TapRecord,
    onRequest: (text: string) => void = () => {},
    headers: Record<string, string> = {},
  ): Promise<WaitingTap> {
    const upgraded = await upgrade(url, '/taps/', headers)
    if (upgraded.status !== 101) throw new Error(`the upgrade was answered with ${upgraded.status}`)
    upgraded.socket.write(recordFrame({ ...record, action: 'wait' }))
    return new WaitingTap(upgraded, onRequest)
  }

  /** As an image that is quit: the connection ends without a word. */
  stop(): void {
    this.socket.destroy()
  }
}

export interface BeamOptions {
  /** Ends the connection after so many bytes of the zip. */
  cutAfterBytes?: number
  /** What a proxy adds, or a Tap of today. */
  headers?: Record<string, string>
}

/** Sends a zip: the record, one frame, an empty close frame, and the end of the connection, waiting for nothing. */
export async function beam(
  url: string,
  record: TapRecord,
  zipPath: string,
  { cutAfterBytes = Number.POSITIVE_INFINITY, headers = {} }: BeamOptions = {},
): Promise<void> {
  const { status, socket } = await upgrade(url, '/taps/', headers)
  if (status !== 101) throw new Error(`the upgrade was answered with ${status}`)
  const closed = once(socket, 'close')
  socket.write(recordFrame({ ...record, action: 'beam' }))
  const { bytes, mask } = frameHead(statSync(zipPath).size, { opcode: 2 })
  socket.write(bytes)
  let sentBytes = 0
  for await (const chunk of createReadStream(zipPath, { highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>) {
    const part = chunk.subarray(0, Math.max(0, cutAfterBytes - sentBytes))
    const goesOn = socket.write(masking(part, mask, sentBytes))
    sentBytes += part.length
    if (part.length < chunk.length || socket.destroyed) {
      socket.destroy()
      return
    }
    if (!goesOn) await Promise.race([once(socket, 'drain'), closed])
  }
  socket.end(frame(new Uint8Array(0), { opcode: 8 }))
  socket.resume()
  await closed
}
