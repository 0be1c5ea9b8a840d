/** What is written is read back the same, and no other bytes are taken for it. */
import { encode } from '@ipld/dag-cbor'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { decodeCertificate, decodeRemoval, signCertificate, signRemoval } from '../../../src/glas/certificate.ts'
import { decodeEntry, entryIdOf, readKnownEntry, signEntry, signerOf } from '../../../src/glas/entry.ts'
import { isGlasError } from '../../../src/glas/errors.ts'
import { cidOf, DAG_CBOR_CODEC, DAG_PB_CODEC, RAW_CODEC, sha256 } from '../../../src/glas/hash.ts'
import { signBytes } from '../../../src/glas/keys.ts'
import { decodeRecord, encodeRecord, type GlasRecord } from '../../../src/glas/record.ts'
import { test } from '../../harness.ts'
import { certificate, entryBody, PEOPLE, pairOf, record, removal } from './arbitraries.ts'

const [ann, bob] = PEOPLE as [(typeof PEOPLE)[0], (typeof PEOPLE)[0]]
const isCode = (code: Parameters<typeof isGlasError>[1]) => (error: unknown) => isGlasError(error, code)
/** Buffers and plain arrays of bytes are the same to us. */
const plain = (value: unknown) =>
  JSON.parse(JSON.stringify(value, (_, item) => (item instanceof Uint8Array ? [...item] : item)))

test('a record is read back as it was written, and named by the SHA-256 of its bytes', () => {
  fc.assert(
    fc.property(record, (one) => {
      const { cid, bytes } = encodeRecord(one)
      assert.equal(plain(decodeRecord(bytes)), plain(one))
      assert.equal(cid, cidOf(DAG_CBOR_CODEC, bytes))
    }),
    { seed: 1, numRuns: 300 },
  )
})

test('an entry of any kind is read back as it was signed, with the hash of its unsigned bytes as id', () => {
  fc.assert(
    fc.property(entryBody, (body) => {
      const entry = signEntry(body, pairOf(signerOf(body)))
      const again = decodeEntry(entry.bytes)
      assert.equal(plain(again.body), plain(body))
      assert.equal([again.id, entryIdOf(entry.bytes), readKnownEntry(entry.bytes).id], [entry.id, entry.id, entry.id])
      assert.equal(plain(readKnownEntry(entry.bytes).body), plain(body))
    }),
    { seed: 2, numRuns: 200 },
  )
})

test('certificates and removals are read back as they were signed', () => {
  fc.assert(
    fc.property(certificate, removal, (one, other) => {
      assert.equal(plain(decodeCertificate(signCertificate(one, pairOf(one.issuer)).bytes).body), plain(one))
      assert.equal(plain(decodeRemoval(signRemoval(other, pairOf(other.issuer)).bytes).body), plain(other))
    }),
    { seed: 3, numRuns: 100 },
  )
})

test('nobody else’s signature is good, nor one for another purpose', () => {
  fc.assert(
    fc.property(entryBody, (body) => {
      const other = pairOf(signerOf(body)) === ann ? bob : ann
      assert.throws(() => signEntry(body, other), isCode('BadSignature'))
    }),
    { seed: 4, numRuns: 40 },
  )
  const swarm = 'a'.repeat(64)
  const { bytes } = signRemoval({ swarm, subject: bob.publicKey, issuer: ann.publicKey }, ann)
  assert.throws(() => decodeEntry(bytes), isCode('BadEntry'))
  const unsigned = encode({ format: 1, swarm, subject: bob.publicKey, issuer: ann.publicKey })
  assert.throws(() => decodeRemoval(encode([unsigned, signBytes(ann, 'entry', unsigned)])), isCode('BadSignature'))
})

/** Signs any map as if it were an entry of ann's. */
function signed(map: Record<string, unknown>): Uint8Array {
  const unsigned = encode(map)
  return encode([unsigned, signBytes(ann, 'entry', unsigned)])
}

const grantMap = {
  format: 1,
  kind: 'grant',
  owner: ann.publicKey,
  grantee: bob.publicKey,
  glas: null,
  own: true,
  nonce: new Uint8Array(8),
}

test('a field that a later PintGlas may add is left alone, a later format is refused by name', () => {
  assert.is(decodeEntry(signed({ ...grantMap, later: ['anything', 1] })).body.kind, 'grant')
  assert.throws(() => decodeEntry(signed({ ...grantMap, format: 2 })), isCode('UnknownFormat'))
})

test('a field that is missing or of another type is refused by name', () => {
  for (const field of Object.keys(grantMap)) {
    const { [field as keyof typeof grantMap]: _, ...rest } = grantMap
    assert.throws(
      () => decodeEntry(signed(rest)),
      (error: unknown) => isGlasError(error, 'BadEntry') && error.message.includes(field),
    )
    for (const wrong of [['list'], { map: 1 }, -1, 1.5, 2n ** 60n]) {
      assert.throws(() => decodeEntry(signed({ ...grantMap, [field]: wrong })), isCode('BadEntry'))
    }
  }
})

