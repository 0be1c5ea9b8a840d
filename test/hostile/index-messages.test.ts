/**
 * A peer that lies while two indexes are compared: every lie ends in an error with a code, after a bounded number of
 * messages, and none makes the honest side say or keep what it should not.
 */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { encodeCanonical } from '../../src/glas/canonical.ts'
import { isGlasError } from '../../src/glas/errors.ts'
import { sha256 } from '../../src/glas/hash.ts'
import { toHex } from '../../src/glas/keys.ts'
import { decodeMessage, encodeMessage, MAX_MESSAGE_BYTES, type Message, type Said } from '../../src/index/messages.ts'
import { entryKey, idOfKey, OrderedKeys } from '../../src/index/ordered-keys.ts'
import { type Reconcilable, Session } from '../../src/index/reconcile.ts'
import { EVERYTHING } from '../../src/index/scope.ts'
import { test } from '../harness.ts'

const ALL = { lower: '', upper: undefined }

function setOf(count: number): Reconcilable & { size: number } {
  const keys = new OrderedKeys()
  const all = new Map<string, Uint8Array>()
  for (let n = 0; n < count; n++) {
    const bytes = Buffer.from(`entry ${n}`)
    const key = entryKey(toHex(sha256(Buffer.from(`${n % 7}`))).slice(0, 32), sha256(bytes))
    keys.add(key)
    all.set(idOfKey(key), bytes)
  }
  return {
    size: count,
    has: (id) => all.has(id),
    get: (id) => (all.has(id) ? { bytes: all.get(id) as Uint8Array } : undefined),
    keysIn: (range) => keys.keys(range),
    summary: (range) => keys.summary(range),
    split: (range, parts) => keys.split(range, parts),
  }
}

function message(more: Partial<Message>): Uint8Array {
  return encodeMessage({ scope: undefined, ranges: [], want: [], entries: [], more: false, ...more })
}

const lie = (range: { lower: string; upper: string | undefined }): Said => {
  return { ...range, kind: 'fingerprint', fingerprint: new Uint8Array(16) }
}

/** Runs a liar against an honest side until the error; the number of messages it took. */
function expectError(
  code: string,
  session: Session,
  first: Uint8Array,
  answer: (heard: Message) => Uint8Array,
): number {
  let bytes = first
  for (let count = 1; count <= 10_000; count++) {
    try {
      const { reply, done } = session.receive(bytes)
      assert.ok(!done && reply !== undefined, 'the session ended as if all were well')
      bytes = answer(decodeMessage(reply as Uint8Array))
    } catch (error) {
      assert.ok(isGlasError(error), String(error))
      assert.is(isGlasError(error) && error.code, code)
      return count
    }
  }
  assert.unreachable('the liar is still listened to')
  return 0
}

test('fingerprints that never fit, whatever is answered, end after few messages', () => {
  const session = new Session(setOf(5000), 'second', EVERYTHING)
  const count = expectError('BadMessage', session, message({ scope: EVERYTHING, ranges: [lie(ALL)] }), (heard) => {
    const asked = heard.ranges.filter(({ kind }) => kind === 'fingerprint')
    return message({ ranges: asked.length > 0 ? asked.map(lie) : [lie(ALL)] })
  })
  assert.ok(count <= 40, `${count} messages`)
})

test('one range after the other that was never in question is refused at once', () => {
  const session = new Session(setOf(5), 'second', EVERYTHING)
  const count = expectError('BadMessage', session, message({ scope: EVERYTHING, ranges: [lie(ALL)] }), () => {
    return message({ ranges: [lie(ALL)] })
  })
  assert.is(count, 2, 'five entries are listed, and a list is answered with entries')
})

test('ids of entries that nobody has are asked for a few times, then the session is over', () => {
  const session = new Session(setOf(200), 'second', EVERYTHING)
  const fake = (salt: number) => Array.from({ length: 40 }, (_, n) => toHex(sha256(Buffer.from(`fake ${salt} ${n}`))))
  const list = (salt: number): Said => ({ ...ALL, kind: 'list', ids: fake(salt) })
  let salt = 0
  const first = message({ scope: EVERYTHING, ranges: [list(salt)] })
  assert.ok(expectError('BadMessage', session, first, () => message({ ranges: [list(++salt)] })) <= 3)
})

test('entries promised without end are refused when none comes, and limited in number when they do', () => {
  const promising = new Session(setOf(1), 'second', EVERYTHING)
  const empty = message({ scope: EVERYTHING, more: true })
  assert.is(
    expectError('BadMessage', promising, empty, () => message({ more: true })),
    1,
  )
  const flooding = new Session(setOf(1), 'second', EVERYTHING)
  const junk = { entries: [new Uint8Array(10)], more: true }
  const count = expectError('LimitExceeded', flooding, message({ scope: EVERYTHING, ...junk }), () => message(junk))
  assert.ok(count <= 4100, `${count} messages`)
})

