import * as assert from 'uvu/assert'
import { isGlasError } from '../../../src/glas/errors.ts'
import {
  StonAssociation,
  StonFloat,
  StonFraction,
  StonObject,
  StonReference,
  StonScaled,
  StonSymbol,
  type StonValue,
} from '../../../src/ston/model.ts'
import { readSton } from '../../../src/ston/reader.ts'
import { writeSton, writeStonJson } from '../../../src/ston/writer.ts'
import { test } from '../../harness.ts'

const symbol = (name: string) => new StonSymbol(name)
const float = (value: number) => new StonFloat(value)

const WRITTEN: Array<[value: StonValue, text: string]> = [
  [null, 'nil'],
  [true, 'true'],
  [1, '1'],
  [-0, '0'],
  [2 ** 53, '9.007199254740992e15'],
  [-123456789012345678901n, '-123456789012345678901'],
  [1.5, '1.5'],
  [float(1), '1.0'],
  [float(-0), '-0.0'],
  [float(0.0001), '0.0001'],
  [float(0.00001), '1.0e-5'],
  [float(999999.5), '999999.5'],
  [float(1000000), '1.0e6'],
  [float(-1.25e-10), '-1.25e-10'],
  [float(5e-324), '5.0e-324'],
  [float(Number.NaN), 'Float[#nan]'],
  [Number.NEGATIVE_INFINITY, 'Float[#negativeInfinity]'],
  [new StonFraction(10n, 100n), '1/10'],
  [new StonFraction(100n, 10n), '10'],
  [new StonFraction(-1n, 3n), '-1/3'],
  [new StonScaled(6n, 2n, 2), '3/1s2'],
  ['it\'s "a/b"\\', "'it\\'s \"a/b\"\\\\'"],
  ['\b\t\n\f\r\v\0\x1f\x7f\x80\x9f\xa0é😀', "'\\b\\t\\n\\f\\r\\u000B\\u0000\\u001F\\u007F\\u0080\\u009F\xa0é😀'"],
  [symbol('foo-1_a./b'), '#foo-1_a./b'],
  [symbol('at:put:'), "#'at:put:'"],
  [symbol('été'), "#'été'"],
  [symbol(''), "#''"],
  [[], '[]'],
  [
    new Map<StonValue, StonValue>([
      [symbol('a'), null],
      [[1], 'x'],
    ]),
    "{#a:nil,[1]:'x'}",
  ],
  [new StonAssociation(symbol('a'), new StonAssociation(1, 2)), '#a:1:2'],
  [new StonObject('Point', [1, 2]), 'Point[1,2]'],
  [
    new StonObject(
      'Foo',
      new Map<StonValue, StonValue>([
        [symbol('a'), null],
        [symbol('b'), 1],
      ]),
    ),
    'Foo{#b:1}',
  ],
  [new StonObject('IdentityDictionary', new Map([[symbol('a'), null]])), 'IdentityDictionary{#a:nil}'],
]

test('the writer gives the text that Pharo gives', () => {
  for (const [value, text] of WRITTEN) assert.is(writeSton(value), text)
})

test('pretty text has tabs, spaces around colons, and short lists on one line', () => {
  const value = new StonObject(
    'PhLImage',
    new Map<StonValue, StonValue>([
      [symbol('url'), new StonObject('URL', ['https://example.org/'])],
      [symbol('at'), new StonObject('Point', [1, 2])],
      [symbol('names'), new StonObject('OrderedCollection', ['a', []])],
      [symbol('empty'), new StonObject('Foo', new Map())],
      [symbol('pair'), new StonAssociation('k', new Map([[1, 2]]))],
    ]),
  )
  const lines = [
    'PhLImage {',
    "\t#url : URL [ 'https://example.org/' ],",
    '\t#at : Point [ 1, 2 ],',
    '\t#names : OrderedCollection [',
    "\t\t'a',",
    '\t\t[ ]',
    '\t],',
    '\t#empty : Foo { },',
    "\t#pair : 'k' : {",
    '\t\t1 : 2',
    '\t}',
    '}',
  ]
  assert.is(writeSton(value, { pretty: true }), lines.join('\n'))
  assert.is(writeSton(value, { pretty: true, newline: '\r\n' }), lines.join('\r\n'))
})

