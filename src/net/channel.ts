import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { GlasError } from '../glas/errors.ts'
import type { PublicKey } from '../glas/keys.ts'
import { ByteQueue, joinSmall } from './byte-queue.ts'
import { PACE_BYTES, type RateLimit } from './rate-limit.ts'
import { decodeRefusal, encodeRefusal, MAX_REFUSAL_BYTES } from './refusal.ts'
import { closeError, exceeded, gone, tooSlow } from './stream-errors.ts'

/** What one end of a protocol grants the other. Every protocol names its own, with the reasons. */
export interface StreamLimits {
  /** Inbound streams of the protocol that one peer may have open at once. */
  maxStreamsPerPeer: number
  /** Inbound streams of the protocol from all peers together. */
  maxStreams: number
  /** The longest message that is read; what this end writes is bounded by the other end's limit. */
  maxMessageBytes: number
  /** Messages read from one stream before it is closed. */
  maxMessages: number
  /**
   * Received bytes that may wait for the reader. The sender is told to pause long before (see `pauseAtBytes`) but may
   * still send what its flow-control window holds; more than this ends the stream.
   */
  maxUnreadBytes: number
  /** Longest silence before the next message begins. */
  idleTimeoutMs: number
  /** Longest time that one message may take, read or written: bounds a peer that trickles bytes or does not read. */
  messageTimeoutMs: number
}

/** A message is preceded by its length: 4 bytes, big endian. The highest bit says that it is a refusal. */
const LENGTH_BYTES = 4
const REFUSAL_BIT = 0x80000000
/** Bytes waiting to be sent beyond which `write` waits: keeps the wire busy while the next message is made. */
export const MAX_UNSENT_BYTES = 1024 * 1024
/** Reading ahead of the reader, beyond one whole message: keeps the wire busy while a message is dealt with. */
const READ_AHEAD_BYTES = 256 * 1024
/** How long the other end may take to close its side after this one did. */
const CLOSE_TIMEOUT_MS = 5000

/**
 * Whole messages over one libp2p stream, with back-pressure at both ends. What a call throws, every later call of that
 * kind throws too; the owner then says why with `refuse`, or drops the stream with `abort`. Reads and writes may go on
 * at the same time, but only one of each.
 */
export class Channel {
  readonly peerKey: PublicKey
  /** Aborted when the channel is over for whatever reason: for work that is done on behalf of the peer. */
  readonly closed: AbortSignal
  /** Bytes that came, read or not. */
  receivedBytes = 0
  readonly #stream: Stream
  readonly #limits: StreamLimits
  readonly #closing = new AbortController()
  readonly #unread = new ByteQueue()
  #messages = 0
  #resuming = false
  /** The stream is gone. */
  #failure: GlasError | undefined
  /** The peer broke a rule in what it sent: nothing more is read, but it can still be told. */
  #unreadable: GlasError | undefined
  /** Settles whoever waits for bytes or for room; each is woken and looks again. */
  #wakeReader: (() => void) | undefined
  #wakeWriter: (() => void) | undefined

