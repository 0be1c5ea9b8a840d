import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { lanesOf } from '../../../src/sampler/page/lanes.js'
import { test } from '../../harness.ts'

const known = 'known' as const
const nodes = (...pairs: Array<[string, string | null]>) => pairs.map(([id, parent]) => ({ id, parent, style: known }))
const lanes = (...pairs: Array<[string, string | null]>) => lanesOf(nodes(...pairs)).map(({ lane }) => lane)

test('a line of versions stands in one lane, in one colour', () => {
  const rows = lanesOf(nodes(['c', 'b'], ['b', 'a'], ['a', null]))
  assert.equal(
    rows.map(({ lane, colour }) => [lane, colour]),
    [
      [0, 0],
      [0, 0],
      [0, 0],
    ],
  )
  assert.is(rows[2]?.leaving, null)
  assert.is(rows[0]?.arriving.length, 0)
})

test('forks stand side by side and join at the version that they came from', () => {
  const rows = lanesOf(nodes(['d', 'b'], ['c', 'b'], ['b', 'a'], ['a', null]))
  assert.equal(
    rows.map(({ lane }) => lane),
    [0, 1, 0, 0],
  )
  assert.equal(
    rows[1]?.passing.map(({ lane }) => lane),
    [0],
  )
  assert.equal(
    rows[2]?.arriving.map(({ lane }) => lane),
    [0, 1],
  )
  assert.equal(
    rows[3]?.arriving.map(({ lane }) => lane),
    [0],
  )
})

test('a lane that has ended is used again, in another colour', () => {
  const rows = lanesOf(nodes(['e', 'c'], ['d', 'c'], ['c', 'a'], ['b', 'a'], ['a', null]))
  assert.equal(
    rows.map(({ lane }) => lane),
    [0, 1, 0, 1, 0],
  )
  assert.ok(rows[1]?.colour !== rows[3]?.colour)
})

test('a parent that is missing, or stands before its child, is drawn as none', () => {
  assert.equal(lanes(['b', 'gone'], ['a', null]), [0, 0])
  const rows = lanesOf(nodes(['a', null], ['b', 'a']))
  assert.is(rows[1]?.leaving, null)
  assert.is(lanesOf(nodes(['a', 'a']))[0]?.leaving, null)
})

test('in every tree each line that begins at a child arrives at its parent, and nowhere else', () => {
  const trees = fc.array(fc.nat({ max: 30 }), { maxLength: 60 })
  fc.assert(
    fc.property(trees, (backs) => {
      const rows = backs.map((back, at) => {
        const parent = at + 1 + back
        return { id: String(at), parent: parent < backs.length ? String(parent) : null, style: known }
      })
      const drawn = lanesOf(rows)
      for (const [at, { lane, arriving, passing }] of drawn.entries()) {
        const children = rows.filter(({ parent }) => parent === String(at)).length
        assert.is(arriving.length, children)
        assert.ok(!passing.some((one) => one.lane === lane))
        const below = drawn[at + 1]
        const down = [...passing.map((one) => one.lane), ...(drawn[at]?.leaving ? [lane] : [])].sort()
        const up = [...(below?.passing ?? []), ...(below?.arriving ?? [])].map((one) => one.lane).sort()
        assert.equal(up, down)
      }
    }),
    { seed: 3, numRuns: 500 },
  )
})
