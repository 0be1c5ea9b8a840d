import * as assert from 'uvu/assert'
import { type GlasError, isGlasError } from '../../../src/glas/errors.ts'
import { stripComments } from '../../../src/ston/comments.ts'
import {
  fieldsOf,
  numberOf,
  StonAssociation,
  StonFloat,
  StonFraction,
  StonObject,
  StonReference,
  StonScaled,
  StonSymbol,
  type StonValue,
} from '../../../src/ston/model.ts'
import { readSton, readStonMany } from '../../../src/ston/reader.ts'
import { test } from '../../harness.ts'

const symbol = (name: string) => new StonSymbol(name)
const float = (value: number) => new StonFloat(value)

const READ: Array<[text: string, value: StonValue]> = [
  ['0', 0],
  ['-12', -12],
  ['007', 7],
  ['9007199254740991', 9007199254740991],
  ['9007199254740992', 9007199254740992n],
  ['-123456789012345678901234567890', -123456789012345678901234567890n],
  ['1e3', 1000],
  ['2E+2', 200],
  ['1e20', 100000000000000000000n],
  ['5e-3', new StonFraction(5n, 1000n)],
  ['1.0', float(1)],
  ['-1.5', float(-1.5)],
  ['1.0e100', float(1e100)],
  ['-1.23456e-6', float(-1.23456e-6)],
  ['1/3', new StonFraction(1n, 3n)],
  ['-10/100', new StonFraction(-10n, 100n)],
  ['1/3s2', new StonScaled(1n, 3n, 2)],
  ['true', true],
  ['false', false],
  ['nil', null],
  ['null', null],
  ["''", ''],
  ["'it\\'s'", "it's"],
  ['"say \'hi\'"', "say 'hi'"],
  ["'\\'\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u00E9'", '\'"\\/\b\f\n\r\téé'],
  ["'\\uD83D\\uDE00'", '😀'],
  ["'\\uDE00'", '\uDE00'],
  ["'a\rb\nc'", 'a\rb\nc'],
  ['#foo', symbol('foo')],
  ["#'at:put:'", symbol('at:put:')],
  ['#"foo"', symbol('foo')],
  ['# foo', symbol('foo')],
  ['#1-a_b/c.d', symbol('1-a_b/c.d')],
  ['#été', symbol('été')],
  ['[]', []],
  ['[ 1 , [ ] ]', [1, []]],
  ['{}', new Map()],
  [
    "{#a:1,'b':[2],3:{}}",
    new Map<StonValue, StonValue>([
      [symbol('a'), 1],
      ['b', [2]],
      [3, new Map()],
    ]),
  ],
  ['{#a:#b:1}', new Map([[symbol('a'), new StonAssociation(symbol('b'), 1)]])],
  ['1:2:3', new StonAssociation(1, new StonAssociation(2, 3))],
  ['Point[1,2]', new StonObject('Point', [1, 2])],
  ['Point [ 1 , 2 ]', new StonObject('Point', [1, 2])],
  ['Foo_1{}', new StonObject('Foo_1', new Map())],
  ['Float[#nan]', new StonObject('Float', [symbol('nan')])],
  ["URL['https://example.org']", new StonObject('URL', ['https://example.org'])],
  [
    '{"a":[1,2.5,null,true],"b":{}}',
    new Map<StonValue, StonValue>([
      ['a', [1, float(2.5), null, true]],
      ['b', new Map()],
    ]),
  ],
  ['\ufeff \t\r\n\f1', 1],
]

test('the reader gives each kind of value', () => {
  for (const [text, value] of READ) assert.equal(readSton(text), value, text)
})

test('an integer, however written, is never minus zero, a float may be', () => {
  assert.ok(Object.is(readSton('-0'), 0))
  assert.ok(Object.is((readSton('-0.0') as StonFloat).value, -0))
})

const REFUSED: Array<[text: string, line: number, column: number]> = [
  ['', 1, 1],
  ['  ', 1, 3],
  [']', 1, 1],
  ['foo', 1, 1],
  ['truefoo', 1, 1],
  ['nul', 1, 1],
  ['+1', 1, 1],
  ['-', 1, 2],
  ['1.', 1, 3],
  ['1.e5', 1, 3],
  ['1e', 1, 3],
  ['12abc', 1, 3],
  ['1/0', 1, 1],
  ['1/', 1, 3],
  ['3.14s2', 1, 5],
  ['1.0e400', 1, 1],
  ['1 2', 1, 3],
  ['#', 1, 2],
  ['@', 1, 2],
  ['@1', 1, 1],
  ['[@0]', 1, 2],
  ['[@2]', 1, 2],
  ['[@2,[]]', 1, 2],
  ['[1,]', 1, 4],
  ['[1', 1, 3],
  ['[1 2]', 1, 4],
  ['{#a}', 1, 4],
  ['{#a:1,}', 1, 7],
  ['{1:2:3', 1, 7],
  ['Foo', 1, 4],
  ["Foo'a'", 1, 4],
  ["'abc", 1, 1],
  ["'abc\\", 1, 1],
  ["'\\a'", 1, 2],
  ["'\\u00'", 1, 2],
  ["'\\uD83D'", 1, 2],
  ["'\\uD83D\\u0041'", 1, 2],
  ['[1,\n 2,\r\n  x]', 3, 3],
  ['[1,\r\r?]', 3, 1],
]

