import * as assert from 'uvu/assert'
import { shown, shownBytes, shownSeconds, shownTable } from '../../../src/cli/shown.ts'
import { test } from '../../harness.ts'

test('foreign names cannot move the cursor, turn the line around or hide', () => {
  assert.is(shown('a\x1b[2Jb'), 'a\\u{1b}[2Jb')
  assert.is(shown('\u202egpj.exe'), '\\u{202e}gpj.exe')
  assert.is(shown('Ants\u{e0041}\u00ad'), 'Ants\\u{e0041}\\u{ad}')
  assert.is(shown('a\ud800\u2028'), 'a\\u{d800}\\u{2028}')
  assert.is(shown('a\nb\u200bc\x9bd'), 'a\\u{a}b\\u{200b}c\\u{9b}d')
})

test('names in any script stay as they are', () => {
  for (const name of ['モデル', 'élève', 'naïve 🍺 pint', 'е́']) assert.is(shown(name), name)
})

test('sizes and times read well', () => {
  assert.is(shownBytes(0), '0 B')
  assert.is(shownBytes(1023), '1023 B')
  assert.is(shownBytes(12_345_678), '11.8 MiB')
  assert.is(shownSeconds(59), '59 s')
  assert.is(shownSeconds(3700), '1 h 1 min')
})

test('a table lines its columns up', () => {
  assert.is(
    shownTable([
      ['a', 'bb'],
      ['ccc', 'd'],
    ]),
    'a    bb\nccc  d',
  )
})