  constructor(stream: Stream, peerKey: PublicKey, limits: StreamLimits) {
    this.peerKey = peerKey
    this.closed = this.#closing.signal
    this.#stream = stream
    this.#limits = limits
    stream.maxReadBufferLength = limits.maxUnreadBytes
    stream.addEventListener('message', (event) => this.#onData(event))
    stream.addEventListener('remoteCloseWrite', () => this.#wakeReader?.())
    stream.addEventListener('drain', () => this.#wakeWriter?.())
    stream.addEventListener('idle', () => this.#wakeWriter?.())
    stream.addEventListener('close', (event) => this.#onClose(event))
  }

  /**
   * The next message; undefined when the peer ended its side between two messages. A lost connection can look the
   * same, so every protocol must know by its own messages whether it is complete. Throws the peer's refusal as a
   * GlasError with its code and `data.remote`; BadMessage, LimitExceeded or TimedOut when the peer breaks a rule;
   * PeerUnreachable when the stream breaks.
   */
  async read(): Promise<Uint8Array | undefined> {
    const { maxMessageBytes, maxMessages, idleTimeoutMs, messageTimeoutMs } = this.#limits
    if (!(await this.#received(LENGTH_BYTES, idleTimeoutMs))) {
      if (this.#unread.byteLength === 0) return undefined
      throw this.abort(gone('in the middle of a message'))
    }
    const head = readUint32(this.#take(LENGTH_BYTES))
    const isRefusal = head >= REFUSAL_BIT
    const lengthBytes = isRefusal ? head - REFUSAL_BIT : head
    const limit = isRefusal ? MAX_REFUSAL_BYTES : maxMessageBytes
    if (lengthBytes > limit) throw this.#stopReading(exceeded('A message', limit, lengthBytes, 'bytes'))
    this.#messages += 1
    if (this.#messages > maxMessages) {
      throw this.#stopReading(exceeded('A stream', maxMessages, this.#messages, 'messages'))
    }
    if (!(await this.#received(lengthBytes, messageTimeoutMs))) throw this.abort(gone('in the middle of a message'))
    const message = this.#take(lengthBytes)
    if (isRefusal) throw this.abort(decodeRefusal(message))
    return message
  }

  /** Like `read`, for a protocol that is not complete yet: the end of the stream is PeerUnreachable. */
  async readNext(): Promise<Uint8Array> {
    const message = await this.read()
    if (message === undefined) throw this.abort(gone('before it was done'))
    return message
  }

  /**
   * Sends one message made of `parts`, which belong to the stream from then on and must not be changed. Returns when
   * the message is queued and at most MAX_UNSENT_BYTES and itself are unsent; waits while the peer does not read.
   */
  async write(...parts: Uint8Array[]): Promise<void> {
    await this.#roomToWrite()
    this.#send(lengthOf(parts), parts)
  }

  /** The same at the pace of a limit. */
  async writePaced(limit: RateLimit, ...parts: Uint8Array[]): Promise<void> {
    if (!limit.isSet) return this.write(...parts)
    const message = Buffer.concat(parts)
    await this.#roomToWrite()
    await limit.take(LENGTH_BYTES, this.closed)
    this.#send(message.byteLength, [])
    for (let at = 0; at < message.byteLength; at += PACE_BYTES) {
      const piece = message.subarray(at, at + PACE_BYTES)
      await limit.take(piece.byteLength, this.closed)
      this.#sendPieces([piece])
    }
  }

  /** No more messages from this end; those queued are still sent. */
  async end(limitMs: number = this.#limits.messageTimeoutMs): Promise<void> {
    if (this.#failure !== undefined) return
    try {
      await this.#stream.close({ signal: AbortSignal.timeout(limitMs) })
    } catch (cause) {
      this.abort(gone('before it took everything', cause))
    }
  }

  /** Ends this side and gives the other one a few seconds to do the same; the stream is gone afterwards. */
  async finish(): Promise<void> {
    this.#unreadable ??= new GlasError('Interrupted', 'The stream is closed.')
    await this.end()
    if (this.#failure === undefined && this.#stream.status === 'open') await this.#closedByPeer()
    this.abort(new GlasError('Interrupted', 'The stream is closed.'))
  }

  /** Tells the peer why it gets no more, in place of the next message, then closes. */
  async refuse(error: GlasError): Promise<void> {
    if (this.#failure !== undefined) return
    try {
      const bytes = encodeRefusal(error)
      this.#send(bytes.byteLength + REFUSAL_BIT, [bytes])
      this.#unreadable ??= error
      await this.end(CLOSE_TIMEOUT_MS)
      await this.finish()
    } catch {
      this.abort(error)
    }
  }

  /** Drops the stream at once and whatever it holds; gives back what every later call will throw. */
  abort(error: GlasError): GlasError {
    if (this.#failure !== undefined) return this.#failure
    this.#failure = error
    this.#unread.clear()
    this.#stream.abort(error)
    this.#closing.abort(error)
    this.#wakeReader?.()
    this.#wakeWriter?.()
    return error
  }

  #onData(event: StreamMessageEvent): void {
    if (this.#failure !== undefined) return
    const chunks = event.data instanceof Uint8Array ? [event.data] : event.data
    for (const chunk of chunks) {
      this.#unread.append(chunk)
      this.receivedBytes += chunk.byteLength
    }
    if (this.#unread.byteLength > this.#limits.maxUnreadBytes) {
      this.abort(exceeded('What waits', this.#limits.maxUnreadBytes, this.#unread.byteLength, 'bytes'))
    }
    if (!this.#resuming) this.#pauseIfFull()
    this.#wakeReader?.()
  }

  get #pauseAtBytes(): number {
    return Math.min(this.#limits.maxMessageBytes + LENGTH_BYTES + READ_AHEAD_BYTES, this.#limits.maxUnreadBytes)
  }

  #pauseIfFull(): void {
    if (this.#unread.byteLength >= this.#pauseAtBytes && this.#stream.readStatus === 'readable') this.#stream.pause()
  }

  /**
   * Pausing from within `resume` would leave the muxer granting more while nothing is read, so that is put off until
   * `resume` is over.
   */
  #resumeIfRoom(): void {
    if (this.#stream.readStatus !== 'paused' || this.#unread.byteLength >= this.#pauseAtBytes) return
    this.#resuming = true
    try {
      this.#stream.resume()
    } catch (cause) {
      this.abort(gone('while it was read', cause))
    } finally {
      this.#resuming = false
    }
    this.#pauseIfFull()
  }

  #stopReading(error: GlasError): GlasError {
    this.#unreadable ??= error
    return error
  }

  #onClose(event: StreamCloseEvent): void {
    if (event.error !== undefined) this.abort(closeError(event.error, this.#limits.maxUnreadBytes))
    this.#wakeReader?.()
    this.#wakeWriter?.()
    if (event.error === undefined) this.#closing.abort(gone('when both ends were done'))
  }

  get #atEnd(): boolean {
    const over = this.#stream.remoteWriteStatus === 'closed' || this.#stream.status !== 'open'
    return over && this.#stream.readBufferLength === 0
  }

  /** True when `bytes` are there; false when the stream ended before. */
  async #received(bytes: number, timeoutMs: number): Promise<boolean> {
    const deadlineMs = performance.now() + timeoutMs
    while (true) {
      this.#resumeIfRoom()
      const failure = this.#failure ?? this.#unreadable
      if (failure !== undefined) throw failure
      if (this.#unread.byteLength >= bytes) return true
      if (this.#atEnd) return false
      const woken = await waitUntil((wake) => {
        this.#wakeReader = wake
      }, deadlineMs)
      this.#wakeReader = undefined
      if (!woken) throw this.#stopReading(tooSlow('sent nothing more', timeoutMs))
    }
  }

  #take(bytes: number): Uint8Array {
    const out = this.#unread.take(bytes)
    this.#resumeIfRoom()
    return out
  }

  /** The stream's own `onDrain` resolves for good after its first drain, hence the events. */
  async #roomToWrite(): Promise<void> {
    const deadlineMs = performance.now() + this.#limits.messageTimeoutMs
    while (true) {
      if (this.#failure !== undefined) throw this.#failure
      if (this.#stream.writeStatus !== 'writable') throw this.abort(gone('before it took everything'))
      if (this.#stream.writeBufferLength <= MAX_UNSENT_BYTES) return
      const woken = await waitUntil((wake) => {
        this.#wakeWriter = wake
      }, deadlineMs)
      this.#wakeWriter = undefined
      if (!woken) throw this.abort(tooSlow('took nothing more', this.#limits.messageTimeoutMs))
    }
  }

  #send(head: number, parts: Uint8Array[]): void {
    const length = new Uint8Array(LENGTH_BYTES)
    new DataView(length.buffer).setUint32(0, head)
    this.#sendPieces(joinSmall([length, ...parts]))
  }

  #sendPieces(pieces: Iterable<Uint8Array>): void {
    try {
      for (const piece of pieces) this.#stream.send(piece)
    } catch (cause) {
      throw this.abort(gone('before it took everything', cause))
    }
  }

  async #closedByPeer(): Promise<void> {
    const deadlineMs = performance.now() + CLOSE_TIMEOUT_MS
    while (this.#failure === undefined && this.#stream.status === 'open') {
      this.#unread.clear()
      this.#resumeIfRoom()
      const woken = await waitUntil((wake) => {
        this.#wakeReader = wake
      }, deadlineMs)
      if (!woken) return
    }
  }
}

/** False when the deadline came before anybody called `wake`; one that has passed cannot be outrun by waking. */
async function waitUntil(arm: (wake: () => void) => void, deadlineMs: number): Promise<boolean> {
  if (performance.now() >= deadlineMs) return false
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), deadlineMs - performance.now())
    arm(() => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}

const lengthOf = (parts: Uint8Array[]): number => parts.reduce((sum, part) => sum + part.byteLength, 0)

const readUint32 = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
