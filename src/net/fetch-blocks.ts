import type { CID } from 'multiformats/cid'
import { GlasError, toGlasError } from '../glas/errors.ts'
import { type PublicKey, peerIdText } from '../glas/keys.ts'
import {
  BLOCKS_PROTOCOL,
  type BlockAnswer,
  decodeAnswer,
  encodeRequest,
  FETCH_LIMITS,
  MAX_CIDS_PER_REQUEST,
  MAX_REQUESTS_AHEAD,
} from './block-messages.ts'
import type { Channel } from './channel.ts'
import type { RateLimit } from './rate-limit.ts'
import { isViolation, open, type StreamNode } from './streams.ts'

export interface FetchOptions {
  signal?: AbortSignal
  /** What comes is read at this pace. */
  download?: RateLimit
  /** The peer broke a rule; the fetch ends with the same error. */
  onViolation?: (peerKey: PublicKey, error: GlasError) => void
}

export type FetchedBlock = { cid: CID } & BlockAnswer

/** A fetch from one holder: iterate it once. */
export interface BlockFetch extends AsyncIterable<FetchedBlock> {
  /**
   * For whoever decompressed and hashed a block and found other bytes than its CID says: ends the fetch, reports one
   * violation, however often it is called, and gives back the error, BlockMismatch, that iterating will throw too.
   */
  reportBad(cid: CID): GlasError
  /** Bytes that came so far, those of a block that is not complete among them. */
  readonly receivedBytes: number
}

/**
 * Asks one holder for blocks and yields an answer for each, in the order in which they were asked for. `batches` may
 * wait for what was yielded (a walk down a DAG): it is pulled ahead of the answers, up to MAX_REQUESTS_AHEAD requests.
 * The bytes are as the holder stores them and not verified: the caller decompresses, hashes, and reports a bad one.
 * Nothing is read while the caller does not iterate. Throws PeerUnreachable, TimedOut, BadMessage, LimitExceeded, or
 * what `batches` throws.
 */
export function fetchBlocks(
  libp2p: StreamNode,
  peerKey: PublicKey,
  batches: AsyncIterable<CID[]> | Iterable<CID[]>,
  options: FetchOptions = {},
): BlockFetch {
  let channel: Channel | undefined
  const run = async function* () {
    channel = await open(libp2p, peerKey, { id: BLOCKS_PROTOCOL, limits: FETCH_LIMITS }, options)
    const asked = new Asked()
    channel.closed.addEventListener('abort', () => asked.close(toGlasError(channel?.closed.reason)), { once: true })
    try {
      // Not awaited: it never rejects, and `batches` may be waiting for somebody who has given up.
      void ask(channel, batches, asked)
      yield* answers(channel, asked, options.download)
      await expectEnd(channel)
      await channel.finish()
    } catch (cause) {
      const error = channel.abort(toGlasError(cause))
      const isTheirs = isViolation(error) && error !== asked.callerFailure && options.signal?.aborted !== true
      if (isTheirs && error.code !== 'BlockMismatch') options.onViolation?.(peerKey, error)
      throw error
    } finally {
      channel.abort(new GlasError('Interrupted', 'The fetch was given up.'))
    }
  }
  let reported: GlasError | undefined
  const reportBad = (cid: CID): GlasError => {
    if (reported !== undefined) return reported
    const peer = peerIdText(peerKey)
    const message = `The peer ${peer} sent wrong bytes for block ${cid}. Pull from another holder.`
    const error = new GlasError('BlockMismatch', message, { data: { peer, cid: cid.toString() } })
    reported = error
    options.onViolation?.(peerKey, error)
    channel?.abort(error)
    return error
  }
  return {
    [Symbol.asyncIterator]: run,
    reportBad,
    get receivedBytes() {
      return channel?.receivedBytes ?? 0
    },
  }
}

async function* answers(channel: Channel, asked: Asked, download: RateLimit | undefined): AsyncGenerator<FetchedBlock> {
  for (let cids = await asked.oldest(); cids !== undefined; cids = await asked.oldest()) {
    for (const cid of cids) {
      const message = await channel.readNext()
      await download?.take(message.byteLength, channel.closed)
      yield { cid, ...decodeAnswer(message) }
    }
    asked.shift()
  }
}

/** The asking half: sends requests a few ahead of the answers. */
async function ask(channel: Channel, batches: AsyncIterable<CID[]> | Iterable<CID[]>, asked: Asked): Promise<void> {
  try {
    for await (const batch of batches) {
      for (let i = 0; i < batch.length; i += MAX_CIDS_PER_REQUEST) {
        const cids = batch.slice(i, i + MAX_CIDS_PER_REQUEST)
        const request = encodeRequest(cids)
        await asked.push(cids)
        await channel.write(request)
      }
    }
    asked.close()
  } catch (error) {
    asked.fail(toGlasError(error))
  }
}

async function expectEnd(channel: Channel): Promise<void> {
  await channel.end()
  if ((await channel.read()) !== undefined) throw new GlasError('BadMessage', 'A peer sent what nobody asked for.')
}

/** Requests that are not answered yet, oldest first. */
class Asked {
  /** What `batches` threw: no fault of the peer's. */
  callerFailure: GlasError | undefined
  readonly #requests: CID[][] = []
  #closed = false
  #failure: GlasError | undefined
  #changed = Promise.withResolvers<void>()

  /** Waits while there are MAX_REQUESTS_AHEAD; throws what ended the fetch. */
  async push(cids: CID[]): Promise<void> {
    while (this.#requests.length >= MAX_REQUESTS_AHEAD && !this.#closed) await this.#changed.promise
    if (this.#closed) throw this.#failure ?? new GlasError('Interrupted', 'The fetch is over.')
    this.#requests.push(cids)
    this.#change()
  }

  /** Waits for the next request; undefined when all are answered and no more will come. */
  async oldest(): Promise<CID[] | undefined> {
    while (this.#requests.length === 0 && !this.#closed) await this.#changed.promise
    if (this.#requests.length === 0 && this.#failure !== undefined) throw this.#failure
    return this.#requests[0]
  }

  shift(): void {
    this.#requests.shift()
    this.#change()
  }

  /** No more requests; with a failure, that is what both halves throw. The first call counts. */
  close(failure?: GlasError): void {
    if (this.#closed) return
    this.#closed = true
    this.#failure = failure
    this.#change()
  }

  fail(error: GlasError): void {
    if (!this.#closed) this.callerFailure = error
    this.close(error)
  }

  #change(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}
