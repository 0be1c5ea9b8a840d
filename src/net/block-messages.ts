import { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import { DAG_CBOR_CODEC, DAG_PB_CODEC, isPlainCid, RAW_CODEC } from '../glas/hash.ts'
import type { StreamLimits } from './channel.ts'
import { exceeded } from './stream-errors.ts'

/** docs/protocols-data.md describes the messages byte by byte. */
export const BLOCKS_PROTOCOL = '/pintglas/blocks/1.0.0'

/** A block as it is known to its hash: nothing larger is stored, sent or taken. Bitswap has the same limit. */
export const MAX_BLOCK_BYTES = 2 * 1024 * 1024
/** A request of 256 blocks of 1 MiB keeps the wire busy for a second; a DAG node has up to 1024 links: four requests. */
export const MAX_CIDS_PER_REQUEST = 256
/** Requests that may be unanswered at once: 4096 blocks of a KiB keep a line of 20 MB/s with a delay of 200 ms busy. */
export const MAX_REQUESTS_AHEAD = 16
/** One request a block, the worst way to ask, still gets 64 GB of 1 MiB blocks over one stream. */
const MAX_REQUESTS_PER_STREAM = 65_536
/** Version 1, one byte of codec, SHA-256: every CID of ours, and of most others, has this length. */
export const CID_BYTES = 36
/** Status and raw length. */
export const ANSWER_HEAD_BYTES = 5

/** Blocks that are read while those before go out: the disk works while the line does. */
export const READ_AHEAD_BLOCKS = 2
/** Streams that are answered at once, for members and for strangers apart. Each may cost 7 MiB: three blocks, and unsent bytes. */
export const MAX_SERVED_MEMBER_STREAMS = 64
export const MAX_SERVED_STRANGER_STREAMS = 16

/** What the holder grants: requests are small, so little may wait unread. */
export const SERVE_LIMITS: StreamLimits = {
  /** A puller needs one, and perhaps one more for a second pull, or while the first one is dying. */
  maxStreamsPerPeer: 4,
  /** Those included that are being refused, which takes seconds: MAX_STRANGERS with all of theirs must not fill it. */
  maxStreams: 384,
  maxMessageBytes: MAX_CIDS_PER_REQUEST * CID_BYTES,
  maxMessages: MAX_REQUESTS_PER_STREAM,
  /** MAX_REQUESTS_AHEAD requests are 144 KiB; muxer windows start at 256 KiB. */
  maxUnreadBytes: 1024 * 1024,
  /** A puller that walks a DAG and stores what it got asks again well within this time. */
  idleTimeoutMs: 60_000,
  /** 2 MiB in two minutes, 17 kB/s, is the slowest link that is served. */
  messageTimeoutMs: 120_000,
}

/** What the puller grants: large answers, and the muxer's largest window (16 MiB) of them. */
export const FETCH_LIMITS: StreamLimits = {
  ...SERVE_LIMITS,
  maxMessageBytes: ANSWER_HEAD_BYTES + MAX_BLOCK_BYTES,
  maxMessages: MAX_REQUESTS_PER_STREAM * MAX_CIDS_PER_REQUEST,
  maxUnreadBytes: 20 * 1024 * 1024,
}

/** A block as it lies in the stock. `rawLength` is the length in bytes of what the CID is the hash of. */
export interface StoredBlock {
  codec: 'raw' | 'zstd'
  rawLength: number
  bytes: Uint8Array
}

/** Why there is no block: the holder has none; does not give it to this peer; has it, but cannot read it now. */
export type NoBlock = 'missing' | 'refused' | 'failed'

export type BlockAnswer = ({ status: 'found' } & StoredBlock) | { status: NoBlock }

/** Order is the number on the wire. */
const STATUS = ['raw', 'zstd', 'missing', 'refused', 'failed'] as const
const CODECS = [RAW_CODEC, DAG_PB_CODEC, DAG_CBOR_CODEC]

/** A request: the CIDs one after the other. */
export function encodeRequest(cids: CID[]): Uint8Array {
  if (cids.length === 0 || cids.length > MAX_CIDS_PER_REQUEST) {
    throw new GlasError('Internal', `A request names 1 to ${MAX_CIDS_PER_REQUEST} blocks, not ${cids.length}.`)
  }
  for (const cid of cids)
    if (!isOurs(cid)) throw new GlasError('UnknownFormat', `${cid} is no SHA-256 CID of version 1.`)
  return Buffer.concat(cids.map((cid) => cid.bytes))
}

export function decodeRequest(message: Uint8Array): CID[] {
  const count = message.byteLength / CID_BYTES
  if (!Number.isInteger(count) || count === 0) throw bad('A request must hold whole CIDs.')
  if (count > MAX_CIDS_PER_REQUEST) throw exceeded('A request', MAX_CIDS_PER_REQUEST, count, 'CIDs')
  return Array.from({ length: count }, (_, i) => decodeCid(message.subarray(i * CID_BYTES, (i + 1) * CID_BYTES)))
}

/** The parts of an answer; the block's own bytes are not copied. */
export function encodeAnswer(answer: BlockAnswer): Uint8Array[] {
  const head = new Uint8Array(ANSWER_HEAD_BYTES)
  if (answer.status !== 'found') {
    head[0] = STATUS.indexOf(answer.status)
    return [head]
  }
  if (answer.rawLength > MAX_BLOCK_BYTES || answer.bytes.byteLength > MAX_BLOCK_BYTES) {
    throw new GlasError('LimitExceeded', `A block of the stock is larger than ${MAX_BLOCK_BYTES} bytes.`)
  }
  head[0] = STATUS.indexOf(answer.codec)
  new DataView(head.buffer).setUint32(1, answer.rawLength)
  return [head, answer.bytes]
}

/** Checks form and lengths; whether the bytes are the block is for whoever decompresses and hashes them. */
export function decodeAnswer(message: Uint8Array): BlockAnswer {
  if (message.byteLength < ANSWER_HEAD_BYTES) throw bad('An answer has at least 5 bytes.')
  const status = STATUS[message[0]!]
  const rawLength = new DataView(message.buffer, message.byteOffset).getUint32(1)
  const bytes = message.subarray(ANSWER_HEAD_BYTES)
  if (status === undefined) throw bad(`An answer has the unknown status ${message[0]}.`)
  if (rawLength > MAX_BLOCK_BYTES) throw exceeded('A block', MAX_BLOCK_BYTES, rawLength, 'bytes')
  if (bytes.byteLength > MAX_BLOCK_BYTES) throw exceeded('A stored block', MAX_BLOCK_BYTES, bytes.byteLength, 'bytes')
  if (status === 'raw' || status === 'zstd') {
    if (status === 'raw' && bytes.byteLength !== rawLength)
      throw bad('A block has another length than its answer says.')
    return { status: 'found', codec: status, rawLength, bytes }
  }
  if (rawLength !== 0 || bytes.byteLength !== 0) throw bad('An answer without a block must be empty.')
  return { status }
}

/** True for the CIDs that this protocol can name. */
export function isOurs(cid: CID): boolean {
  return CODECS.some((codec) => isPlainCid(cid, codec))
}

/** The bytes are copied: a CID outlives the message that it came in. */
export function decodeCid(bytes: Uint8Array): CID {
  let cid: CID
  try {
    cid = CID.decode(bytes.slice())
  } catch (cause) {
    throw bad('A request holds what is no CID.', cause)
  }
  if (!isOurs(cid)) throw bad('A request holds a CID that is not version 1 with SHA-256.')
  return cid
}

const bad = (message: string, cause?: unknown) => new GlasError('BadMessage', message, { cause })
