/** Random but valid records, entries and certificates, for property tests. */
import fc from 'fast-check'
import type { Certificate, Removal } from '../../../src/glas/certificate.ts'
import { swarmIdOf } from '../../../src/glas/certificate.ts'
import type { EntryBody, GlasEntryBase } from '../../../src/glas/entry.ts'
import { glasIdOf } from '../../../src/glas/glas-id.ts'
import { cidOf, DAG_CBOR_CODEC, DAG_PB_CODEC, RAW_CODEC } from '../../../src/glas/hash.ts'
import { type KeyPair, keyPairFromSeed } from '../../../src/glas/keys.ts'
import type { GlasRecord } from '../../../src/glas/record.ts'
import { isTag } from '../../../src/glas/tag.ts'

/** A few people: keys are made once. */
export const PEOPLE: KeyPair[] = [1, 2, 3].map((seed) => keyPairFromSeed(new Uint8Array(32).fill(seed)))

const person = fc.constantFrom(...PEOPLE.map(({ publicKey }) => publicKey))
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const hex = (chars: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${chars}}$`))
const recordCid = bytes(8).map((seed) => cidOf(DAG_CBOR_CODEC, seed))
const count = fc.maxSafeNat()
const part = fc.nat({ max: 2 ** 31 - 1 })
const version = fc.tuple(part, part, part)

/** Any Unicode but a byte order mark at the beginning, which the text decoder takes away. */
function text(maxBytes: number): fc.Arbitrary<string> {
  const any = fc
    .string({ unit: 'binary', maxLength: maxBytes })
    .map((long) => long.toWellFormed().replace(/^\ufeff+/, ''))
  return any.filter((short) => Buffer.byteLength(short) <= maxBytes)
}

const two = (max: number, min = 0) => fc.integer({ min, max }).map((n) => String(n).padStart(2, '0'))
const date = fc
  .tuple(
    fc.nat({ max: 9999 }),
    two(12, 1),
    two(31, 1),
    two(23),
    two(59),
    two(59),
    fc.nat({ max: 999_999 }),
    two(23),
    two(59),
  )
  .map(([year, month, day, hour, minute, second, micros, offsetHours, offsetMinutes]) => {
    const clock = `${hour}:${minute}:${second}.${String(micros).padStart(6, '0')}`
    const sign = micros % 2 === 0 ? '+' : '-'
    return `${String(year).padStart(4, '0')}-${month}-${day}T${clock}${sign}${offsetHours}:${offsetMinutes}`
  })

const imageId = fc.tuple(hex(40), fc.array(hex(4), { maxLength: 20 })).map(([root, more]) => [root, ...more].join('-'))

const format = fc.record({ number: count, wordSizeBytes: fc.constantFrom<4 | 8>(4, 8), imageVersion: count })
const place = fc.record({ hostname: text(255), path: text(1000), pauseMs: count }, { requiredKeys: [] })
/** Names of one character are the edge of canonical map order: shorter keys come first. */
const counts = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 5 }).filter((name) => name !== '__proto__'),
  count,
  { maxKeys: 8 },
)

export const record: fc.Arbitrary<GlasRecord> = fc
  .record({
    glasId: hex(32),
    version,
    imageName: text(240),
    date,
    sizeBytes: count,
    imageId,
    contents: bytes(8).map((seed) => cidOf(DAG_PB_CODEC, seed)),
    attributes: fc.tuple(fc.constantFrom(RAW_CODEC, DAG_PB_CODEC), bytes(8)).map(([codec, seed]) => cidOf(codec, seed)),
    parent: fc.option(recordCid),
    format: fc.option(format),
    profile: text(32),
    removed: counts.map((plain) => ({ ...plain })),
    searched: fc.record({ text: fc.array(text(40)), not: fc.array(text(40)), allowed: count }),
  })
  .chain((whole) => place.map((where) => ({ ...whole, ...where })))

const base: fc.Arbitrary<GlasEntryBase> = fc
  .record({ owner: person, root: hex(40), sequence: count, writer: person, grant: bytes(32) })
  .map((some) => ({ ...some, glasId: glasIdOf(some.owner, some.root) }))

const tag = fc.stringMatching(/^[A-Za-z][A-Za-z0-9._-]{0,63}$/).filter(isTag)

const ofVersion = fc.record({
  kind: fc.constant<'version'>('version'),
  version,
  record: recordCid,
  imageIdHash: bytes(32),
  imageIdDepth: fc.nat({ max: 10_000 }),
  imageName: text(240),
  sizeBytes: count,
  date,
})
const ofTag = fc.record({ kind: fc.constant<'tag'>('tag'), tag, record: fc.option(recordCid) })
const ofNote = fc.record({ kind: fc.constant<'note'>('note'), record: recordCid, text: text(1024) })
const ofRetract = fc.record({ kind: fc.constant<'retract'>('retract'), record: recordCid })
const ofGrant = fc.record({
  kind: fc.constant<'grant'>('grant'),
  owner: person,
  grantee: person,
  glasId: fc.option(hex(32)),
  own: fc.boolean(),
  nonce: bytes(8),
})
const ofRevoke = fc.record({
  kind: fc.constant<'revoke'>('revoke'),
  owner: person,
  grant: bytes(32),
  kept: fc.array(bytes(32), { maxLength: 48 }),
})

export const entryBody: fc.Arbitrary<EntryBody> = fc.oneof(
  fc.tuple(base, fc.oneof(ofVersion, ofTag, ofNote, ofRetract)).map(([some, own]) => ({ ...some, ...own })),
  ofGrant,
  ofRevoke,
)

export const certificate: fc.Arbitrary<Certificate> = fc
  .record({
    founder: person,
    nonce: bytes(16),
    subject: person,
    owner: person,
    name: text(64),
    mayInvite: fc.boolean(),
    issuer: person,
  })
  .map((some) => ({ ...some, swarm: swarmIdOf(some.founder, some.nonce) }))

export const removal: fc.Arbitrary<Removal> = fc.record({ swarm: hex(64), subject: person, issuer: person })

/** The pair of a public key of PEOPLE. */
export function pairOf(key: Uint8Array): KeyPair {
  return PEOPLE.find(({ publicKey }) => Buffer.compare(publicKey, key) === 0) as KeyPair
}
