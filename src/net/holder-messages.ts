import type { CID } from 'multiformats/cid'
import { decodeCanonical, encodeCanonical } from '../glas/canonical.ts'
import { Fields } from '../glas/fields.ts'
import { CID_BYTES, decodeCid } from './block-messages.ts'
import type { StreamLimits } from './channel.ts'
import { MAX_CLAIM_BYTES } from './claim.ts'

/** docs/protocols-data.md describes the messages byte by byte. */
export const HOLDERS_PROTOCOL = '/pintglas/holders/1.0.0'

/** Blocks asked for in one challenge: enough that half a version does not pass (1 in 65,536), 32 MiB to read at most. */
export const MAX_CHALLENGE_BLOCKS = 16
export const NONCE_BYTES = 32
export const HASH_BYTES = 32
/** A peer that is asked to hold a version says how far it is this often, so that it is not taken for dead. */
export const PROGRESS_INTERVAL_MS = 3000
/** A day of progress: a version of a terabyte at 12 MB/s. */
const MAX_PROGRESS_MESSAGES = (24 * 3_600_000) / PROGRESS_INTERVAL_MS

/** Larger than a claim and what is around it; a challenge is smaller. */
const MAX_HOLDER_MESSAGE_BYTES = MAX_CLAIM_BYTES + 1024

export const HOLDERS_LIMITS: StreamLimits = {
  /** A few versions being placed, and challenges beside them. */
  maxStreamsPerPeer: 8,
  maxStreams: 128,
  maxMessageBytes: MAX_HOLDER_MESSAGE_BYTES,
  maxMessages: MAX_PROGRESS_MESSAGES,
  /** All claims of one peer may come at once: 20 of 48 KiB. */
  maxUnreadBytes: 2 * 1024 * 1024,
  /** Ten times the interval of progress; a challenge on a cold disk takes a few seconds. */
  idleTimeoutMs: 30_000,
  messageTimeoutMs: 30_000,
}

/** One to a stream. */
export type HolderRequest =
  | { kind: 'claims' }
  | { kind: 'challenge'; record: CID; nonce: Uint8Array; blocks: CID[] }
  | { kind: 'hold'; record: CID }

export type HolderAnswer =
  | { kind: 'claim'; claim: Uint8Array }
  /** One for each block, null where the peer has not got it. */
  | { kind: 'hashes'; hashes: Array<Uint8Array | null> }
  /** `totalBytes` is 0 while it is not known. */
  | { kind: 'progress'; doneBytes: number; totalBytes: number }

export function encodeHolderRequest(request: HolderRequest): Uint8Array {
  if (request.kind === 'claims') return encodeCanonical(request)
  const { kind, record } = request
  if (kind === 'hold') return encodeCanonical({ kind, record: record.bytes })
  return encodeCanonical({
    kind,
    record: record.bytes,
    nonce: request.nonce,
    blocks: request.blocks.map((b) => b.bytes),
  })
}

/** Throws BadMessage or LimitExceeded. */
export function decodeHolderRequest(message: Uint8Array): HolderRequest {
  const fields = fieldsOf(message, 'The request')
  const kind = fields.text('kind', 16)
  if (kind === 'claims') return { kind }
  if (kind === 'hold') return { kind, record: fields.recordCid('record') }
  if (kind !== 'challenge') throw fields.bad('kind', 'claims, challenge or hold')
  const blocks = fields.list('blocks', MAX_CHALLENGE_BLOCKS)
  if (blocks.length === 0 || !blocks.every(isCidBytes)) throw fields.bad('blocks', 'a list of CIDs')
  const [record, nonce] = [fields.recordCid('record'), fields.bytes('nonce', NONCE_BYTES)]
  return { kind, record, nonce, blocks: blocks.map(decodeCid) }
}

export function encodeHolderAnswer(answer: HolderAnswer): Uint8Array {
  if (answer.kind !== 'progress') return encodeCanonical(answer)
  const { kind, doneBytes, totalBytes } = answer
  return encodeCanonical({ kind, done: doneBytes, total: totalBytes })
}

/** Throws BadMessage or LimitExceeded. A claim in it is not verified. */
export function decodeHolderAnswer(message: Uint8Array): HolderAnswer {
  const fields = fieldsOf(message, 'The answer')
  const kind = fields.text('kind', 16)
  if (kind === 'progress') return { kind, doneBytes: fields.integer('done'), totalBytes: fields.integer('total') }
  if (kind === 'claim') {
    const claim = fields.raw('claim')
    if (!(claim instanceof Uint8Array)) throw fields.bad('claim', 'the bytes of a claim')
    return { kind, claim }
  }
  if (kind !== 'hashes') throw fields.bad('kind', 'claim, hashes or progress')
  const hashes = fields.list('hashes', MAX_CHALLENGE_BLOCKS)
  if (!hashes.every(isHashOrNull)) throw fields.bad('hashes', 'a list of hashes')
  return { kind, hashes }
}

function fieldsOf(message: Uint8Array, what: string): Fields {
  return new Fields(decodeCanonical(message, MAX_HOLDER_MESSAGE_BYTES, 'BadMessage', what), 'BadMessage', what)
}

function isCidBytes(item: unknown): item is Uint8Array {
  return item instanceof Uint8Array && item.byteLength === CID_BYTES
}

function isHashOrNull(item: unknown): item is Uint8Array | null {
  return item === null || (item instanceof Uint8Array && item.byteLength === HASH_BYTES)
}
