import * as assert from 'uvu/assert'
import { isGlasError } from '../../../src/glas/errors.ts'
import { type KeyPair, keyPairFromSeed, sameBytes } from '../../../src/glas/keys.ts'
import { signAnnouncement } from '../../../src/net/tap-announcement.ts'
import {
  ANNOUNCEMENT_TTL_MS,
  MAX_ANNOUNCEMENTS_PER_MINUTE,
  MAX_ANNOUNCING_PEERS,
  TapTable,
} from '../../../src/net/tap-table.ts'
import { test } from '../../harness.ts'

const START = 1_700_000_000_000
const keyOf = (i: number): KeyPair =>
  keyPairFromSeed(new Uint8Array(32).map((_, at) => (at < 4 ? (i >> (8 * at)) & 255 : 7)))
const ann = keyOf(1)
const tapsOf = (...names: string[]) => names.map((name, i) => ({ id: `00000000000000${(i + 16).toString(16)}`, name }))
const said = (key: KeyPair, sequence: number, ...names: string[]) =>
  signAnnouncement({ peer: key.publicKey, sequence, taps: tapsOf(...names) }, key)

/** A table with a clock that is set by hand. */
function tableWithClock() {
  const clock = { nowMs: 0 }
  return { clock, table: new TapTable(() => clock.nowMs) }
}
const namesIn = (table: TapTable) => table.known().flatMap(({ taps }) => taps.map(({ name }) => name))

test('an announcement is news once, replaces the one before, and is forgotten when it is not renewed', () => {
  const { clock, table } = tableWithClock()
  assert.ok(table.apply(said(ann, START, 'Ants', 'Bees')))
  assert.not(table.apply(said(ann, START, 'Ants', 'Bees')))
  assert.ok(table.apply(said(ann, START + 1, 'Bees')))
  assert.equal(namesIn(table), ['Bees'])
  clock.nowMs = ANNOUNCEMENT_TTL_MS
  assert.equal(namesIn(table), ['Bees'])
  clock.nowMs += 1
  assert.equal(namesIn(table), [])
  assert.ok(table.apply(said(ann, START + 2, 'Bees')))
  assert.is(table.known()[0]?.ageMs, 0)
})

test('an old announcement that is told again brings nothing back, not even after its time', () => {
  const { clock, table } = tableWithClock()
  table.apply(said(ann, START, 'Ants'))
  table.apply(said(ann, START + 1))
  assert.not(table.apply(said(ann, START, 'Ants')))
  clock.nowMs = 10 * ANNOUNCEMENT_TTL_MS
  assert.not(table.apply(said(ann, START, 'Ants')))
  assert.not(table.apply(said(ann, START + 1)))
  assert.equal(namesIn(table), [])
})

test('one that was passed on is as old as it was there', () => {
  const { clock, table } = tableWithClock()
  table.apply(said(ann, START, 'Ants'), ANNOUNCEMENT_TTL_MS - 10)
  assert.equal(namesIn(table), ['Ants'])
  clock.nowMs = 11
  assert.equal(namesIn(table), [])
})

test('whoever announces all the time is heard as often as is sensible, and others all the same', () => {
  const { clock, table } = tableWithClock()
  let taken = 0
  for (let i = 0; i < 500; i++) if (table.apply(said(ann, START + i, `Ants ${i}`))) taken++
  assert.is(taken, MAX_ANNOUNCEMENTS_PER_MINUTE)
  assert.ok(table.apply(said(keyOf(2), START, 'Bees')))
  clock.nowMs = 60_000
  for (let i = 500; i < 1000; i++) if (table.apply(said(ann, START + i, `Ants ${i}`))) taken++
  assert.is(taken, 2 * MAX_ANNOUNCEMENTS_PER_MINUTE)
})

test('a full table takes no more peers until one has been silent', () => {
  const { clock, table } = tableWithClock()
  for (let i = 0; i < MAX_ANNOUNCING_PEERS; i++) table.apply(said(keyOf(i), START, 'Ants'))
  const late = keyOf(MAX_ANNOUNCING_PEERS)
  assert.throws(
    () => table.apply(said(late, START, 'Ants')),
    (error: unknown) => isGlasError(error, 'LimitExceeded'),
  )
  clock.nowMs = ANNOUNCEMENT_TTL_MS + 1
  assert.ok(table.apply(said(late, START, 'Cats')))
  assert.equal(namesIn(table), ['Cats'])
  assert.ok(sameBytes(table.known()[0]!.peerKey, late.publicKey))
})
