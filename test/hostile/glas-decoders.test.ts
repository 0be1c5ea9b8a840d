/** Bytes from strangers: whatever is done to them, each decoder gives the one true value or an error with a code. */
import { encode } from '@ipld/dag-cbor'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  decodeCertificate,
  decodeRemoval,
  signCertificate,
  signRemoval,
  swarmIdOf,
} from '../../src/glas/certificate.ts'
import { decodeEntry } from '../../src/glas/entry.ts'
import { type ErrorCode, isGlasError } from '../../src/glas/errors.ts'
import { cidOf, DAG_CBOR_CODEC, DAG_PB_CODEC } from '../../src/glas/hash.ts'
import { decodeRecord, encodeRecord } from '../../src/glas/record.ts'
import { test } from '../harness.ts'
import { keyOf, ownWriter, recordOf, revoke } from '../unit/index/fixture.ts'

const RUNS = { seed: 50, numRuns: 1500 }

const ann = ownWriter('ann')
const peer = keyOf('peer')
const nonce = new Uint8Array(16)

const entries = [
  ann.version(1, [0, 0, 1], recordOf('1')),
  ann.tag(2, 'paper', recordOf('1')),
  ann.note(3, recordOf('1'), 'a note'),
  ann.retract(4, recordOf('1')),
  ann.granted,
  revoke(ann.owner, ann.granted, [recordOf('1').multihash.digest]),
].map(({ bytes }) => Uint8Array.from(bytes))

const record = Uint8Array.from(
  encodeRecord({
    glasId: ann.glasId,
    version: [0, 0, 1],
    hostname: 'laptop',
    path: '/home/ann/ants',
    imageName: 'ants',
    date: '2026-01-31T13:05:09.123456+01:00',
    sizeBytes: 1,
    imageId: `${ann.root}-abcd`,
    contents: cidOf(DAG_PB_CODEC, new Uint8Array()),
    attributes: cidOf(DAG_PB_CODEC, new Uint8Array()),
    parent: cidOf(DAG_CBOR_CODEC, new Uint8Array()),
    format: { number: 68021, wordSizeBytes: 8, imageVersion: 1 },
    profile: 'pintglas-1',
    removed: { credentials: 1 },
    searched: { text: ['changes'], not: ['heap'], allowed: 0 },
  }).bytes,
)

const certificate = Uint8Array.from(
  signCertificate(
    {
      swarm: swarmIdOf(peer.publicKey, nonce),
      founder: peer.publicKey,
      nonce,
      subject: ann.peer.publicKey,
      owner: ann.owner.publicKey,
      name: 'laptop',
      mayInvite: true,
      issuer: peer.publicKey,
    },
    peer,
  ).bytes,
)
const removal = Uint8Array.from(
  signRemoval({ swarm: 'a'.repeat(64), subject: ann.peer.publicKey, issuer: peer.publicKey }, peer).bytes,
)

/** A change of some bytes, or bytes cut out, or bytes put in. */
const change = fc.record({ place: fc.nat(), remove: fc.nat({ max: 4 }), put: fc.uint8Array({ maxLength: 4 }) })

function changed(bytes: Uint8Array, changes: { place: number; remove: number; put: Uint8Array }[]): Uint8Array {
  let result = Buffer.from(bytes)
  for (const { place, remove, put } of changes) {
    const at = place % (result.length + 1)
    result = Buffer.concat([result.subarray(0, at), put, result.subarray(at + remove)])
  }
  return Uint8Array.from(result)
}

const CODES: ErrorCode[] = ['BadEntry', 'BadRecord', 'BadMessage', 'BadSignature', 'UnknownFormat', 'LimitExceeded']

/** True when it was accepted. */
function isAccepted(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): boolean {
  try {
    decode(bytes)
    return true
  } catch (error) {
    assert.ok(isGlasError(error) && CODES.includes(error.code), String(error))
    return false
  }
}

test('no change of a signed thing is accepted, and none brings a decoder down', () => {
  const signed = [...entries.map((bytes) => [decodeEntry, bytes] as const)]
  const others = [[decodeCertificate, certificate] as const, [decodeRemoval, removal] as const]
  const which = fc.nat({ max: signed.length + others.length - 1 })
  fc.assert(
    fc.property(which, fc.array(change, { minLength: 1, maxLength: 3 }), (index, changes) => {
      const [decode, bytes] = [...signed, ...others][index] as (typeof signed)[0]
      const wrong = changed(bytes, changes)
      assert.is(isAccepted(decode, wrong), Buffer.compare(wrong, bytes) === 0)
    }),
    RUNS,
  )
})

test('a changed record is refused, or is another record that can be written as well', () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const wrong = changed(record, changes)
      if (!isAccepted(decodeRecord, wrong)) return
      const value = decodeRecord(wrong)
      assert.equal(decodeRecord(encodeRecord(value).bytes), value)
    }),
    RUNS,
  )
})

test('noise, and random values in canonical form, are refused by every decoder', () => {
  const value = fc.anything({ withDate: false, withMap: false, withSet: false, withBigInt: false, maxDepth: 3 })
  const decoders = [decodeEntry, decodeRecord, decodeCertificate, decodeRemoval]
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), value, (noise, anything) => {
      const inputs = [noise]
      try {
        inputs.push(Uint8Array.from(encode(anything)))
      } catch {
        // not every JavaScript value can be written
      }
      for (const decode of decoders) for (const bytes of inputs) assert.not(isAccepted(decode, bytes))
    }),
    RUNS,
  )
})

test('deep nesting, lying lengths and huge counts are refused', () => {
  const deep = new Uint8Array(60_000).fill(0x81)
  const lying = [
    Buffer.from('9b7fffffffffffffff', 'hex'),
    Buffer.from('bb7fffffffffffffff', 'hex'),
    Buffer.from('5b7fffffffffffffff', 'hex'),
    Buffer.from('7b7fffffffffffffff', 'hex'),
    Buffer.from('9f9f9f9f', 'hex'),
    Buffer.from('a1695f5f70726f746f5f5fa0', 'hex'), // {"__proto__": {}}
  ]
  for (const bytes of [deep, ...lying]) {
    for (const decode of [decodeEntry, decodeRecord, decodeCertificate]) assert.not(isAccepted(decode, bytes))
  }
})
