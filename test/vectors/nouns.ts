/**
 * The fixed examples of docs/formats.md and docs/protocols-index.md: name -> what the code makes of it, in hex or as
 * text. Everything follows from five seeds and a few words, so another implementation can make the same.
 */
import { encodeCanonical } from '../../src/glas/canonical.ts'
import { signCertificate, signRemoval, swarmIdOf } from '../../src/glas/certificate.ts'
import { type Entry, type EntryBody, signEntry } from '../../src/glas/entry.ts'
import { glasIdOf } from '../../src/glas/glas-id.ts'
import { cidOf, DAG_CBOR_CODEC, DAG_PB_CODEC, RAW_CODEC, sha256 } from '../../src/glas/hash.ts'
import { imageIdHash } from '../../src/glas/image-id.ts'
import { keyPairFromSeed, peerIdText, toHex } from '../../src/glas/keys.ts'
import { encodeRecord, type GlasRecord } from '../../src/glas/record.ts'
import { encodeAttributes } from '../../src/image/attributes.ts'
import { encodeMessage, fingerprintOf } from '../../src/index/messages.ts'
import { EVERYTHING, onlyThese } from '../../src/index/scope.ts'

const seeded = (byte: number) => keyPairFromSeed(new Uint8Array(32).fill(byte))
const [owner, home, laptop] = [seeded(1), seeded(2), seeded(3)] as const
const words = (text: string) => new TextEncoder().encode(text)

const root = '0123456789abcdef0123456789abcdef01234567'
const imageId = `${root}-a1b2-c3d4`
const glasId = glasIdOf(owner.publicKey, root)
const date = '2026-01-31T13:05:09.123456+01:00'
const parent = cidOf(DAG_CBOR_CODEC, words('parent'))

const whole: GlasRecord = {
  glasId,
  version: [0, 0, 7],
  hostname: 'laptop',
  path: '/home/ann/Pharo/images/ants',
  imageName: 'Fourmilière',
  date,
  sizeBytes: 123_456_789,
  imageId,
  contents: cidOf(DAG_PB_CODEC, words('contents')),
  attributes: cidOf(RAW_CODEC, words('attributes')),
  parent,
  format: { number: 68021, wordSizeBytes: 8, imageVersion: 130 },
  profile: 'pintglas-1',
  removed: { 'crash-dump': 1, 'private-key': 2 },
  searched: { text: ['changes'], not: ['heap'], allowed: 0 },
}

const { hostname: _hostname, path: _path, ...placeless } = whole
const first: GlasRecord = {
  ...placeless,
  version: [0, 0, 1],
  imageId: root,
  parent: null,
  format: null,
  removed: {},
  searched: { text: [], not: [], allowed: 0 },
}

const record = encodeRecord(whole)
const keys = { owner: owner.publicKey, glasId, root }

function entries(): Record<string, Entry> {
  const granted = signEntry(
    {
      kind: 'grant',
      owner: owner.publicKey,
      grantee: home.publicKey,
      glasId: null,
      own: true,
      nonce: new Uint8Array(8),
    },
    owner,
  )
  const nonce = Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7])
  const narrow = {
    kind: 'grant',
    owner: owner.publicKey,
    grantee: laptop.publicKey,
    glasId,
    own: false,
    nonce,
  } as const
  const base = { ...keys, writer: home.publicKey, grant: granted.id, record: record.cid }
  const image = {
    imageIdHash: imageIdHash(imageId),
    imageIdDepth: 2,
    imageName: 'Fourmilière',
    sizeBytes: 123_456_789,
    date,
  }
  const sign = (body: EntryBody) => signEntry(body, home)
  const version = sign({ kind: 'version', ...base, ...image, sequence: 7, version: [0, 0, 7] })
  const grantLaptop = signEntry(narrow, owner)
  return {
    grant: granted,
    'grant-of-one-glas': grantLaptop,
    version,
    tag: sign({ kind: 'tag', ...base, sequence: 8, tag: 'paper' }),
    'tag-taken-away': sign({ kind: 'tag', ...base, sequence: 9, tag: 'paper', record: null }),
    note: sign({ kind: 'note', ...base, sequence: 10, text: 'the run of Friday' }),
    retract: sign({ kind: 'retract', ...base, sequence: 11 }),
    revoke: signEntry({ kind: 'revoke', owner: owner.publicKey, grant: grantLaptop.id, kept: [version.id] }, owner),
  }
}

function entryVectors(): [string, string][] {
  const pairs = Object.entries(entries()).flatMap(([name, { id, bytes }]): [string, string][] => [
    [`${name}`, toHex(bytes)],
    [`${name}-id`, toHex(id)],
  ])
  return pairs
}

