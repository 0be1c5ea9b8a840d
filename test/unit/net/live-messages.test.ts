import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { isGlasError, toGlasError } from '../../../src/glas/errors.ts'
import { cidOf, DAG_CBOR_CODEC } from '../../../src/glas/hash.ts'
import { keyPairFromSeed, newKeyPair, toHex } from '../../../src/glas/keys.ts'
import { MAX_HOSTNAME_BYTES, MAX_IMAGE_NAME_BYTES, MAX_PATH_BYTES } from '../../../src/glas/limits.ts'
import { TAP_RIGHTS } from '../../../src/glas/tap-right.ts'
import {
  ASK_LIVE_LIMITS,
  decodeLiveAnswer,
  decodeLiveRequest,
  encodeLiveAnswer,
  encodeLiveRequest,
  type LiveAnswer,
  type LiveRequest,
  MAX_LISTED_TAPS,
} from '../../../src/net/live-messages.ts'
import {
  announceable,
  decodeAnnouncement,
  MAX_ANNOUNCED_TAPS,
  MAX_ANNOUNCEMENT_BYTES,
  signAnnouncement,
} from '../../../src/net/tap-announcement.ts'
import { ANNOUNCEMENT_TTL_MS } from '../../../src/net/tap-table.ts'
import { damaged } from '../../damage.ts'
import { seededRandom } from '../../gen/random.ts'
import { test } from '../../harness.ts'

const CASES = 1500
const key = keyPairFromSeed(new Uint8Array(32).fill(7))
const record = (i: number) => cidOf(DAG_CBOR_CODEC, new TextEncoder().encode(`record ${i}`))
const ids = fc.uint8Array({ minLength: 8, maxLength: 8 }).map(toHex)
const texts = (maxLength: number) => fc.string({ maxLength, unit: 'grapheme-ascii' })
const taps = fc.record({ id: ids, name: texts(240) })
const text = (value: unknown) => JSON.stringify(value, (_, item) => (item instanceof Uint8Array ? toHex(item) : item))
const failure = (work: () => unknown): string => {
  try {
    work()
    return 'none'
  } catch (error) {
    return toGlasError(error).code
  }
}

test('requests and answers say the same after they were sent', () => {
  const request: fc.Arbitrary<LiveRequest> = fc.oneof(
    fc.constant({ kind: 'list' as const }),
    fc.record({ kind: fc.constant('snap' as const), id: ids }),
  )
  const answer: fc.Arbitrary<LiveAnswer> = fc.oneof(
    fc.record({
      kind: fc.constant('announcement' as const),
      ageMs: fc.nat(ANNOUNCEMENT_TTL_MS),
      announcement: fc.uint8Array(),
    }),
    fc.record({
      kind: fc.constant('right' as const),
      right: fc.constantFrom(...TAP_RIGHTS),
      taps: fc.nat(MAX_LISTED_TAPS),
    }),
    fc.record({ kind: fc.constant('tap' as const), id: ids, name: texts(240), host: texts(255), path: texts(4096) }),
    fc.record({ kind: fc.constant('progress' as const), phase: fc.constantFrom('asked' as const, 'taking' as const) }),
    fc.record({ kind: fc.constant('taken' as const), record: fc.nat(100).map(record), isNew: fc.boolean() }),
  )
  fc.assert(
    fc.property(request, (value) => assert.is(text(decodeLiveRequest(encodeLiveRequest(value))), text(value))),
    { seed: 4 },
  )
  fc.assert(
    fc.property(answer, (value) => {
      assert.equal(JSON.parse(text(decodeLiveAnswer(encodeLiveAnswer(value)))), JSON.parse(text(value)))
    }),
    { seed: 5 },
  )
})

