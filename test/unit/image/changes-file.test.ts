import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { firstChunkAt, parseChanges } from '../../../src/image/changes-file.ts'
import { changedMethods, snapshotRecord } from '../../gen/logs.ts'
import { seededRandom } from '../../gen/random.ts'
import { test } from '../../harness.ts'

const kinds = (text: string) => parseChanges(text).changes.map(({ kind }) => kind)

test('methods are told with class, selector, protocol and stamp, as they were accepted', () => {
  const text =
    "\r\r!Ant methodsFor: 'walking' stamp: 'ada 1/8/2024 09:37'!\rat: aPlace put: food\r\t\"Don''t!! panic\"\r\t^ food! !" +
    "\r\r!Ant class methodsFor: 'it''s new' stamp: 'bob' prior: 42!\rnew\r\t^ super new!\rother\r\t^ 1! !"
  const { changes } = parseChanges(text)
  assert.equal(
    changes.map((one) => [one['class-name'], one.selector, one.protocol, one.stamp]),
    [
      ['Ant', 'at:put:', 'walking', 'ada 1/8/2024 09:37'],
      ['Ant class', 'new', "it's new", 'bob'],
      ['Ant class', 'other', "it's new", 'bob'],
    ],
  )
  assert.is(changes[0]?.source, 'at: aPlace put: food\n\t"Don\'\'t! panic"\n\t^ food')
})

test('expressions, class definitions, comments and saves are told apart', () => {
  const text =
    "\r\rObject subclass: #Ant\r\tinstanceVariableNames: 'legs'\r\tpackage: 'Ants'!" +
    '\r\rObject << #Bee\r\tslots: { #wings }!' +
    "\r\r!Ant commentStamp: 'ada 2024' prior: 0!\rI walk.!" +
    '\r\rAnt new walk!' +
    snapshotRecord(3, 'Ants', 12) +
    '\r\r!Ant reorganize!\r(walking)!\r\r'
  assert.equal(kinds(text), ['class', 'class', 'comment', 'expression', 'session', 'other'])
  const { changes } = parseChanges(text)
  assert.equal(
    [changes[0]?.['class-name'], changes[1]?.['class-name'], changes[2]?.['class-name']],
    ['Ant', 'Bee', 'Ant'],
  )
  assert.is(changes[2]?.source, 'I walk.')
})

test('a comment and an unfinished reader do not swallow what comes behind them', () => {
  assert.equal(kinds("!Ant commentStamp: 'x' prior: 0!\rHi.!\r\r\rAnt new!"), ['comment', 'expression'])
  assert.equal(kinds("!Ant methodsFor: 'x'!"), [])
  assert.equal(kinds('!'), [])
  assert.equal(kinds(''), [])
})

test('binary and unary selectors, and classes with other letters', () => {
  const selector = (source: string) => parseChanges(`!Größe methodsFor: 'x'!\r${source}! !`).changes[0]?.selector
  assert.is(selector('+ other\r\t^ 1'), '+')
  assert.is(selector('size\r\t^ 1'), 'size')
  assert.is(selector('wachse: um für: wen\r\t^ 1'), 'wachse:für:')
  assert.is(selector('<script>'), '<')
})

test('of a text that begins somewhere, reading starts at a whole chunk', () => {
  const text = changedMethods(seededRandom(5), 6000, 2)
  const whole = parseChanges(text).changes
  for (const cut of [1, 100, 1234, 3000]) {
    const rest = text.slice(cut)
    const { changes } = parseChanges(rest.slice(firstChunkAt(rest)))
    assert.ok(changes.length > 0 && changes.length < whole.length)
    assert.equal(changes, whole.slice(-changes.length))
  }
})

test('of very many changes the last are kept, and it is said that there are more', () => {
  const { changes, hasMore } = parseChanges(Array.from({ length: 9000 }, (_, at) => `\r\r${at}!`).join(''))
  assert.is(changes.length, 2000)
  assert.ok(hasMore)
  assert.is(changes.at(-1)?.source, '8999')
})

test('whatever is in the file is read to its end, within the limits', () => {
  const pieces = fc.constantFrom(
    '!',
    '!!',
    ' !',
    '\r',
    "'",
    "''",
    'Ant',
    ' class',
    " methodsFor: '",
    " commentStamp: '",
    'a: b ',
    '----QUIT----',
    '\u202e',
    '<b>',
    '\0',
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 200 }), (parts) => {
      const { changes } = parseChanges(parts.join(''))
      for (const one of changes) {
        assert.ok(one.source.length <= 10_001 && one.selector.length <= 201 && one['class-name'].length <= 201)
      }
    }),
    { seed: 7, numRuns: 2000 },
  )
  assert.is(parseChanges(`${'x'.repeat(100_000)}!`).changes[0]?.source.length, 10_001)
})
