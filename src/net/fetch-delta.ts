import { GlasError, toGlasError } from '../glas/errors.ts'
import { type PublicKey, peerIdText } from '../glas/keys.ts'
import type { Channel } from './channel.ts'
import {
  DELTAS_PROTOCOL,
  type DeltaHead,
  type DeltaRequest,
  decodeDeltaAnswer,
  encodeDeltaRequest,
  FETCH_DELTAS_LIMITS,
  MAX_DELTAS_IN_ANSWER,
  MAX_NAMED_BASES,
  MAX_PIECE_BYTES,
  type SentDelta,
} from './delta-messages.ts'
import type { FetchOptions } from './fetch-blocks.ts'
import type { RateLimit } from './rate-limit.ts'
import { exceeded } from './stream-errors.ts'
import { isViolation, open, type StreamNode } from './streams.ts'

/** A holder that works for longer than this is not waited for: a gigabyte is compared in a minute. */
const MAX_WORKING_MS = 150_000
/** What a delta may have beyond MAX_DELTA_SHARE: it begins with a list of segments. */
const FREE_DELTA_BYTES = 64 * 1024
/** A delta is at most so large a part of its image: one that is larger is worth nothing (docs/formats-delta.md). */
const MAX_DELTA_SHARE = 1 / 2

export interface DeltaFetchOptions extends FetchOptions {
  /** The most that the image, or one that it stands on, may have. */
  maxImageBytes: number
}

/**
 * Asks one holder for what makes a file of something that is here: deltas, each on a named base (any, where
 * the puller takes bases) or on the one before, of which the last one makes the file; or the holder's reason why there are none. Form, order and sizes are checked;
 * whoever applies them finds out whether they are true. Throws PeerUnreachable (also for a peer that does not know the
 * protocol), TimedOut, BadMessage, LimitExceeded, NotAllowed.
 */
export async function fetchDelta(
  libp2p: StreamNode,
  peerKey: PublicKey,
  wanted: DeltaRequest,
  options: DeltaFetchOptions,
): Promise<SentDelta[] | string> {
  const request = { ...wanted, bases: wanted.bases.slice(0, MAX_NAMED_BASES) }
  const channel = await open(libp2p, peerKey, { id: DELTAS_PROTOCOL, limits: FETCH_DELTAS_LIMITS }, options)
  try {
    await channel.write(encodeDeltaRequest(request))
    const found = await readDeltas(channel, request, options)
    await channel.end()
    if ((await channel.read()) !== undefined) throw new GlasError('BadMessage', 'A peer sent what nobody asked for.')
    await channel.finish()
    return found
  } catch (cause) {
    const error = channel.abort(toGlasError(cause))
    if (isViolation(error) && options.signal?.aborted !== true) options.onViolation?.(peerKey, error)
    throw error
  }
}

async function readDeltas(
  channel: Channel,
  request: DeltaRequest,
  { maxImageBytes, download }: DeltaFetchOptions,
): Promise<SentDelta[] | string> {
  const deltas: SentDelta[] = []
  for (;;) {
    const answer = await nextAnswer(channel)
    if (answer.kind === 'none') {
      if (deltas.length > 0) throw unexpected(channel, 'changed its mind in the middle')
      return answer.reason
    }
    if (!standsWell(answer, deltas.at(-1), request)) throw unexpected(channel, 'sent one on another base')
    checkSizes(answer, maxImageBytes)
    deltas.push(await readDelta(channel, answer, download))
    if (answer.file.equals(request.file)) return deltas
    if (deltas.length === MAX_DELTAS_IN_ANSWER) throw unexpected(channel, 'sent those of other images')
  }
}

/** On what is here, or will be before. */
function standsWell({ file, base }: DeltaHead, before: SentDelta | undefined, request: DeltaRequest): boolean {
  const { bases, takesBase } = request
  if (base.equals(file) || base.equals(request.file)) return false
  if (before !== undefined) return before.file.equals(base)
  return takesBase || bases.some((one) => one.equals(base))
}

async function nextAnswer(channel: Channel) {
  const endMs = performance.now() + MAX_WORKING_MS
  for (;;) {
    const answer = decodeDeltaAnswer(await channel.readNext())
    if (answer.kind !== 'working') return answer
    // No fault of a holder with much to do: there are others, and blocks.
    if (performance.now() > endMs) throw new GlasError('PeerUnreachable', 'It did not make a delta in time.')
  }
}

function checkSizes({ sizeBytes, deltaBytes }: DeltaHead, maxImageBytes: number): void {
  if (sizeBytes > maxImageBytes) throw exceeded('An image', maxImageBytes, sizeBytes, 'bytes')
  const maxDeltaBytes = Math.floor(sizeBytes * MAX_DELTA_SHARE) + FREE_DELTA_BYTES
  if (deltaBytes > maxDeltaBytes) throw exceeded('A delta', maxDeltaBytes, deltaBytes, 'bytes')
}

/** Memory is taken as pieces come, not as the peer says. */
async function readDelta(
  channel: Channel,
  { deltaBytes, ...head }: DeltaHead,
  download: RateLimit | undefined,
): Promise<SentDelta> {
  const pieces: Uint8Array[] = []
  for (let left = deltaBytes; left > 0; left -= MAX_PIECE_BYTES) {
    const piece = await channel.readNext()
    await download?.take(piece.length, channel.closed)
    if (piece.length !== Math.min(left, MAX_PIECE_BYTES)) throw unexpected(channel, 'sent a piece of another length')
    pieces.push(piece)
  }
  return { ...head, delta: Buffer.concat(pieces) }
}

function unexpected(channel: Channel, what: string): GlasError {
  return new GlasError('BadMessage', `The peer ${peerIdText(channel.peerKey)} was asked for a delta and ${what}.`)
}