function memberVectors(): [string, string][] {
  const nonce = new Uint8Array(16).fill(9)
  const swarm = swarmIdOf(home.publicKey, nonce)
  const founding = { swarm, founder: home.publicKey, nonce, owner: owner.publicKey, issuer: home.publicKey }
  const certificate = signCertificate(
    { ...founding, subject: laptop.publicKey, name: 'laptop', mayInvite: false },
    home,
  )
  const removal = signRemoval({ swarm, subject: laptop.publicKey, issuer: home.publicKey }, home)
  return [
    ['swarm-id', swarm],
    ['certificate', toHex(certificate.bytes)],
    ['certificate-id', toHex(certificate.id)],
    ['removal', toHex(removal.bytes)],
  ]
}

function indexVectors(): [string, string][] {
  const { grant, version } = entries() as { grant: Entry; version: Entry }
  const sum =
    [grant, version].map(({ id }) => BigInt(`0x${toHex(id)}`)).reduce((total, id) => total + id, 0n) % 2n ** 256n
  const nothing = { ranges: [], want: [], entries: [], more: false }
  const all = { lower: '', upper: undefined }
  const lister = { ...nothing, scope: EVERYTHING, ranges: [{ ...all, kind: 'list' as const, ids: [] }] }
  const cut = [
    { lower: '', upper: '7f', kind: 'skip' as const },
    { lower: '7f', upper: '7fa0', kind: 'fingerprint' as const, fingerprint: fingerprintOf({ count: 2, sum }) },
    { lower: '7fa0', upper: undefined, kind: 'list' as const, ids: [toHex(version.id)] },
  ]
  return [
    ['fingerprint', toHex(fingerprintOf({ count: 2, sum }))],
    ['fingerprint-of-nothing', toHex(fingerprintOf({ count: 0, sum: 0n }))],
    ['message-of-an-empty-index', toHex(encodeMessage(lister))],
    ['message-with-ranges', toHex(encodeMessage({ ...nothing, scope: onlyThese([glasId]), ranges: cut }))],
    [
      'message-with-an-entry',
      toHex(
        encodeMessage({ ...nothing, scope: undefined, want: [toHex(grant.id)], entries: [version.bytes], more: true }),
      ),
    ],
    ['message-of-the-end', toHex(encodeMessage({ ...nothing, scope: undefined }))],
  ]
}

export function vectors(): Map<string, string> {
  const attributes = encodeAttributes([
    { path: '', mode: 0o755, mtimeSec: 1_769_861_109, mtimeNsec: 123_456_789 },
    { path: 'ants.image', mode: 0o644, mtimeSec: 1_769_861_109, mtimeNsec: 0 },
    { path: 'pharo-local/iceberg', mode: 0o700, mtimeSec: -1, mtimeNsec: 999_999_999 },
  ])
  const beginning = encodeRecord(first)
  const ofTap = encodeRecord({ ...first, pauseMs: 812 })
  return new Map([
    ['owner-key', toHex(owner.publicKey)],
    ['home-key', toHex(home.publicKey)],
    ['laptop-key', toHex(laptop.publicKey)],
    ['home-peer-id', peerIdText(home.publicKey)],
    ['glas-id-input', toHex(encodeCanonical({ owner: owner.publicKey, root }))],
    ['glas-id', glasId],
    ['image-id-hash', toHex(imageIdHash(imageId))],
    ['record', toHex(record.bytes)],
    ['record-cid', String(record.cid)],
    ['record-cid-bytes', toHex(record.cid.bytes)],
    ['first-record', toHex(beginning.bytes)],
    ['first-record-cid', String(beginning.cid)],
    ['record-of-a-tap', toHex(ofTap.bytes)],
    ['record-of-a-tap-cid', String(ofTap.cid)],
    ['attributes', toHex(attributes)],
    ['attributes-cid', String(cidOf(RAW_CODEC, attributes))],
    ...entryVectors(),
    ...memberVectors(),
    ...indexVectors(),
  ])
}

/** Entries of the document with one thing wrong: name -> bytes that every reader refuses. */
export function refused(): Map<string, { bytes: Uint8Array; code: string }> {
  const { tag } = entries() as { tag: Entry }
  const forged = Uint8Array.from(tag.bytes)
  forged[forged.length - 1] = (forged.at(-1) as number) ^ 1
  return new Map([
    ['forged-tag', { bytes: forged, code: 'BadSignature' }],
    [
      'tag-in-a-longer-list',
      { bytes: Buffer.concat([Uint8Array.from([0x98, 2]), tag.bytes.subarray(1)]), code: 'BadEntry' },
    ],
    ['unsigned-tag', { bytes: unsignedOf(tag), code: 'BadEntry' }],
  ])
}

/** The bytes that an entry's id is the hash of: the first item of its two. */
function unsignedOf({ bytes, id }: Entry): Uint8Array {
  const length = (bytes[2] as number) * 256 + (bytes[3] as number)
  const unsigned = bytes.subarray(4, 4 + length)
  if (toHex(sha256(unsigned)) !== toHex(id)) throw new Error('the layout of entries has changed')
  return Uint8Array.from(unsigned)
}
