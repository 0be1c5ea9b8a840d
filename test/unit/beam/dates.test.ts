import * as assert from 'uvu/assert'
import { isoDate, newestFirst } from '../../../src/beam/dates.ts'
import { test } from '../../harness.ts'

test('a date keeps its microseconds and names the same moment', () => {
  const text = isoDate(1_767_225_600, 123_456_789)
  assert.match(text, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.123456[+-]\d\d:\d\d$/)
  assert.is(Date.parse(text), 1_767_225_600_123)
})

test('moments before 1970 and odd offsets come out right', () => {
  assert.is(Date.parse(isoDate(-1, 0)), -1000)
})

test('the newest comes first wherever it was made, and what has no date last', () => {
  const dates = [
    '',
    '2026-01-31T23:00:00.000000+05:00',
    '2026-01-31T20:00:00.000000-05:00',
    '2026-01-31T20:00:00.000001Z',
  ]
  const sorted = dates.map((date) => ({ date })).sort(newestFirst)
  assert.equal(
    sorted.map(({ date }) => dates.indexOf(date)),
    [2, 3, 1, 0],
  )
})
