import type { CID } from 'multiformats/cid'
import { decodeCanonical, encodeCanonical } from '../glas/canonical.ts'
import { GlasError } from '../glas/errors.ts'
import { Fields } from '../glas/fields.ts'
import { DAG_PB_CODEC, isPlainCid } from '../glas/hash.ts'
import { CID_BYTES, decodeCid, MAX_BLOCK_BYTES } from './block-messages.ts'
import type { StreamLimits } from './channel.ts'
import { exceeded } from './stream-errors.ts'

/** docs/protocols-data.md describes the messages byte by byte. */
export const DELTAS_PROTOCOL = '/pintglas/deltas/1.0.0'

/** Files that a puller names as what it has: a dozen versions, and what those stand on. */
export const MAX_NAMED_BASES = 16
/** Deltas in an answer, each on the one before: a stock has them no deeper (docs/adr/0015). */
export const MAX_DELTAS_IN_ANSWER = 2
/** A delta is sent in pieces, so that one on a slow line is told from one that has stopped. */
export const MAX_PIECE_BYTES = 256 * 1024
/** Larger deltas are not sent, and not taken: both ends hold one in memory as a whole. */
export const MAX_SENT_DELTA_BYTES = 64 * 1024 * 1024
/** A delta says why it does not come in so many bytes of text. */
const MAX_REASON_BYTES = 256
const DIGEST_BYTES = 32
/** 4096 leaves of 1 MiB: more than any image that is made a delta. */
const MAX_LEAVES = 4096
/** A holder that is still at it says so this often, so that it is not taken for dead. */
export const WORKING_INTERVAL_MS = 3000
/** Ten minutes of it; the puller gives up sooner. */
const MAX_WORKING_MESSAGES = 200
/** The hashes of the leaves are the largest part of any message but a piece. */
const MAX_DELTA_MESSAGE_BYTES = 256 * 1024

/** What the holder grants: a puller sends one short request. */
export const SERVE_DELTAS_LIMITS: StreamLimits = {
  /** A pull, and one that is dying. */
  maxStreamsPerPeer: 2,
  /** Each may hold MAX_DELTAS_IN_ANSWER deltas in memory; real ones have some kilobytes. */
  maxStreams: 16,
  maxMessageBytes: 2048,
  maxMessages: 1,
  maxUnreadBytes: 256 * 1024,
  idleTimeoutMs: 30_000,
  messageTimeoutMs: 120_000,
}

/** What the puller grants. */
export const FETCH_DELTAS_LIMITS: StreamLimits = {
  ...SERVE_DELTAS_LIMITS,
  maxMessageBytes: MAX_DELTA_MESSAGE_BYTES,
  maxMessages: MAX_WORKING_MESSAGES + MAX_DELTAS_IN_ANSWER * (1 + MAX_SENT_DELTA_BYTES / MAX_PIECE_BYTES),
  /** The muxer's largest window, and a message. */
  maxUnreadBytes: 20 * 1024 * 1024,
}

/** Files are named by the roots of their UnixFS DAGs. */
export interface DeltaRequest {
  file: CID
  /** What the puller has whole, the nearest relative first. */
  bases: CID[]
  /** What the line from this holder was measured to carry; 0 where nothing is known. */
  bytesPerSecond: number
  /** The puller would fetch an image that the deltas stand on as blocks, rather than the wanted one. */
  takesBase: boolean
}

/** A delta without its bytes. */
export interface DeltaHead {
  file: CID
  base: CID
  sizeBytes: number
  leafBytes: number
  /** SHA-256 of all leaves, one behind the other. */
  digests: Uint8Array
  deltaBytes: number
}

/** A delta as it is sent. Its bytes belong to the stream from then on. */
export interface SentDelta extends Omit<DeltaHead, 'deltaBytes'> {
  delta: Uint8Array
}

export type DeltaAnswer =
  /** The delta is being made. */
  | { kind: 'working' }
  /** Its bytes follow, in pieces of MAX_PIECE_BYTES but for the last one. */
  | ({ kind: 'delta' } & DeltaHead)
  /** There is none, and why, in words for people. */
  | { kind: 'none'; reason: string }

