import fc from 'fast-check'
import type { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { toGlasError } from '../../../src/glas/errors.ts'
import { cidOf, DAG_CBOR_CODEC } from '../../../src/glas/hash.ts'
import { toHex } from '../../../src/glas/keys.ts'
import type { Claim } from '../../../src/net/claim.ts'
import { CLAIM_TTL_MS, HolderTable, MAX_PROOF_AGE_MS, MAX_RECORDS_PER_PEER } from '../../../src/net/holder-table.ts'
import { test } from '../../harness.ts'

const record = (i: number): CID => cidOf(DAG_CBOR_CODEC, new TextEncoder().encode(`record ${i}`))
const peer = (i: number): Uint8Array => new Uint8Array(32).fill(i)
const claim = (who: number, sequence: number, held: CID[], dropped: CID[] = []): Claim => {
  return { peer: peer(who), sequence, held, dropped }
}
const R = record(0)
const START = 1_700_000_000_000

/** A table with a clock that is set by hand. */
function tableWithClock() {
  const clock = { nowMs: 0 }
  return { clock, table: new HolderTable(() => clock.nowMs) }
}
const keysOf = (table: HolderTable, cid = R) => table.holders(cid).map(({ peerKey }) => peerKey[0])

test('a claim is news once, and is forgotten when it is not renewed', () => {
  const { clock, table } = tableWithClock()
  assert.ok(table.apply(claim(1, START, [R])))
  assert.not(table.apply(claim(1, START, [R])))
  clock.nowMs = CLAIM_TTL_MS
  assert.equal(keysOf(table), [1])
  clock.nowMs += 1
  assert.equal(keysOf(table), [])
  assert.ok(table.apply(claim(1, START + 1, [R])))
  assert.equal(table.holders(R)[0]?.lastSeenMs, 0)
})

test('what a peer says last counts, in whatever order it comes', () => {
  const claims = [claim(1, START, [R]), claim(1, START + 1, [], [R]), claim(1, START + 2, [record(1)])]
  fc.assert(
    fc.property(fc.shuffledSubarray([0, 1, 2, 0, 1, 2], { minLength: 6 }), (order) => {
      const { table } = tableWithClock()
      for (const i of order) table.apply(claims[i]!)
      assert.equal(keysOf(table), [])
      assert.equal(keysOf(table, record(1)), [1])
    }),
    { seed: 3 },
  )
})

test('an old claim told again does not bring back what was dropped, even when nothing else is left of the peer', () => {
  const { clock, table } = tableWithClock()
  const old = claim(1, START, [R])
  table.apply(old)
  table.apply(claim(1, START + 2 * CLAIM_TTL_MS, [], [R]))
  clock.nowMs = 3 * CLAIM_TTL_MS
  table.sweep()
  assert.not(table.apply(old))
  assert.equal(keysOf(table), [])
})

test('a holder counts from its proof until that is too old, as long as it renews its claim', () => {
  const { clock, table } = tableWithClock()
  table.apply(claim(1, START, [R]))
  assert.is(table.holders(R)[0]?.proved, false)
  table.prove(peer(1), R)
  let sequence = START
  while (clock.nowMs + CLAIM_TTL_MS <= MAX_PROOF_AGE_MS) {
    clock.nowMs += CLAIM_TTL_MS
    table.apply(claim(1, ++sequence, [R]))
    assert.is(table.holders(R)[0]?.proved, true)
  }
  clock.nowMs = MAX_PROOF_AGE_MS + 1
  assert.is(table.holders(R)[0]?.proved, false)
})

test('a failed challenge ends a holding until it is claimed anew; a proof needs no claim', () => {
  const { table } = tableWithClock()
  table.apply(claim(1, START, [R]))
  table.disprove(peer(1), R)
  assert.equal(keysOf(table), [])
  assert.not(table.apply(claim(1, START, [R])))
  table.apply(claim(1, START + 1, [R]))
  assert.equal(table.holders(R)[0]?.proved, false)
  table.prove(peer(2), R)
  assert.equal(
    table.holders(R).map(({ peerKey, proved }) => [toHex(peerKey).slice(0, 2), proved]),
    [
      ['02', true],
      ['01', false],
    ],
  )
})

test('one peer cannot fill the table', () => {
  const { table } = tableWithClock()
  for (let i = 0; i < MAX_RECORDS_PER_PEER; i += 1024) {
    table.apply(
      claim(
        1,
        START + i,
        Array.from({ length: 1024 }, (_, j) => record(i + j)),
      ),
    )
  }
  try {
    table.apply(claim(1, START + 1e6, [record(-1)]))
    assert.unreachable()
  } catch (error) {
    assert.is(toGlasError(error).code, 'LimitExceeded')
  }
  assert.ok(table.apply(claim(2, START, [record(-1)])))
})