test('whatever is asked for, each entry is sent once in a session', () => {
  const set = setOf(100)
  const session = new Session(set, 'second', EVERYTHING)
  const ids = [...set.keysIn(ALL)].map(idOfKey)
  let bytes = message({ scope: EVERYTHING, want: [...ids, ...ids] })
  for (let round = 0; round < 5; round++) {
    const { reply } = session.receive(bytes)
    bytes = message({ want: ids })
    if (reply === undefined) break
  }
  assert.is(session.stats.sentEntries, 100)
})

test('a message at the wrong time, a second scope or none at all is refused', () => {
  const silent = new Session(setOf(3), 'first', EVERYTHING)
  assert.throws(() => silent.receive(message({ scope: EVERYTHING })), /out of turn/)
  const session = new Session(setOf(3), 'second', EVERYTHING)
  assert.throws(() => session.receive(message({})), /scope/)
  const twice = new Session(setOf(100), 'second', EVERYTHING)
  twice.receive(message({ scope: EVERYTHING, ranges: [lie(ALL)] }))
  assert.throws(() => twice.receive(message({ scope: EVERYTHING })), /scope/)
  const done = new Session(setOf(0), 'second', EVERYTHING)
  assert.ok(done.receive(message({ scope: EVERYTHING })).done)
  assert.throws(() => done.receive(message({})), /out of turn/)
})

test('malformed messages are refused by code: ranges that overlap, wrong types, too many, too large', () => {
  const good = { ranges: [], want: [], entries: [], more: false }
  const [a, b] = [Buffer.from('aa', 'hex'), Buffer.from('bb', 'hex')]
  const bad: unknown[] = [
    [],
    {},
    {
      ...good,
      ranges: [
        [0, b, 0],
        [0, a, 0],
      ],
    },
    {
      ...good,
      ranges: [
        [0, a, 0],
        [0, a, 0],
      ],
    },
    {
      ...good,
      ranges: [
        [0, new Uint8Array(), 0],
        [0, b, 0],
      ],
    },
    { ...good, ranges: [[1, b, 0]] },
    { ...good, ranges: [[0, new Uint8Array(49), 0]] },
    { ...good, ranges: [[-1, b, 0]] },
    { ...good, ranges: [[0, b, 3]] },
    { ...good, ranges: [[0, b, 1, new Uint8Array(15)]] },
    { ...good, ranges: [[0, b, 2, [new Uint8Array(31)]]] },
    { ...good, ranges: [[0, b, 0, 0]] },
    { ...good, ranges: Array.from({ length: 1025 }, (_, n) => [0, Uint8Array.from([1 + (n >> 8), n & 255]), 0]) },
    { ...good, ranges: [[0, b, 2, Array.from({ length: 2049 }, () => new Uint8Array(32))]] },
    { ...good, want: [new Uint8Array(31)] },
    { ...good, want: Array.from({ length: 2049 }, () => new Uint8Array(32)) },
    { ...good, entries: ['text'] },
    { ...good, entries: [new Uint8Array(2049)] },
    { ...good, more: 1 },
    { ...good, scope: [[b, a]] },
    {
      ...good,
      scope: [
        [new Uint8Array(16), new Uint8Array()],
        [new Uint8Array(16).fill(1), new Uint8Array()],
      ],
    },
  ]
  for (const value of bad) {
    assert.throws(
      () => decodeMessage(encodeCanonical(value)),
      (error: unknown) => isGlasError(error, 'BadMessage'),
    )
  }
  const isLimit = (error: unknown) => isGlasError(error, 'LimitExceeded')
  assert.throws(() => decodeMessage(new Uint8Array(MAX_MESSAGE_BYTES + 1)), isLimit)
})

test('bytes at random and messages with bytes changed give an error with a code or a message, never a crash', () => {
  const good = message({
    scope: EVERYTHING,
    ranges: [lie({ lower: '', upper: 'ab' }), lie({ lower: 'ab', upper: undefined })],
  })
  const changed = fc.array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), {
    minLength: 1,
    maxLength: 4,
  })
  fc.assert(
    fc.property(changed, fc.uint8Array({ maxLength: 64 }), (changes, noise) => {
      const wrong = Uint8Array.from(good)
      for (const [place, value] of changes) wrong[place] = value
      for (const bytes of [wrong, noise]) {
        try {
          new Session(setOf(20), 'second', EVERYTHING).receive(bytes)
        } catch (error) {
          assert.ok(isGlasError(error, 'BadMessage') || isGlasError(error, 'LimitExceeded'), String(error))
        }
      }
    }),
    { seed: 40, numRuns: 1000 },
  )
})