export function encodeDeltaRequest({ file, bases, bytesPerSecond, takesBase }: DeltaRequest): Uint8Array {
  const named = bases.map(({ bytes }) => bytes)
  return encodeCanonical({ file: file.bytes, bases: named, rate: bytesPerSecond, 'takes-base': takesBase })
}

/** Throws BadMessage or LimitExceeded. */
export function decodeDeltaRequest(message: Uint8Array): DeltaRequest {
  const fields = fieldsOf(message, SERVE_DELTAS_LIMITS.maxMessageBytes, 'The request')
  const bases = fields.list('bases', MAX_NAMED_BASES).map((item) => fileIn(fields, 'bases', item))
  return {
    file: fileIn(fields, 'file', fields.raw('file')),
    bases,
    bytesPerSecond: fields.integer('rate'),
    takesBase: fields.boolean('takes-base'),
  }
}

export function encodeDeltaAnswer(answer: DeltaAnswer): Uint8Array {
  if (answer.kind === 'working') return encodeCanonical(answer)
  if (answer.kind === 'none') return encodeCanonical({ kind: 'none', reason: clipped(answer.reason) })
  const { kind, file, base, sizeBytes, leafBytes, digests, deltaBytes } = answer
  const sizes = { size: sizeBytes, leaf: leafBytes, length: deltaBytes }
  return encodeCanonical({ kind, file: file.bytes, base: base.bytes, leaves: digests, ...sizes })
}

/** Throws BadMessage or LimitExceeded. That the leaves make the file is for whoever stores it to find out. */
export function decodeDeltaAnswer(message: Uint8Array): DeltaAnswer {
  const fields = fieldsOf(message, MAX_DELTA_MESSAGE_BYTES, 'The answer')
  const kind = fields.text('kind', 16)
  if (kind === 'working') return { kind }
  if (kind === 'none') return { kind, reason: fields.text('reason', MAX_REASON_BYTES) }
  if (kind !== 'delta') throw fields.bad('kind', 'working, delta or none')
  const [sizeBytes, leafBytes] = [fields.integer('size'), fields.integer('leaf', MAX_BLOCK_BYTES)]
  if (leafBytes === 0 || sizeBytes <= leafBytes) throw fields.bad('leaf', 'a part of the file')
  const leaves = Math.ceil(sizeBytes / leafBytes)
  if (leaves > MAX_LEAVES) throw exceeded('An image', MAX_LEAVES, leaves, 'leaves')
  const deltaBytes = fields.integer('length')
  if (deltaBytes > MAX_SENT_DELTA_BYTES) throw exceeded('A delta', MAX_SENT_DELTA_BYTES, deltaBytes, 'bytes')
  return {
    kind,
    file: fileIn(fields, 'file', fields.raw('file')),
    base: fileIn(fields, 'base', fields.raw('base')),
    sizeBytes,
    leafBytes,
    digests: fields.bytes('leaves', leaves * DIGEST_BYTES),
    deltaBytes,
  }
}

function fieldsOf(message: Uint8Array, maxBytes: number, what: string): Fields {
  return new Fields(decodeCanonical(message, maxBytes, 'BadMessage', what), 'BadMessage', what)
}

/** A file of more than one leaf: others are too small for a delta. */
function fileIn(fields: Fields, name: string, item: unknown): CID {
  if (!(item instanceof Uint8Array) || item.byteLength !== CID_BYTES) throw fields.bad(name, 'the CID of a file')
  const cid = decodeCid(item)
  if (!isPlainCid(cid, DAG_PB_CODEC)) throw new GlasError('BadMessage', 'A message names a file that is none.')
  return cid
}

/** Cut between characters; `stream` makes the decoder leave an unfinished one out. */
function clipped(reason: string): string {
  const bytes = Buffer.from(reason.toWellFormed())
  return new TextDecoder().decode(bytes.subarray(0, MAX_REASON_BYTES), { stream: true })
}
