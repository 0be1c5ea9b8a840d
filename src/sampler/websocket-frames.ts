/**
 * Frames of RFC 6455, read as a stream: an original Tap sends a whole image as one frame of up to 2 GiB, which no
 * library takes without holding it in memory.
 */
import { GlasError } from '../glas/errors.ts'
import { cutOff, type SocketBytes } from './websocket-bytes.ts'

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** What RFC 6455 allows for a frame that is no data. */
const MAX_CONTROL_BYTES = 125
/** In the place of a short length: the length follows in 16 bits; one more, and it follows in 64. */
const LENGTH_16 = 126
const MASK_BYTES = 4
/** What a connection gives at once is not longer than this in any case that was seen. */
export const MAX_CHUNK_BYTES = 256 * 1024

export interface Frame {
  isLast: boolean
  opcode: number
  lengthBytes: number
  /**
   * Unmasked. Each chunk is good until the next one is asked for. Has to be read to its end before the next frame.
   * Throws BadMessage when the connection ends before.
   */
  payload: AsyncGenerator<Buffer, void>
}

export function isControl({ opcode }: Pick<Frame, 'opcode'>): boolean {
  return opcode >= OPCODE.close
}

/** The next frame; undefined when the connection has ended. Throws BadMessage for what is no frame. */
export async function readFrame(bytes: SocketBytes): Promise<Frame | undefined> {
  const head = await bytes.exactly(2)
  if (head === undefined) return undefined
  const [first = 0, second = 0] = head
  if ((first & 0x70) !== 0) throw badFrame('it uses an extension that was not agreed on')
  const opcode = first & 0x0f
  if (opcode > OPCODE.binary && (opcode < OPCODE.close || opcode > OPCODE.pong)) throw badFrame('its kind is unknown')
  const isLast = (first & 0x80) !== 0
  const lengthBytes = await readLength(bytes, second & 0x7f)
  if (opcode >= OPCODE.close && (lengthBytes > MAX_CONTROL_BYTES || !isLast)) throw badFrame('its control is too long')
  const mask = (second & 0x80) === 0 ? undefined : await needed(bytes, MASK_BYTES)
  return { isLast, opcode, lengthBytes, payload: readPayload(bytes, lengthBytes, mask) }
}

/** Frames of a server are not masked. */
export function encodeFrame(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload
  if (length >= 2 ** 16) throw new GlasError('Internal', 'The daemon sends short messages only.')
  const head = length < LENGTH_16 ? [length] : [LENGTH_16, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([0x80 | opcode, ...head]), payload])
}

async function readLength(bytes: SocketBytes, short: number): Promise<number> {
  if (short < LENGTH_16) return short
  if (short === LENGTH_16) return (await needed(bytes, 2)).readUInt16BE()
  const length = (await needed(bytes, 8)).readBigUInt64BE()
  if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw badFrame('its length is beyond all bounds')
  return Number(length)
}

async function* readPayload(
  bytes: SocketBytes,
  lengthBytes: number,
  mask: Buffer | undefined,
): AsyncGenerator<Buffer, void> {
  let done = 0
  while (done < lengthBytes) {
    const chunk = await bytes.some(Math.min(lengthBytes - done, MAX_CHUNK_BYTES))
    if (chunk === undefined) throw cutOff()
    if (mask !== undefined) unmask(chunk, mask, done)
    done += chunk.length
    yield chunk
  }
}

function unmask(chunk: Buffer, mask: Buffer, offset: number): void {
  const keys = [0, 1, 2, 3].map((at) => mask[(offset + at) % MASK_BYTES] ?? 0) as [number, number, number, number]
  for (let at = 0; at < chunk.length; at++) chunk[at] = (chunk[at] as number) ^ (keys[at & 3] as number)
}

async function needed(bytes: SocketBytes, lengthBytes: number): Promise<Buffer> {
  const read = await bytes.exactly(lengthBytes)
  if (read === undefined) throw cutOff()
  return read
}

function badFrame(why: string): GlasError {
  return new GlasError('BadMessage', `What came over the WebSocket is no frame: ${why}.`)
}
