import type { CID } from 'multiformats/cid'
import { decodeCanonical, encodeCanonical } from './canonical.ts'
import { GlasError } from './errors.ts'
import { Fields } from './fields.ts'
import { type GlasId, isGlasId } from './glas-id.ts'
import { cidOf, DAG_CBOR_CODEC, DAG_PB_CODEC, RAW_CODEC } from './hash.ts'
import { type ImageId, parseImageId } from './image-id.ts'
import {
  MAX_HOSTNAME_BYTES,
  MAX_IMAGE_ID_SEGMENTS,
  MAX_IMAGE_NAME_BYTES,
  MAX_PATH_BYTES,
  MAX_RECORD_BYTES,
  MAX_RECORD_LIST_ITEMS,
  MAX_VERSION_PART,
} from './limits.ts'
import type { Version } from './version.ts'

/** What the Spur header says of the image; docs/formats.md names the numbers. */
export interface ImageFormat {
  number: number
  wordSizeBytes: 4 | 8
  imageVersion: number
}

/** What was searched for secrets before the push, and what was not. Kinds of content, not paths. */
export interface Searched {
  text: string[]
  not: string[]
  /** Findings that the user let through with `--secrets allow`. */
  allowed: number
}

/** How the contents are laid out as blocks: part of what makes the same bytes the same CID everywhere. */
export const PROFILE = 'pintglas-1'

/** The metadata of one version; immutable, a dag-cbor block of its own. */
export interface GlasRecord {
  glasId: GlasId
  version: Version
  /** Both left out of public glases and with `--no-location`. */
  hostname?: string
  path?: string
  imageName: string
  /** When the image was saved: ISO 8601 with microseconds and offset. */
  date: string
  /** Bytes of all files of the contents. */
  sizeBytes: number
  imageId: ImageId
  contents: CID
  attributes: CID
  /** Record of the version before; bytes, not a link: a pin of this version must not drag the whole history along. */
  parent: CID | null
  format: ImageFormat | null
  profile: string
  /** What was left out: rule -> number of files. */
  removed: Record<string, number>
  searched: Searched
  /** How long the image stood still for the snapshot, as it measured itself; absent where nobody did. */
  pauseMs?: number
}

/** Number of the record format itself. A reader refuses a higher one, and ignores fields that it does not know. */
const RECORD_FORMAT = 1

const MAX_PROFILE_BYTES = 32
/** Year to microseconds, and the offset; every part within its range, though not every day within its month. */
const ISO_DATE =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3])(:[0-5]\d){2}\.\d{6}[+-]([01]\d|2[0-3]):[0-5]\d$/

export interface RecordBlock {
  cid: CID
  bytes: Uint8Array
}

export function encodeRecord(record: GlasRecord): RecordBlock {
  const { format } = record
  const bytes = encodeCanonical({
    pintglas: RECORD_FORMAT,
    'glas-id': record.glasId,
    version: record.version,
    ...(record.hostname === undefined ? {} : { hostname: record.hostname }),
    ...(record.path === undefined ? {} : { path: record.path }),
    'image-name': record.imageName,
    date: record.date,
    size: record.sizeBytes,
    'image-id': record.imageId,
    contents: record.contents,
    attributes: record.attributes,
    parent: record.parent === null ? null : record.parent.bytes,
    format:
      format === null
        ? null
        : { number: format.number, 'word-size': format.wordSizeBytes, 'image-version': format.imageVersion },
    profile: record.profile,
    removed: record.removed,
    searched: record.searched,
    ...(record.pauseMs === undefined ? {} : { 'pause-ms': record.pauseMs }),
  })
  decodeRecord(bytes) // whatever a reader would refuse is refused before it is written
  return { cid: cidOf(DAG_CBOR_CODEC, bytes), bytes }
}

/** Throws BadRecord, UnknownFormat or LimitExceeded. */
export function decodeRecord(bytes: Uint8Array): GlasRecord {
  const fields = new Fields(
    decodeCanonical(bytes, MAX_RECORD_BYTES, 'BadRecord', 'The record'),
    'BadRecord',
    'The record',
  )
  const recordFormat = fields.integer('pintglas')
  if (recordFormat !== RECORD_FORMAT) {
    throw new GlasError('UnknownFormat', `The record has format ${recordFormat}; this PintGlas reads ${RECORD_FORMAT}.`)
  }
  const hostname = fields.optionalText('hostname', MAX_HOSTNAME_BYTES)
  const path = fields.optionalText('path', MAX_PATH_BYTES)
  return {
    glasId: glasIdField(fields),
    version: versionField(fields),
    ...(hostname === undefined ? {} : { hostname }),
    ...(path === undefined ? {} : { path }),
    imageName: fields.text('image-name', MAX_IMAGE_NAME_BYTES),
    date: dateField(fields),
    sizeBytes: fields.integer('size'),
    imageId: imageIdField(fields),
    contents: fields.link('contents', DAG_PB_CODEC),
    // a UnixFS file, for a large tree has more than a block of them
    attributes: fields.link('attributes', RAW_CODEC, DAG_PB_CODEC),
    parent: fields.raw('parent') === null ? null : fields.recordCid('parent'),
    format: formatField(fields),
    profile: fields.text('profile', MAX_PROFILE_BYTES),
    removed: fields.counts('removed', MAX_RECORD_LIST_ITEMS),
    searched: searchedField(fields.map('searched')),
    ...(fields.raw('pause-ms') === undefined ? {} : { pauseMs: fields.integer('pause-ms') }),
  }
}

function glasIdField(fields: Fields): GlasId {
  const glasId = fields.text('glas-id', 32)
  if (!isGlasId(glasId)) throw fields.bad('glas-id', '32 hex digits in lower case')
  return glasId
}

function imageIdField(fields: Fields): ImageId {
  const text = fields.text('image-id', MAX_RECORD_BYTES)
  try {
    return parseImageId(text)
  } catch {
    throw fields.bad('image-id', `40 hex digits and at most ${MAX_IMAGE_ID_SEGMENTS} times a dash and 4 hex digits`)
  }
}

export function versionField(fields: Fields): Version {
  const parts = fields.list('version', 3)
  const good = (part: unknown) => Number.isSafeInteger(part) && Number(part) >= 0 && Number(part) <= MAX_VERSION_PART
  if (parts.length !== 3 || !parts.every(good)) throw fields.bad('version', 'three integers')
  return parts as unknown as Version
}

export function dateField(fields: Fields): string {
  const date = fields.text('date', 32)
  if (!ISO_DATE.test(date)) throw fields.bad('date', 'a date such as 2026-01-31T13:05:09.123456+01:00')
  return date
}

function formatField(fields: Fields): ImageFormat | null {
  if (fields.raw('format') === null) return null
  const format = fields.map('format')
  const wordSizeBytes = format.integer('word-size', 8)
  if (wordSizeBytes !== 4 && wordSizeBytes !== 8) throw format.bad('word-size', '4 or 8')
  return { number: format.integer('number'), wordSizeBytes, imageVersion: format.integer('image-version') }
}

function searchedField(fields: Fields): Searched {
  return {
    text: fields.textList('text', MAX_RECORD_LIST_ITEMS),
    not: fields.textList('not', MAX_RECORD_LIST_ITEMS),
    allowed: fields.integer('allowed'),
  }
}