test('what is not STON is refused with line and column', () => {
  for (const [text, line, column] of REFUSED) {
    assert.throws(
      () => readSton(text),
      (error: unknown) => {
        assert.ok(isGlasError(error, 'BadSton'), `${text}: ${error}`)
        const place = (error as GlasError).data
        assert.equal([place.line, place.column], [line, column], text)
        assert.match((error as GlasError).message, `line ${line}, column ${column}`)
        return true
      },
      text,
    )
  }
})

test('the offset of an error counts from the start of the text, byte order mark included', () => {
  try {
    readSton('\ufeff[1,\n?]')
    assert.unreachable()
  } catch (error) {
    assert.equal((error as GlasError).data, { line: 2, column: 1, offset: 5 })
  }
})

test('a reference is the same object, and each object counts once in the order in which objects start', () => {
  const value = readSton("[URL['u'],Point[1,2],{#a:OrderedCollection[@2,@3,@4,@5,@1]}]") as StonValue[]
  const [url, point, map] = value
  const collection = fieldsOf(map!)!.get('a') as StonObject
  for (const [index, meant] of [url, point, map, collection, value].entries()) {
    assert.is(collection.list![index], meant)
  }
})

test('an object of a launcher file is found by its number: tags, not their representations, are counted', () => {
  const text = "PhLImage{#template:PhLRemoteTemplate{#url:URL['u']},#vmManager:M{},#configs:C[L{#image:@1,#vm:@4}]}"
  const image = readSton(text)
  const fields = fieldsOf(image)!
  const launch = fieldsOf((fields.get('configs') as StonObject).list![0]!)!
  assert.is(launch.get('image'), image)
  assert.is(launch.get('vm'), fields.get('vmManager'))
})

test('cycles are read', () => {
  const list = readSton('[1,@1]') as StonValue[]
  assert.is(list[1], list)
  const map = readSton('{@1:@1}') as Map<StonValue, StonValue>
  assert.is(map.get(map), map)
})

test('references can be kept as they are written', () => {
  assert.equal(readSton('[[],@2]', { keepReferences: true }), [[], new StonReference(2)])
  assert.throws(() => readSton('[@2]', { keepReferences: true }), /@2 refers to nothing/)
})

test('of equal keys the last one counts, symbols included', () => {
  assert.equal(
    [...fieldsOf(readSton("{#a:1,'b':2,#a:3}"))!],
    [
      ['a', 3],
      ['b', 2],
    ],
  )
  assert.is((readSton('{#a:1,#a:2}') as Map<StonValue, StonValue>).size, 1)
})

test('several graphs follow one another, each with numbers of its own', () => {
  assert.equal([...readStonMany(' [1] [[],@1] nil')].length, 3)
  const [, second] = [...readStonMany('[1]\r\r[[],@1]\r\r')] as StonValue[][]
  assert.is(second![1], second)
  assert.equal([...readStonMany(' \n')], [])
})

test('what stands before a torn end is read first', () => {
  const read: StonValue[] = []
  const readAll = () => {
    for (const value of readStonMany('OmEntry{}\r\rOmEntry{#a:1}\r\rOmEntry{#b')) read.push(value)
  }
  assert.throws(readAll, (error: unknown) => isGlasError(error, 'BadSton'))
  assert.is(read.length, 2)
})

test('raw line ends in strings are changed when asked for, escaped ones never', () => {
  assert.is(readSton("'a\rb\nc\r\nd\\re\r\\nf'", { newline: '\n' }), 'a\nb\nc\nd\re\n\nf')
})

test('comments are removed when asked for, but not in strings', () => {
  assert.is(stripComments('[1,//one\r\n2]/* end'), '[1,2]')
  assert.is(stripComments('/*a*//*b*/"/*"//c'), '"/*"')
  assert.is(stripComments("'C:\\\\'//x"), "'C:\\\\'")
  assert.is(stripComments('1/2'), '1/2')
})

test('any number gives a JavaScript number, and only numbers do', () => {
  const numbers = [
    '3',
    '123456789012345678901',
    '1.5',
    '1/4',
    '7/2s3',
    '5e-324',
    'Float[#negativeInfinity]',
    'Float[2.5]',
  ]
  assert.equal(
    numbers.map((text) => numberOf(readSton(text))),
    [3, 123456789012345680000, 1.5, 0.25, 3.5, 5e-324, -Infinity, 2.5],
  )
  assert.ok(Number.isNaN(numberOf(readSton('Float[#nan]'))))
  for (const text of ["'1'", 'nil', '[1]', 'Float[]', 'Float[#foo]']) assert.is(numberOf(readSton(text)), undefined)
})