test('a glas-id that does not follow from owner and root is refused: nobody can write under it', () => {
  const map = {
    ...grantMap,
    kind: 'retract',
    glas: new Uint8Array(16),
    root: 'a'.repeat(40),
    sequence: 1,
    writer: ann.publicKey,
  }
  const whole = { ...map, grant: new Uint8Array(32), record: cidOf(DAG_CBOR_CODEC, new Uint8Array()).bytes }
  assert.throws(() => decodeEntry(signed(whole)), /the glas-id that follows from owner and root/)
})

test('one value has one encoding: longer integers, other key orders, floats and trailing bytes are refused', () => {
  const unsigned = encode(grantMap)
  const seal = (bytes: Uint8Array) => encode([bytes, signBytes(ann, 'entry', bytes)])
  assert.ok(decodeEntry(seal(unsigned)))
  const text = Buffer.from(unsigned).toString('hex')
  const one = '66666f726d6174' // the key "format"
  const others = [
    `${text}00`,
    text.replace(`${one}01`, `${one}1801`),
    text.replace(`${one}01`, `${one}fb3ff0000000000000`),
  ]
  const lastPair = '656f776e6572' // the key "owner" and its value, moved to the front
  const at = text.indexOf(lastPair)
  const pair = text.slice(at, at + 12 + 68)
  others.push(text.slice(0, 2) + pair + text.slice(2, at) + text.slice(at + pair.length))
  for (const hex of others) {
    assert.is.not(hex, text)
    assert.throws(() => decodeEntry(seal(Buffer.from(hex, 'hex'))), isCode('BadEntry'))
  }
})

test('an entry above 2 KiB and a record above 64 KiB are refused before they are looked at', () => {
  assert.throws(() => decodeEntry(new Uint8Array(2049)), isCode('LimitExceeded'))
  assert.throws(() => decodeRecord(new Uint8Array(64 * 1024 + 1)), isCode('LimitExceeded'))
  assert.throws(() => decodeCertificate(new Uint8Array(1025)), isCode('LimitExceeded'))
})

test('the largest revocation and the longest note fit in an entry', () => {
  const kept = Array.from({ length: 48 }, (_, n) => sha256(Uint8Array.from([n])))
  const { bytes } = signEntry({ kind: 'revoke', owner: ann.publicKey, grant: new Uint8Array(32), kept }, ann)
  assert.ok(bytes.length <= 2048, `${bytes.length} bytes`)
  assert.throws(
    () =>
      signEntry(
        { kind: 'revoke', owner: ann.publicKey, grant: new Uint8Array(32), kept: [...kept, kept[0] as Uint8Array] },
        ann,
      ),
    isCode('BadEntry'),
  )
})

const sample: GlasRecord = {
  glasId: 'a'.repeat(32),
  version: [0, 0, 1],
  imageName: 'ants',
  date: '2026-01-31T13:05:09.123456+01:00',
  sizeBytes: 1,
  imageId: 'b'.repeat(40),
  contents: cidOf(DAG_PB_CODEC, new Uint8Array()),
  attributes: cidOf(RAW_CODEC, new Uint8Array()),
  parent: null,
  format: null,
  profile: 'pintglas-1',
  removed: {},
  searched: { text: [], not: ['heap'], allowed: 0 },
}

test('the writer of a record refuses what a reader would refuse', () => {
  const bad: Partial<GlasRecord>[] = [
    { glasId: 'A'.repeat(32) },
    { version: [0, 0, -1] },
    { version: [0, 0] as unknown as [0, 0, 0] },
    { imageName: 'x'.repeat(241) },
    { date: '2026-01-31T13:05:09+01:00' },
    { date: '2026-13-31T13:05:09.123456+01:00' },
    { date: '2026-01-31T25:05:09.123456+01:00' },
    { sizeBytes: -1 },
    { imageId: 'b'.repeat(39) },
    { contents: cidOf(RAW_CODEC, new Uint8Array()) },
    { attributes: cidOf(DAG_CBOR_CODEC, new Uint8Array()) },
    { parent: cidOf(RAW_CODEC, new Uint8Array()) },
    { format: { number: 1, wordSizeBytes: 5 as 4, imageVersion: 1 } },
    { removed: { rule: -1 } },
    { searched: { text: [], not: [], allowed: -1 } },
  ]
  assert.ok(encodeRecord(sample))
  for (const wrong of bad) assert.throws(() => encodeRecord({ ...sample, ...wrong }), isCode('BadRecord'))
})

test('a parent is no link: whoever walks the links of a record does not walk its history', () => {
  const parent = cidOf(DAG_CBOR_CODEC, Buffer.from('parent'))
  const { bytes } = encodeRecord({ ...sample, parent })
  const tag42 = Buffer.from('d82a', 'hex')
  assert.is(
    Buffer.from(bytes).toString('hex').split(tag42.toString('hex')).length - 1,
    2,
    'contents and attributes alone',
  )
})
