import * as assert from 'uvu/assert'
import { isoDate } from '../../../src/beam/dates.ts'
import { test } from '../../harness.ts'

test('a date keeps its microseconds and names the same moment', () => {
  const text = isoDate(1_767_225_600, 123_456_789)
  assert.match(text, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.123456[+-]\d\d:\d\d$/)
  assert.is(Date.parse(text), 1_767_225_600_123)
})

test('moments before 1970 and odd offsets come out right', () => {
  assert.is(Date.parse(isoDate(-1, 0)), -1000)
})
