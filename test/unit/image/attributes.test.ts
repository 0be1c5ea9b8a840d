import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { encodeCanonical } from '../../../src/glas/canonical.ts'
import { toHex } from '../../../src/glas/keys.ts'
import { decodeAttributes, encodeAttributes, type PathAttributes, sameModes } from '../../../src/image/attributes.ts'
import { test } from '../../harness.ts'
import { failure } from './fixture.ts'

const file = (path: string, mode = 0o644, mtimeSec = 5, mtimeNsec = 6): PathAttributes => ({
  path,
  mode,
  mtimeSec,
  mtimeNsec,
})

test('the bytes are fixed: a map of a format number and a list sorted by the bytes of the paths', () => {
  const bytes = encodeAttributes([file('b', 0o755, -1, 999_999_999), file(''), file('a/é')])
  const hex =
    'a2' + // map of 2
    '6566696c6573' + // "files"
    '83' + // list of 3
    `84${'60'}1901a40506` + // ["", 0o644, 5, 6]
    `84${'64612fc3a9'}1901a40506` + // ["a/é", 0o644, 5, 6]
    `84${'6162'}1901ed20${'1a3b9ac9ff'}` + // ["b", 0o755, -1, 999999999]
    '66666f726d617401' // "format": 1
  assert.is(toHex(bytes), hex)
})

test('whatever is written is read back', () => {
  const names = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    .filter((name) => !/^\.{1,2}$|[/\0]/.test(name))
  const entry = fc
    .tuple(
      names,
      fc.integer({ min: 0, max: 0o777 }),
      fc.integer({ min: -(2 ** 33), max: 2 ** 40 }),
      fc.nat(999_999_999),
    )
    .map(([path, mode, mtimeSec, mtimeNsec]) => ({ path, mode, mtimeSec, mtimeNsec }))
  const list = fc.uniqueArray(entry, { selector: ({ path }) => path, maxLength: 30 })
  fc.assert(
    fc.property(list, (attributes) => {
      const read = [...decodeAttributes(encodeAttributes(attributes))].map(([path, rest]) => ({ path, ...rest }))
      const sorted = attributes.toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
      assert.equal(read, sorted)
    }),
    { numRuns: 200, seed: 7 },
  )
})

test('a new time alone is no change; a new mode, a new name or a missing one is', () => {
  const map = (...files: PathAttributes[]) => decodeAttributes(encodeAttributes(files))
  const before = map(file('a'), file('b'))
  assert.ok(sameModes(before, map(file('a', 0o644, 99), file('b'))))
  assert.not.ok(sameModes(before, map(file('a', 0o600), file('b'))))
  assert.not.ok(sameModes(before, map(file('a'))))
  assert.not.ok(sameModes(before, map(file('a'), file('c'))))
})

test('a reader takes nothing but the one form: sorted, unique, in range, canonical', async () => {
  const bad: Array<[code: 'BadRecord' | 'UnknownFormat' | 'UnsafePath' | 'LimitExceeded', value: unknown]> = [
    ['UnknownFormat', { format: 2, files: [] }],
    ['BadRecord', { format: 1 }],
    ['BadRecord', [1]],
    [
      'BadRecord',
      {
        format: 1,
        files: [
          ['b', 0, 0, 0],
          ['a', 0, 0, 0],
        ],
      },
    ],
    [
      'BadRecord',
      {
        format: 1,
        files: [
          ['a', 0, 0, 0],
          ['a', 0, 0, 0],
        ],
      },
    ],
    ['BadRecord', { format: 1, files: [['a', 0o1000, 0, 0]] }],
    ['BadRecord', { format: 1, files: [['a', -1, 0, 0]] }],
    ['BadRecord', { format: 1, files: [['a', 0, 2 ** 50, 0]] }],
    ['BadRecord', { format: 1, files: [['a', 0, 0, 1_000_000_000]] }],
    ['BadRecord', { format: 1, files: [['a', 0, 0.5, 0]] }],
    ['BadRecord', { format: 1, files: [['a', 0, 0]] }],
    ['BadRecord', { format: 1, files: [[1, 0, 0, 0]] }],
    ['UnsafePath', { format: 1, files: [['../a', 0, 0, 0]] }],
  ]
  for (const [code, value] of bad) await failure(code, () => decodeAttributes(encodeCanonical(value)))
  await failure('BadRecord', () => decodeAttributes(Uint8Array.from([0xa1, 0x01])))
  await failure('BadRecord', () => encodeAttributes([file('a'), file('a')]))
})
