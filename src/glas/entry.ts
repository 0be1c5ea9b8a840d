import type { CID } from 'multiformats/cid'
import type { Fields } from './fields.ts'
import { GLAS_ID_BYTES, type GlasId, glasIdBytes, glasIdOf } from './glas-id.ts'
import { type KeyPair, PUBLIC_KEY_BYTES, type PublicKey, toHex } from './keys.ts'
import {
  MAX_ENTRY_BYTES,
  MAX_IMAGE_ID_SEGMENTS,
  MAX_IMAGE_NAME_BYTES,
  MAX_KEPT_ENTRIES,
  MAX_NOTE_BYTES,
  MAX_TAG_CHARS,
} from './limits.ts'
import { dateField, versionField } from './record.ts'
import { openSealed, readSealed, type Signed, type SignedForm, seal, sealedId } from './signed.ts'
import { isTag } from './tag.ts'
import type { Version } from './version.ts'

export const ENTRY_ID_BYTES = 32

/** What stands in every entry about a glas. Never a hostname, never a path. */
export interface GlasEntryBase {
  glasId: GlasId
  owner: PublicKey
  /** First segment of the image-id, 40 hex: with the owner it proves the glas-id. */
  root: string
  /** 1 + the highest that the writer knew for the glas. */
  sequence: number
  /** The peer that signs. */
  writer: PublicKey
  /** Id of the grant entry that lets the writer publish here. */
  grant: Uint8Array
}

export interface VersionEntry extends GlasEntryBase {
  kind: 'version'
  version: Version
  record: CID
  imageIdHash: Uint8Array
  imageIdDepth: number
  imageName: string
  sizeBytes: number
  date: string
}

export interface TagEntry extends GlasEntryBase {
  kind: 'tag'
  tag: string
  /** null takes the tag away. */
  record: CID | null
}

export interface NoteEntry extends GlasEntryBase {
  kind: 'note'
  record: CID
  /** Empty takes the note away. */
  text: string
}

/** Names a record, not a version: of two records under one version the other one stays. */
export interface RetractEntry extends GlasEntryBase {
  kind: 'retract'
  record: CID
}

/** Signed by the owner: lets a peer publish one glas, or all of the owner's. */
export interface GrantEntry {
  kind: 'grant'
  owner: PublicKey
  grantee: PublicKey
  /** null: all glases of the owner. */
  glasId: GlasId | null
  /** The grantee is the home that holds the owner key: its versions come first in a fork. */
  own: boolean
  /** Makes two grants of the same thing two grants: one may be revoked, the other stay. */
  nonce: Uint8Array
}

/**
 * Signed by the owner: ends a grant, except for the entries that it keeps. Several revocations of one grant keep the
 * union of what they name.
 */
export interface RevokeEntry {
  kind: 'revoke'
  owner: PublicKey
  grant: Uint8Array
  kept: Uint8Array[]
}

export type GlasEntry = VersionEntry | TagEntry | NoteEntry | RetractEntry
export type EntryBody = GlasEntry | GrantEntry | RevokeEntry

/** A verified entry: the body, its id (SHA-256 of the unsigned bytes) and the bytes that travel and are stored. */
export type Entry<Body extends EntryBody = EntryBody> = Signed<Body>

export const GRANT_NONCE_BYTES = 8
const ROOT_CHARS = 40

export function isGlasEntry(body: EntryBody): body is GlasEntry {
  return body.kind !== 'grant' && body.kind !== 'revoke'
}

/** The key that signs a body: the writer's, or the owner's for grants and revocations. */
export function signerOf(body: EntryBody): PublicKey {
  return isGlasEntry(body) ? body.writer : body.owner
}

const ENTRY: SignedForm<EntryBody> = {
  purpose: 'entry',
  format: 1,
  maxBytes: MAX_ENTRY_BYTES,
  code: 'BadEntry',
  what: 'The entry',
  read: bodyOf,
  signerOf,
}

/** Signs `body` and gives the entry; throws when a reader would refuse it or the key is not the signer's. */
export function signEntry<Body extends EntryBody>(body: Body, signer: KeyPair): Entry<Body> {
  return seal(ENTRY, toMap(body), signer) as Entry<Body>
}

/** Decodes and verifies: canonical form, types, limits, glas-id, signature. Whether the writer may is decided later. */
export function decodeEntry(bytes: Uint8Array): Entry {
  return openSealed(ENTRY, bytes)
}

/** The id that these bytes have if they are a good entry: cheap, to see whether it is known before it is verified. */
export function entryIdOf(bytes: Uint8Array): Uint8Array {
  return sealedId(ENTRY, bytes)
}

