import { decodeCanonical, encodeCanonical } from '../glas/canonical.ts'
import { ENTRY_ID_BYTES } from '../glas/entry.ts'
import { Fields } from '../glas/fields.ts'
import { GLAS_ID_BYTES } from '../glas/glas-id.ts'
import { sha256 } from '../glas/hash.ts'
import { fromHex, toHex } from '../glas/keys.ts'
import { MAX_ENTRY_BYTES } from '../glas/limits.ts'
import { KEY_BYTES, type KeyRange, type RangeSummary } from './ordered-keys.ts'
import { MAX_SCOPE_RANGES, type Scope } from './scope.ts'

/** One message on the wire; far above what the numbers below can add up to, far below what hurts. */
export const MAX_MESSAGE_BYTES = 256 * 1024
/** Ranges in a message, with the skipped ones between them: about 70 KiB. */
export const MAX_MESSAGE_RANGES = 1024
/** Entry ids in the lists of one message, and so at most in the wants of the next: 70 KiB each. */
export const MAX_MESSAGE_IDS = 2048
/** Entries in one message: bounded by its bytes in practice. */
export const MAX_MESSAGE_ENTRIES = 1024
/** A fingerprint is the beginning of a SHA-256: 128 bits do, for whoever could forge it could also lie. */
export const FINGERPRINT_BYTES = 16

/** What one peer says of a range of its keys. */
export type Said = KeyRange &
  ({ kind: 'skip' } | { kind: 'fingerprint'; fingerprint: Uint8Array } | { kind: 'list'; ids: string[] })

export interface Message {
  /** In the first message of each peer: what it wants to hear of. */
  scope: Scope | undefined
  /** Ascending, the first one from the very beginning, each from where the one before it ends. */
  ranges: Said[]
  /** Ids, in hex, of entries that the other one is asked to send. */
  want: string[]
  entries: Uint8Array[]
  /** More entries follow in the next message. */
  more: boolean
}

const KINDS = { skip: 0, fingerprint: 1, list: 2 } as const

/** First 16 bytes of SHA-256 over the count (u64, big-endian) and the sum of the ids (32 bytes, big-endian). */
export function fingerprintOf({ count, sum }: RangeSummary): Uint8Array {
  const bytes = Buffer.alloc(8 + ENTRY_ID_BYTES)
  bytes.writeBigUInt64BE(BigInt(count))
  bytes.write(sum.toString(16).padStart(2 * ENTRY_ID_BYTES, '0'), 8, 'hex')
  return sha256(bytes).subarray(0, FINGERPRINT_BYTES)
}

export function encodeMessage({ scope, ranges, want, entries, more }: Message): Uint8Array {
  return encodeCanonical({
    ...(scope === undefined ? {} : { scope: scope.map(({ lower, upper }) => [fromHex(lower), boundBytes(upper)]) }),
    ranges: ranges.map((said) => [...boundParts(said), KINDS[said.kind], ...payloadOf(said)]),
    want: want.map(fromHex),
    entries,
    more,
  })
}

/** The end of all keys is written as no bytes at all: no range ends at the beginning. */
function boundBytes(bound: string | undefined): Uint8Array {
  return fromHex(bound ?? '')
}

/** How many bytes an upper bound shares with the lower one, and the rest of it: most ranges lie within one glas. */
function boundParts({ lower, upper = '' }: KeyRange): [number, Uint8Array] {
  let shared = 0
  while (shared < upper.length && upper.slice(shared, shared + 2) === lower.slice(shared, shared + 2)) shared += 2
  return [shared / 2, fromHex(upper.slice(shared))]
}

function payloadOf(said: Said): unknown[] {
  if (said.kind === 'skip') return []
  return [said.kind === 'list' ? said.ids.map(fromHex) : said.fingerprint]
}

