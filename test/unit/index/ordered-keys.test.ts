import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { type EntryKey, idOfKey, OrderedKeys } from '../../../src/index/ordered-keys.ts'
import { test } from '../../harness.ts'

const hex = (chars: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${chars}}$`))
/** Few glas-ids, so that many keys share a long beginning. */
const key = fc
  .tuple(fc.constantFrom('0'.repeat(32), 'a'.repeat(32), `${'a'.repeat(31)}b`), hex(64))
  .map((two) => two.join(''))
const bound = fc.oneof(
  fc.constant(''),
  key,
  key.map((text) => text.slice(0, 34)),
  hex(2),
)

function inRange(keys: EntryKey[], lower: string, upper: string | undefined): EntryKey[] {
  return keys.filter((one) => one >= lower && (upper === undefined || one < upper))
}

function sumOf(keys: EntryKey[]): bigint {
  return keys.reduce((sum, one) => sum + BigInt(`0x${idOfKey(one)}`), 0n) % 2n ** 256n
}

/** Many keys made from one number, so that there are several buckets. */
function manyKeys(count: number, seed: number): EntryKey[] {
  let state = BigInt(seed) + 1n
  return Array.from({ length: count }, () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n
    const word = state.toString(16).padStart(16, '0')
    return `${word.slice(0, 2).repeat(16)}${word.repeat(4)}`
  })
}

test('keys stay sorted and unique whatever the order they come and go in', () => {
  fc.assert(
    fc.property(fc.array(key), fc.array(key), (come, go) => {
      const keys = new OrderedKeys()
      const model = new Set<string>()
      for (const one of [...come, ...come]) {
        assert.is(keys.add(one), !model.has(one))
        model.add(one)
      }
      for (const one of [...come.slice(0, 3), ...go]) assert.is(keys.delete(one), model.delete(one))
      assert.equal([...keys.keys({ lower: '', upper: undefined })], [...model].sort())
      assert.is(keys.size, model.size)
    }),
    { seed: 1, numRuns: 200 },
  )
})

test('count and sum of any range are those of the keys in it', () => {
  const all = manyKeys(3000, 7)
  const keys = new OrderedKeys()
  for (const one of all) keys.add(one)
  for (const one of all.splice(0, 500)) keys.delete(one)
  const limits = fc.oneof(
    fc.constantFrom(...all),
    fc.constantFrom(...all).map((text) => text.slice(0, 36)),
    bound,
  )
  fc.assert(
    fc.property(limits, fc.option(limits, { nil: undefined }), (lower, upper) => {
      const expected = inRange(all, lower, upper)
      assert.equal(keys.summary({ lower, upper }), { count: expected.length, sum: sumOf(expected) })
      assert.equal([...keys.keys({ lower, upper })], expected.sort())
    }),
    { seed: 2, numRuns: 300 },
  )
})

test('a range is split in parts of nearly the same size that cover it without a gap', () => {
  const all = manyKeys(2000, 11)
  const keys = new OrderedKeys()
  for (const one of all) keys.add(one)
  fc.assert(
    fc.property(
      fc.constantFrom('', ...all),
      fc.constantFrom(undefined, ...all),
      fc.integer({ min: 1, max: 20 }),
      (a, b, n) => {
        const [lower, upper] = b !== undefined && b < a ? [b, a] : [a, b]
        const parts = keys.split({ lower, upper }, n)
        const counts = parts.map((part) => keys.summary(part).count)
        const total = keys.summary({ lower, upper }).count
        assert.is(
          counts.reduce((sum, count) => sum + count, 0),
          total,
        )
        assert.is(parts[0]?.lower, lower)
        assert.is(parts.at(-1)?.upper, upper)
        for (const [index, part] of parts.entries()) {
          if (index > 0) assert.is(part.lower, parts[index - 1]?.upper)
          if (total > 1) assert.ok(Math.abs((counts[index] as number) - total / parts.length) <= 1)
        }
        assert.is(parts.length, Math.max(1, Math.min(n, total)))
      },
    ),
    { seed: 3, numRuns: 200 },
  )
})