test('damaged requests, answers and announcements are read or refused by name', () => {
  const random = seededRandom(32)
  const announcement = signAnnouncement(
    { peer: key.publicKey, sequence: 5, taps: [{ id: '0102030405060708', name: 'Ants' }] },
    key,
  ).bytes
  const tap = { id: '0102030405060708', name: 'Ants', host: 'sim7', path: '/home/ann/ants' }
  const cases: Array<[Uint8Array, (bytes: Uint8Array) => unknown]> = [
    [encodeLiveRequest({ kind: 'snap', id: tap.id }), decodeLiveRequest],
    [encodeLiveAnswer({ kind: 'announcement', ageMs: 1000, announcement }), decodeLiveAnswer],
    [encodeLiveAnswer({ kind: 'right', right: 'live', taps: 3 }), decodeLiveAnswer],
    [encodeLiveAnswer({ kind: 'tap', ...tap }), decodeLiveAnswer],
    [encodeLiveAnswer({ kind: 'taken', record: record(1), isNew: true }), decodeLiveAnswer],
    [announcement, decodeAnnouncement],
  ]
  for (const [good, decode] of cases) {
    for (let i = 0; i < CASES; i++) {
      const bytes = damaged(good, random)
      try {
        decode(bytes)
        if (decode === decodeAnnouncement) assert.is(toHex(bytes), toHex(good))
      } catch (error) {
        assert.ok(isGlasError(error) && error.code !== 'Internal', `case ${i}: ${error}`)
      }
    }
  }
})

test('an announcement is signed by the peer it speaks of, names each tap once, and is never too long', () => {
  const body = { peer: key.publicKey, sequence: 1, taps: [{ id: '0102030405060708', name: 'Ants' }] }
  assert.is(
    failure(() => signAnnouncement({ ...body, peer: newKeyPair().publicKey }, key)),
    'BadSignature',
  )
  assert.is(
    failure(() => signAnnouncement({ ...body, taps: [...body.taps, ...body.taps] }, key)),
    'BadMessage',
  )
  fc.assert(
    fc.property(fc.array(taps, { maxLength: 2 * MAX_ANNOUNCED_TAPS }), (all) => {
      const unique = [...new Map(all.map((tap) => [tap.id, tap])).values()]
      const told = announceable(unique)
      const { bytes } = signAnnouncement({ ...body, sequence: Number.MAX_SAFE_INTEGER, taps: told }, key)
      assert.ok(bytes.byteLength <= MAX_ANNOUNCEMENT_BYTES)
      assert.is(text(decodeAnnouncement(bytes).body.taps), text(told))
    }),
    { seed: 6, numRuns: 50 },
  )
  const short = Array.from({ length: 1000 }, (_, i) => ({ id: i.toString(16).padStart(16, '0'), name: `Model ${i}` }))
  assert.is(announceable(short).length, MAX_ANNOUNCED_TAPS)
})

test('the longest tap fits into one answer', () => {
  const longest = {
    id: '0102030405060708',
    name: 'n'.repeat(MAX_IMAGE_NAME_BYTES),
    host: 'h'.repeat(MAX_HOSTNAME_BYTES),
    path: 'p'.repeat(MAX_PATH_BYTES),
  }
  const bytes = encodeLiveAnswer({ kind: 'tap', ...longest })
  assert.ok(bytes.byteLength <= ASK_LIVE_LIMITS.maxMessageBytes)
  assert.is(text(decodeLiveAnswer(bytes)), text({ kind: 'tap', ...longest }))
})

test('requests and answers with what is no id, word or record are refused', () => {
  const wrong: Array<() => unknown> = [
    () => decodeLiveRequest(encodeLiveRequest({ kind: 'snap', id: '01' })),
    () => decodeLiveRequest(encodeLiveAnswer({ kind: 'right', right: 'snap', taps: 0 })),
    () => decodeLiveAnswer(encodeLiveRequest({ kind: 'list' })),
    () => decodeLiveAnswer(encodeLiveAnswer({ kind: 'right', right: 'everything' as 'snap', taps: 0 })),
    () => decodeLiveAnswer(encodeLiveAnswer({ kind: 'right', right: 'snap', taps: MAX_LISTED_TAPS + 1 })),
    () => decodeLiveAnswer(encodeLiveAnswer({ kind: 'progress', phase: 'done' as 'asked' })),
    () =>
      decodeLiveAnswer(
        encodeLiveAnswer({ kind: 'announcement', ageMs: ANNOUNCEMENT_TTL_MS + 1, announcement: new Uint8Array() }),
      ),
  ]
  for (const work of wrong) assert.is(failure(work), 'BadMessage')
})
