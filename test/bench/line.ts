/**
 * An emulated line: a TCP proxy on loopback that counts the bytes, paces them to a rate and delivers them after a delay.
 * The kernel's own means are often not there. It is kinder than a real line: no loss, no slow start, and the window is
 * as large as the line needs.
 */
import { createConnection, createServer, type Server, type Socket } from 'node:net'

export interface LineShape {
  /** Bits per second in each direction; Infinity only counts. */
  bitsPerSecond: number
  /** One way. */
  delayMs: number
}

export const COUNTED: LineShape = { bitsPerSecond: Number.POSITIVE_INFINITY, delayMs: 0 }

/** What one connection may have under way beyond what fills the line: queues of its routers. */
const QUEUE_BYTES = 256 * 1024
/** Where the rate is not limited. */
const UNPACED_BYTES = 16 * 1024 * 1024

/** One direction, shared by all connections. */
class Lane {
  bytes = 0
  readonly windowBytes: number
  readonly #bytesPerMs: number
  readonly #delayMs: number
  #freeAtMs = 0

  constructor({ bitsPerSecond, delayMs }: LineShape) {
    this.#bytesPerMs = bitsPerSecond / 8000
    this.#delayMs = delayMs
    const filling = this.#bytesPerMs * delayMs * 2
    this.windowBytes = Number.isFinite(bitsPerSecond) ? filling + QUEUE_BYTES : UNPACED_BYTES
  }

  /** When bytes that are sent at `nowMs` or later come out at the other end. */
  arrivalMs(sizeBytes: number, nowMs: number): number {
    this.bytes += sizeBytes
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + sizeBytes / this.#bytesPerMs
    return this.#freeAtMs + this.#delayMs
  }
}

export class Line {
  readonly #server: Server
  readonly #lanes: [there: Lane, back: Lane]
  readonly #sockets = new Set<Socket>()

  /** `target` is a port of loopback. */
  constructor(target: number, shape: LineShape) {
    const lanes: [Lane, Lane] = [new Lane(shape), new Lane(shape)]
    this.#lanes = lanes
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      const far = createConnection({ host: '127.0.0.1', port: target, allowHalfOpen: true, noDelay: true })
      // The first byte goes out when the handshake has been there and back.
      const openMs = performance.now() + 2 * shape.delayMs
      carry(near, far, lanes[0], openMs)
      carry(far, near, lanes[1], openMs)
      for (const socket of [near, far]) {
        this.#sockets.add(socket)
        socket.on('close', () => this.#sockets.delete(socket))
        socket.on('error', () => {
          near.destroy()
          far.destroy()
        })
      }
    })
  }

  /** Listens at a path of the local file system, where the front of a namespace finds it. */
  async listen(path: string): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(path, resolve)
    })
    return this
  }

  /** Both directions together, since the line was made. */
  get bytes(): number {
    return this.#lanes[0].bytes + this.#lanes[1].bytes
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** Undefined bytes are the end of the stream. */
interface UnderWay {
  atMs: number
  bytes: Buffer | undefined
}

function carry(from: Socket, to: Socket, lane: Lane, openMs: number): void {
  const underWay: UnderWay[] = []
  let sizeBytes = 0
  let timer: NodeJS.Timeout | undefined
  let isFull = false
  const send = (bytes: Buffer | undefined) => {
    underWay.push({ atMs: lane.arrivalMs(bytes?.length ?? 0, Math.max(openMs, performance.now())), bytes })
    sizeBytes += bytes?.length ?? 0
    if (sizeBytes > lane.windowBytes) from.pause()
    wait()
  }
  const wait = () => {
    const [first] = underWay
    if (first === undefined || isFull || timer !== undefined) return
    timer = setTimeout(deliver, Math.max(0, first.atMs - performance.now()))
  }
  const deliver = () => {
    timer = undefined
    for (let [first] = underWay; first !== undefined && first.atMs <= performance.now(); [first] = underWay) {
      underWay.shift()
      if (to.destroyed) return
      if (first.bytes === undefined) to.end()
      else {
        sizeBytes -= first.bytes.length
        isFull = !to.write(first.bytes)
      }
      if (isFull) break
    }
    if (sizeBytes <= lane.windowBytes) from.resume()
    wait()
  }
  to.on('drain', () => {
    isFull = false
    wait()
  })
  from.on('data', send)
  from.on('end', () => send(undefined))
}
