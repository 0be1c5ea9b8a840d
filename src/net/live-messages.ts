import type { CID } from 'multiformats/cid'
import { decodeCanonical, encodeCanonical } from '../glas/canonical.ts'
import { Fields } from '../glas/fields.ts'
import { fromHex, toHex } from '../glas/keys.ts'
import { MAX_HOSTNAME_BYTES, MAX_IMAGE_NAME_BYTES, MAX_PATH_BYTES } from '../glas/limits.ts'
import { TAP_RIGHTS, type TapRight } from '../glas/tap-right.ts'
import type { StreamLimits } from './channel.ts'
import { type AnnouncedTap, MAX_ANNOUNCEMENT_BYTES, TAP_ID_BYTES } from './tap-announcement.ts'
import { ANNOUNCEMENT_TTL_MS, MAX_ANNOUNCING_PEERS } from './tap-table.ts'

/** docs/protocols-live.md describes the messages byte by byte. */
export const LIVE_PROTOCOL = '/pintglas/live/1.0.0'

/** Taps of one peer in one answer: as many as wait at a sampler. */
export const MAX_LISTED_TAPS = 1000
/** A peer that was asked for a snapshot says how far it is this often, so that it is not taken for dead. */
export const LIVE_PROGRESS_MS = 3_000
/** From asking an image to the new version, on the slowest disk: an image of 2 GiB that is saved, sent and stored. */
export const SNAPSHOT_LIMIT_MS = 3_600_000
const MAX_REQUEST_BYTES = 256
/** An announcement with what is around it; a tap with the longest path is smaller. */
const MAX_ANSWER_BYTES = MAX_ANNOUNCEMENT_BYTES + 256

/** What the asked peer grants. */
export const SERVE_LIVE_LIMITS: StreamLimits = {
  /** A list, and a few snapshots at once. */
  maxStreamsPerPeer: 8,
  maxStreams: 128,
  maxMessageBytes: MAX_REQUEST_BYTES,
  maxMessages: 1,
  maxUnreadBytes: 64 * 1024,
  idleTimeoutMs: 15_000,
  messageTimeoutMs: 15_000,
}

/** What the asking peer grants. */
export const ASK_LIVE_LIMITS: StreamLimits = {
  ...SERVE_LIVE_LIMITS,
  maxMessageBytes: MAX_ANSWER_BYTES,
  /** Everything that is announced, and all taps; or an hour of progress, which is less. */
  maxMessages: MAX_ANNOUNCING_PEERS + MAX_LISTED_TAPS + 1,
  maxUnreadBytes: 1024 * 1024,
  /** Ten times the interval of progress. */
  idleTimeoutMs: 30_000,
  messageTimeoutMs: 30_000,
}

export interface DetailedTap extends AnnouncedTap {
  host: string
  /** The image directory there. */
  path: string
}

/** Where a snapshot is: the image was asked; its snapshot comes in and is stored. */
export type SnapPhase = 'asked' | 'taking'

/** A snapshot that is a version now. */
export interface Taken {
  record: CID
  /** False when the newest version had all of it already. */
  isNew: boolean
}

/** One to a stream. */
export type LiveRequest = { kind: 'list' } | { kind: 'snap'; id: string }

export type LiveAnswer =
  /** A signed announcement, the peer's own or another's, and how old it is. */
  | { kind: 'announcement'; ageMs: number; announcement: Uint8Array }
  /** What the asker may, and how many messages `tap` follow. */
  | { kind: 'right'; right: TapRight; taps: number }
  | ({ kind: 'tap' } & DetailedTap)
  | { kind: 'progress'; phase: SnapPhase }
  | ({ kind: 'taken' } & Taken)

export function encodeLiveRequest(request: LiveRequest): Uint8Array {
  return encodeCanonical(request.kind === 'list' ? request : { ...request, id: fromHex(request.id) })
}

/** Throws BadMessage or LimitExceeded. */
export function decodeLiveRequest(message: Uint8Array): LiveRequest {
  const fields = fieldsOf(message, MAX_REQUEST_BYTES, 'The request')
  const kind = fields.text('kind', 16)
  if (kind === 'list') return { kind }
  if (kind !== 'snap') throw fields.bad('kind', 'list or snap')
  return { kind, id: toHex(fields.bytes('id', TAP_ID_BYTES)) }
}

export function encodeLiveAnswer(answer: LiveAnswer): Uint8Array {
  if (answer.kind === 'announcement') {
    const { kind, ageMs, announcement } = answer
    return encodeCanonical({ kind, age: Math.round(ageMs), announcement })
  }
  if (answer.kind === 'tap') return encodeCanonical({ ...answer, id: fromHex(answer.id) })
  if (answer.kind === 'taken') {
    return encodeCanonical({ kind: answer.kind, record: answer.record.bytes, new: answer.isNew })
  }
  return encodeCanonical(answer)
}

/** Throws BadMessage or LimitExceeded. An announcement in it is not verified. */
export function decodeLiveAnswer(message: Uint8Array): LiveAnswer {
  const fields = fieldsOf(message, MAX_ANSWER_BYTES, 'The answer')
  const kind = fields.text('kind', 16)
  switch (kind) {
    case 'announcement': {
      const announcement = fields.raw('announcement')
      if (!(announcement instanceof Uint8Array)) throw fields.bad('announcement', 'the bytes of an announcement')
      return { kind, ageMs: fields.integer('age', ANNOUNCEMENT_TTL_MS), announcement }
    }
    case 'right':
      return { kind, right: oneOf(fields, 'right', TAP_RIGHTS), taps: fields.integer('taps', MAX_LISTED_TAPS) }
    case 'tap':
      return {
        kind,
        id: toHex(fields.bytes('id', TAP_ID_BYTES)),
        name: fields.text('name', MAX_IMAGE_NAME_BYTES),
        host: fields.text('host', MAX_HOSTNAME_BYTES),
        path: fields.text('path', MAX_PATH_BYTES),
      }
    case 'progress':
      return { kind, phase: oneOf(fields, 'phase', ['asked', 'taking']) }
    case 'taken':
      return { kind, record: fields.recordCid('record'), isNew: fields.boolean('new') }
    default:
      throw fields.bad('kind', 'announcement, right, tap, progress or taken')
  }
}

function oneOf<Word extends string>(fields: Fields, name: string, words: readonly Word[]): Word {
  const text = fields.text(name, 16)
  const word = words.find((one) => one === text)
  if (word === undefined) throw fields.bad(name, words.join(', '))
  return word
}

function fieldsOf(message: Uint8Array, maxBytes: number, what: string): Fields {
  return new Fields(decodeCanonical(message, maxBytes, 'BadMessage', what), 'BadMessage', what)
}