test('what is met again is a reference, or is written again, or is refused', () => {
  const shared = new StonObject('Point', [1, 2])
  const cycle: StonValue[] = [shared, shared]
  cycle.push(cycle)
  assert.is(writeSton(cycle), '[Point[1,2],@2,@1]')
  assert.is(writeSton([shared, shared], { references: 'ignore' }), '[Point[1,2],Point[1,2]]')
  refused(() => writeSton([shared, shared], { references: 'error' }))
  refused(() => writeSton(cycle, { references: 'ignore' }))
})

test('a float that is not finite is an object and takes a number', () => {
  const nan = float(Number.NaN)
  const list: StonValue[] = []
  assert.is(writeSton([nan, nan, Number.NaN, list, list]), '[Float[#nan],@2,Float[#nan],[],@4]')
})

test('references that were kept when reading are written as they were', () => {
  const text = '[Point[1,2],@2,{#a:@1}]'
  assert.is(writeSton(readSton(text, { keepReferences: true })), text)
  refused(() => writeSton([new StonReference(2)]))
})

test('newlines and characters beyond ASCII follow the options', () => {
  assert.is(writeSton('a\rb\nc\r\nd', { keepNewLines: true }), "'a\nb\nc\nd'")
  assert.is(writeSton(symbol('a\rb'), { keepNewLines: true, newline: '\r\n' }), "#'a\r\nb'")
  assert.is(writeSton('é\u00a0😀', { asciiOnly: true }), "'\\u00E9\\u00A0\\uD83D\\uDE00'")
})

test('nil instance variables are left out unless asked for', () => {
  const object = new StonObject(
    'Foo',
    new Map<StonValue, StonValue>([
      [symbol('a'), null],
      ['b', null],
    ]),
  )
  assert.is(writeSton(object), "Foo{'b':nil}")
  assert.is(writeSton(object, { nils: 'write' }), "Foo{#a:nil,'b':nil}")
})

test('JSON has double quotes, null, strings for symbols and floats for fractions', () => {
  const value = new Map<StonValue, StonValue>([
    ['glas-id', 'it\'s "x"'],
    [symbol('list'), [null, symbol('at:put:'), new StonFraction(1n, 4n), new StonScaled(1n, 8n, 2), float(2)]],
    ['dictionary', new StonObject('OrderedDictionary', new Map([['b', 1]]))],
  ])
  const text = '{"glas-id":"it\'s \\"x\\"","list":[null,"at:put:",0.25,0.125,2.0],"dictionary":{"b":1}}'
  assert.is(writeStonJson(value), text)
  assert.equal(JSON.parse(writeStonJson(value, { pretty: true })), JSON.parse(text))
})

test('JSON refuses what it cannot say', () => {
  const list: StonValue[] = []
  const values: StonValue[] = [
    new StonObject('Point', [1, 2]),
    new StonObject('OrderedCollection', []),
    new StonAssociation('a', 1),
    new Map([[1, 2]]),
    [list, list],
    Number.NaN,
    float(Number.POSITIVE_INFINITY),
    [[], new StonReference(1)],
    new StonFraction(1n, 0n),
    new StonFraction(10n ** 400n, 1n),
  ]
  for (const value of values) refused(() => writeStonJson(value))
})

test('STON refuses what it cannot say', () => {
  const values: unknown[] = [
    undefined,
    { a: 1 },
    [() => 1],
    new Array(2),
    '\ud800',
    '\udc00',
    new StonObject('point', []),
    new StonObject('P[],Q', []),
    new StonFraction(1n, 0n),
    new StonFraction(1n, -2n),
    new StonScaled(1n, 2n, -1),
    new StonAssociation(new StonAssociation(1, 2), 3),
    new Map([[new StonAssociation(1, 2), 3]]),
    10n ** 100_000n,
  ]
  for (const value of values) refused(() => writeSton(value as StonValue))
})

function refused(act: () => unknown): void {
  assert.throws(act, (error: unknown) => isGlasError(error, 'BadSton'))
}