/** Reads an entry that `decodeEntry` accepted before, from where only such entries are kept: no signature is verified. */
export function readKnownEntry(bytes: Uint8Array): Entry {
  return readSealed(ENTRY, bytes)
}

function toMap(body: EntryBody): Record<string, unknown> {
  if (body.kind === 'grant') {
    const { kind, owner, grantee, own, nonce, glasId } = body
    const glas = glasId === null ? null : glasIdBytes(glasId)
    return { kind, owner, grantee, glas, own, nonce }
  }
  if (body.kind === 'revoke') {
    return { kind: body.kind, owner: body.owner, grant: body.grant, kept: body.kept }
  }
  return { kind: body.kind, ...baseToMap(body), ...ownToMap(body) }
}

function baseToMap(body: GlasEntryBase): Record<string, unknown> {
  const { owner, root, sequence, writer, grant } = body
  return { glas: glasIdBytes(body.glasId), owner, root, sequence, writer, grant }
}

function ownToMap(body: GlasEntry): Record<string, unknown> {
  const record = body.record === null ? null : body.record.bytes
  if (body.kind === 'tag') return { record, tag: body.tag }
  if (body.kind === 'note') return { record, text: body.text }
  if (body.kind === 'retract') return { record }
  return {
    record,
    version: body.version,
    'image-id-hash': body.imageIdHash,
    'image-id-depth': body.imageIdDepth,
    'image-name': body.imageName,
    size: body.sizeBytes,
    date: body.date,
  }
}

function bodyOf(fields: Fields): EntryBody {
  const kind = fields.text('kind', 16)
  const owner = fields.bytes('owner', PUBLIC_KEY_BYTES)
  if (kind === 'grant') return grantOf(fields, owner)
  if (kind === 'revoke') return revokeOf(fields, owner)
  const base = baseOf(fields, owner)
  if (kind === 'tag') {
    const record = fields.raw('record') === null ? null : fields.recordCid('record')
    const tag = fields.text('tag', MAX_TAG_CHARS)
    if (!isTag(tag)) throw fields.bad('tag', 'a tag')
    return { kind, ...base, record, tag }
  }
  const record = fields.recordCid('record')
  if (kind === 'note') return { kind, ...base, record, text: fields.text('text', MAX_NOTE_BYTES) }
  if (kind === 'retract') return { kind, ...base, record }
  if (kind !== 'version') throw fields.bad('kind', 'version, tag, note, retract, grant or revoke')
  return {
    kind,
    ...base,
    record,
    version: versionField(fields),
    imageIdHash: fields.bytes('image-id-hash', 32),
    imageIdDepth: fields.integer('image-id-depth', MAX_IMAGE_ID_SEGMENTS),
    imageName: fields.text('image-name', MAX_IMAGE_NAME_BYTES),
    sizeBytes: fields.integer('size'),
    date: dateField(fields),
  }
}

function baseOf(fields: Fields, owner: PublicKey): GlasEntryBase {
  const glasId = toHex(fields.bytes('glas', GLAS_ID_BYTES))
  const root = fields.text('root', ROOT_CHARS)
  if (!/^[0-9a-f]{40}$/.test(root)) throw fields.bad('root', '40 hex digits')
  if (glasIdOf(owner, root) !== glasId) throw fields.bad('glas', 'the glas-id that follows from owner and root')
  return {
    glasId,
    owner,
    root,
    sequence: fields.integer('sequence'),
    writer: fields.bytes('writer', PUBLIC_KEY_BYTES),
    grant: fields.bytes('grant', ENTRY_ID_BYTES),
  }
}

function grantOf(fields: Fields, owner: PublicKey): GrantEntry {
  return {
    kind: 'grant',
    owner,
    grantee: fields.bytes('grantee', PUBLIC_KEY_BYTES),
    glasId: fields.raw('glas') === null ? null : toHex(fields.bytes('glas', GLAS_ID_BYTES)),
    own: fields.boolean('own'),
    nonce: fields.bytes('nonce', GRANT_NONCE_BYTES),
  }
}

function revokeOf(fields: Fields, owner: PublicKey): RevokeEntry {
  const kept = fields.list('kept', MAX_KEPT_ENTRIES)
  if (!kept.every((id) => id instanceof Uint8Array && id.byteLength === ENTRY_ID_BYTES)) {
    throw fields.bad('kept', 'a list of entry ids')
  }
  return { kind: 'revoke', owner, grant: fields.bytes('grant', ENTRY_ID_BYTES), kept: kept as Uint8Array[] }
}
