import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { Copies } from '../../../src/spur/copies.ts'
import { test } from '../../harness.ts'

const BASE_UNITS = 500
const span = fc.record({
  literal: fc.nat(3),
  from: fc.nat(BASE_UNITS - 1),
  units: fc.oneof(fc.nat(3), fc.nat(150)),
})

test('every unit of the base is where its last copy lies, whatever the order and overlap of the copies', () => {
  fc.assert(
    fc.property(fc.array(span, { maxLength: 60 }), fc.boolean(), (list, apart) => {
      const expected = new Int32Array(BASE_UNITS).fill(-1)
      const spans: number[] = []
      let next = 0
      for (const { literal, from, units } of list) {
        const isTaken = expected.subarray(from, from + units).some((unit) => unit >= 0)
        const most = apart && isTaken ? 0 : Math.min(units, BASE_UNITS - from)
        spans.push(literal, from, most)
        next += literal
        for (let unit = 0; unit < most; unit++) expected[from + unit] = next++
      }
      const copies = new Copies(Int32Array.from(spans), BASE_UNITS)
      assert.equal(
        Int32Array.from(expected, (_, unit) => copies.at(unit)),
        expected,
      )
    }),
    { numRuns: 300, seed: 20_240_109 },
  )
})
