import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { isGlasError, toGlasError } from '../../../src/glas/errors.ts'
import { cidOf, DAG_CBOR_CODEC, RAW_CODEC } from '../../../src/glas/hash.ts'
import { keyPairFromSeed, newKeyPair, toHex } from '../../../src/glas/keys.ts'
import { decodeClaim, MAX_CLAIM_BYTES, MAX_RECORDS_PER_CLAIM, signClaim } from '../../../src/net/claim.ts'
import { Claimant } from '../../../src/net/claimant.ts'
import {
  decodeHolderAnswer,
  decodeHolderRequest,
  encodeHolderAnswer,
  encodeHolderRequest,
  type HolderAnswer,
  type HolderRequest,
  MAX_CHALLENGE_BLOCKS,
} from '../../../src/net/holder-messages.ts'
import { damaged } from '../../damage.ts'
import { seededRandom } from '../../gen/random.ts'
import { test } from '../../harness.ts'

const CASES = 1000
const key = keyPairFromSeed(new Uint8Array(32).fill(7))
const record = (i: number) => cidOf(DAG_CBOR_CODEC, new TextEncoder().encode(`record ${i}`))
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const records = fc.nat(1000).map(record)
const blocks = fc.uint8Array().map((bytes) => cidOf(RAW_CODEC, bytes))
const failure = (work: () => unknown): string => {
  try {
    work()
    return 'none'
  } catch (error) {
    return toGlasError(error).code
  }
}

test('requests and answers say the same after they were sent', () => {
  const request: fc.Arbitrary<HolderRequest> = fc.oneof(
    fc.constant({ kind: 'claims' as const }),
    fc.record({ kind: fc.constant('hold' as const), record: records }),
    fc.record({
      kind: fc.constant('challenge' as const),
      record: records,
      nonce: bytes32,
      blocks: fc.array(blocks, { minLength: 1, maxLength: MAX_CHALLENGE_BLOCKS }),
    }),
  )
  const answer: fc.Arbitrary<HolderAnswer> = fc.oneof(
    fc.record({ kind: fc.constant('claim' as const), claim: fc.uint8Array() }),
    fc.record({ kind: fc.constant('progress' as const), doneBytes: fc.maxSafeNat(), totalBytes: fc.maxSafeNat() }),
    fc.record({ kind: fc.constant('hashes' as const), hashes: fc.array(fc.option(bytes32), { maxLength: 16 }) }),
  )
  const text = (value: unknown) => JSON.stringify(value, (_, item) => (item instanceof Uint8Array ? toHex(item) : item))
  fc.assert(
    fc.property(request, (value) => assert.is(text(decodeHolderRequest(encodeHolderRequest(value))), text(value))),
    { seed: 4 },
  )
  fc.assert(
    fc.property(answer, (value) => assert.is(text(decodeHolderAnswer(encodeHolderAnswer(value))), text(value))),
    { seed: 5 },
  )
})

test('damaged requests, answers and claims are read or refused by name', () => {
  const random = seededRandom(31)
  const challenge: HolderRequest = {
    kind: 'challenge',
    record: record(1),
    nonce: new Uint8Array(32),
    blocks: [record(2), record(3)],
  }
  const claim = signClaim({ peer: key.publicKey, sequence: 5, held: [record(1)], dropped: [record(2)] }, key).bytes
  const cases: Array<[Uint8Array, (bytes: Uint8Array) => unknown]> = [
    [encodeHolderRequest(challenge), decodeHolderRequest],
    [encodeHolderAnswer({ kind: 'hashes', hashes: [new Uint8Array(32), null] }), decodeHolderAnswer],
    [encodeHolderAnswer({ kind: 'progress', doneBytes: 1, totalBytes: 2 }), decodeHolderAnswer],
    [claim, decodeClaim],
  ]
  for (const [good, decode] of cases) {
    for (let i = 0; i < CASES; i++) {
      const bytes = damaged(good, random)
      try {
        decode(bytes)
        if (decode === decodeClaim) assert.is(toHex(bytes), toHex(good))
      } catch (error) {
        assert.ok(isGlasError(error) && error.code !== 'Internal', `case ${i}: ${error}`)
      }
    }
  }
})

test('a claim is signed by the peer it speaks of, and fits into one message of gossip when it is full', () => {
  const held = Array.from({ length: MAX_RECORDS_PER_CLAIM }, (_, i) => record(i))
  const full = signClaim({ peer: key.publicKey, sequence: Number.MAX_SAFE_INTEGER, held, dropped: [] }, key)
  assert.ok(full.bytes.byteLength <= MAX_CLAIM_BYTES, `${full.bytes.byteLength} bytes`)
  assert.equal(decodeClaim(full.bytes).body.held.map(String), held.map(String))
  const another = newKeyPair().publicKey
  assert.is(
    failure(() => signClaim({ peer: another, sequence: 1, held: [], dropped: [] }, key)),
    'BadSignature',
  )
  const tooMany = { peer: key.publicKey, sequence: 1, held, dropped: [record(-1)] }
  assert.is(
    failure(() => signClaim(tooMany, key)),
    'LimitExceeded',
  )
})

test('a claimant cuts what it says into claims, and counts on', () => {
  const held = Array.from({ length: 2 * MAX_RECORDS_PER_CLAIM + 1 }, (_, i) => record(i))
  const claimant = new Claimant(key)
  const claims = [...claimant.claims(held, [record(-1)]), ...claimant.claims([record(1)])].map(decodeClaim)
  assert.equal(
    claims.map(({ body }) => [body.held.length, body.dropped.length]),
    [
      [0, 1],
      [MAX_RECORDS_PER_CLAIM, 0],
      [MAX_RECORDS_PER_CLAIM, 0],
      [1, 0],
      [1, 0],
    ],
  )
  const sequences = claims.map(({ body }) => body.sequence)
  assert.equal(new Set(sequences).size, sequences.length)
  assert.equal([...sequences].sort(), sequences)
})

test('requests that ask for nothing, too much, or no record are refused', () => {
  const nonce = new Uint8Array(32)
  const challenge = (count: number) =>
    encodeHolderRequest({ kind: 'challenge', record: record(1), nonce, blocks: Array(count).fill(record(2)) })
  assert.is(
    failure(() => decodeHolderRequest(challenge(0))),
    'BadMessage',
  )
  assert.is(
    failure(() => decodeHolderRequest(challenge(MAX_CHALLENGE_BLOCKS + 1))),
    'BadMessage',
  )
  const raw = cidOf(RAW_CODEC, new Uint8Array())
  assert.is(
    failure(() => decodeHolderRequest(encodeHolderRequest({ kind: 'hold', record: raw }))),
    'BadMessage',
  )
  assert.is(
    failure(() => decodeHolderAnswer(encodeHolderRequest({ kind: 'claims' }))),
    'BadMessage',
  )
})