/** Throws BadMessage or LimitExceeded. */
export function decodeMessage(bytes: Uint8Array): Message {
  const what = 'The index message'
  const fields = new Fields(decodeCanonical(bytes, MAX_MESSAGE_BYTES, 'BadMessage', what), 'BadMessage', what)
  const ranges = rangesField(fields)
  const listed = ranges.reduce((sum, said) => sum + (said.kind === 'list' ? said.ids.length : 0), 0)
  if (listed > MAX_MESSAGE_IDS) throw fields.bad('ranges', `lists of at most ${MAX_MESSAGE_IDS} ids`)
  const entries = fields.list('entries', MAX_MESSAGE_ENTRIES)
  if (!entries.every(isEntryBytes)) throw fields.bad('entries', 'a list of entries')
  const want = idsOf(fields.list('want', MAX_MESSAGE_IDS))
  if (want === undefined) throw fields.bad('want', 'a list of entry ids')
  const scope = fields.raw('scope') === undefined ? undefined : scopeField(fields)
  return { scope, ranges, want, entries, more: fields.boolean('more') }
}

function rangesField(fields: Fields): Said[] {
  const ranges: Said[] = []
  let lower: string | undefined = ''
  for (const item of fields.list('ranges', MAX_MESSAGE_RANGES)) {
    const said: Said | undefined = lower === undefined ? undefined : saidOf(item, lower)
    if (said === undefined) throw fields.bad('ranges', 'ascending ranges, each with what is said of it')
    ranges.push(said)
    lower = said.upper
  }
  return ranges
}

function saidOf(item: unknown, lower: string): Said | undefined {
  if (!Array.isArray(item)) return undefined
  const [shared, rest, kind, payload, extra] = item
  const upper = boundOf(shared, rest, lower)
  if (upper === undefined || extra !== undefined) return undefined
  return saidUpTo(upper === '' ? undefined : upper, lower, kind, payload)
}

/** Undefined when it is none or does not come after `lower`; empty for the end of all keys. */
function boundOf(shared: unknown, rest: unknown, lower: string): string | undefined {
  if (typeof shared !== 'number' || !Number.isSafeInteger(shared) || shared < 0) return undefined
  if (!(rest instanceof Uint8Array) || shared + rest.byteLength > KEY_BYTES || 2 * shared > lower.length)
    return undefined
  const bound = lower.slice(0, 2 * shared) + toHex(rest)
  return bound === '' || bound > lower ? bound : undefined
}

function saidUpTo(upper: string | undefined, lower: string, kind: unknown, payload: unknown): Said | undefined {
  if (kind === KINDS.skip && payload === undefined) return { lower, upper, kind: 'skip' }
  if (kind === KINDS.list) {
    const ids = Array.isArray(payload) ? idsOf(payload) : undefined
    return ids === undefined ? undefined : { lower, upper, kind: 'list', ids }
  }
  const isFingerprint = payload instanceof Uint8Array && payload.byteLength === FINGERPRINT_BYTES
  if (kind !== KINDS.fingerprint || !isFingerprint) return undefined
  return { lower, upper, kind: 'fingerprint', fingerprint: payload }
}

function idsOf(items: unknown[]): string[] | undefined {
  const good = items.every((id) => id instanceof Uint8Array && id.byteLength === ENTRY_ID_BYTES)
  return good ? items.map((id) => toHex(id as Uint8Array)) : undefined
}

function isEntryBytes(item: unknown): item is Uint8Array {
  return item instanceof Uint8Array && item.byteLength <= MAX_ENTRY_BYTES
}

function scopeField(fields: Fields): Scope {
  let before: string | undefined = ''
  return fields.list('scope', MAX_SCOPE_RANGES).map((item, index) => {
    const [from, to, extra] = Array.isArray(item) ? item : []
    if (!isGlasBound(from) || !isGlasBound(to) || extra !== undefined) throw fields.bad('scope', 'pairs of glas-ids')
    const lower = toHex(from)
    const upper = to.byteLength === 0 ? undefined : toHex(to)
    const isAfter = before !== undefined && (index === 0 || lower > before) && (upper === undefined || upper > lower)
    if (!isAfter) throw fields.bad('scope', 'ascending ranges that are apart')
    before = upper
    return { lower, upper }
  })
}

function isGlasBound(item: unknown): item is Uint8Array {
  return item instanceof Uint8Array && (item.byteLength === 0 || item.byteLength === GLAS_ID_BYTES)
}
