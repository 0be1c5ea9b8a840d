/** Whatever the text: a value or an error with a place, in bounded time, and the process lives on. */
import * as assert from 'uvu/assert'
import { type GlasError, isGlasError } from '../../src/glas/errors.ts'
import { stripComments } from '../../src/ston/comments.ts'
import {
  MAX_EXPONENT,
  MAX_FRACTION_DIGITS,
  MAX_GRAPH_VALUES,
  MAX_INTEGER_DIGITS,
  MAX_NESTING_LEVELS,
  MAX_NUMERIC_KEYS,
  MAX_TEXT_CODE_UNITS,
} from '../../src/ston/limits.ts'
import type { StonValue } from '../../src/ston/model.ts'
import { readSton, readStonMany } from '../../src/ston/reader.ts'
import { writeSton } from '../../src/ston/writer.ts'
import { test } from '../harness.ts'

const SEED = 0x5704
const MUTATIONS = 2000
const RANDOM_TEXTS = 2000

const VALID = [
  "PhLImage {\n\t#formatNumber : 68021,\n\t#url : URL [ 'https://example.org/t.zip' ],\n\t#vm : M { #image : @1, #at : @2 }\n}",
  "[1,-2.5e-3,1/3s2,'it\\'s',\"\\u00e9\",#sym,#'a b',true,nil,{#a:1,[2]:'b':3},@1]",
  '{"action":"snapshot","list":[1,2.0,1e5,null,false],"s":"\\ud83d\\ude00\\n"}',
  "OmEntry{#tags:{#author:'me',#time:DateAndTime['2020-01-01T00:00:00Z'],#prior:OmReference['1']},#content:X{}}",
  '/*c*/[123456789012345678901234567890,@1]//end\r\n',
]

/** xorshift32: the same texts at each run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

function readOrRefuse(text: string): StonValue | GlasError {
  try {
    return readSton(text)
  } catch (error) {
    if (!isGlasError(error, 'BadSton')) throw new Error(`${JSON.stringify(text.slice(0, 200))}: ${error}`)
    const { line, column, offset } = error.data as Record<string, number>
    assert.ok(line! >= 1 && column! >= 1 && offset! >= 0 && offset! <= text.length, `no place in ${error.message}`)
    return error
  }
}

function refusal(text: string): GlasError {
  const result = readOrRefuse(text)
  assert.ok(isGlasError(result), `read: ${text.slice(0, 40)}`)
  return result as GlasError
}

function mutate(text: string, random: (below: number) => number): string {
  const at = random(text.length + 1)
  const length = random(8)
  const other = VALID[random(VALID.length)]!
  const inserted = [
    String.fromCharCode(random(0x250)),
    '[]{}:,#@\'"\\/-.0e'.charAt(random(16)),
    other.slice(random(other.length)),
    text.slice(at).repeat(random(4)),
    '',
  ][random(5)]
  return text.slice(0, at) + inserted + text.slice(at + length)
}

test('mutated texts give a value that can be written, or an error with its place', () => {
  const random = randomNumbers(SEED)
  let read = 0
  for (let round = 0; round < MUTATIONS; round++) {
    let text = VALID[round % VALID.length]!
    for (let changes = random(3); changes >= 0; changes--) text = mutate(text, random)
    const value = readOrRefuse(round % 2 === 0 ? text : stripComments(text))
    if (isGlasError(value)) continue
    read++
    writeOrRefuse(value as StonValue)
  }
  assert.ok(read > MUTATIONS / 50 && read < MUTATIONS, `${read} of ${MUTATIONS} were read: the mutations miss`)
})

/** Half a surrogate pair is data to the reader and nothing that the writer can say. */
function writeOrRefuse(value: StonValue): void {
  try {
    readSton(writeSton(value, { nils: 'write' }))
  } catch (error) {
    assert.match(String(error), 'half a surrogate pair')
  }
}

test('random text gives a value or an error with its place', () => {
  const random = randomNumbers(SEED + 1)
  for (let round = 0; round < RANDOM_TEXTS; round++) {
    const range = round % 2 === 0 ? 0x80 : 0x10000
    const units = Array.from({ length: random(60) }, () => random(range))
    const text = String.fromCharCode(...units)
    readOrRefuse(text)
    readOrRefuse(`[${text}`)
    stripComments(text)
  }
})

test('nesting is read up to its limit and refused beyond, in every form', () => {
  const forms: Array<[open: string, close: string]> = [
    ['[', ']'],
    ['A[', ']'],
    ['{1:', '}'],
    ['{{', '}:1}:1'],
    ['1:', ''],
    ['B{#a:[2:', ']}'],
  ]
  for (const [open, close] of forms) {
    const levelsEach = open.startsWith('B') ? 3 : 1
    const nested = (levels: number): string => {
      const times = Math.floor(levels / levelsEach)
      return `${open.repeat(times)}1${close.repeat(times)}`
    }
    if (open !== '{{') readSton(nested(MAX_NESTING_LEVELS))
    assert.match(refusal(nested(MAX_NESTING_LEVELS + levelsEach)).message, 'nested deeper')
    refusal(open.repeat(1_000_000))
  }
})

test('numbers are limited in length, and short ones cannot make long ones', () => {
  readSton('7'.repeat(MAX_INTEGER_DIGITS))
  readSton(`1e${MAX_EXPONENT}`)
  readSton(`1/${'7'.repeat(MAX_FRACTION_DIGITS)}`)
  refusal('7'.repeat(MAX_INTEGER_DIGITS + 1))
  refusal('7'.repeat(1_000_000))
  refusal(`1.${'7'.repeat(1_000_000)}`)
  refusal(`1e${MAX_EXPONENT + 1}`)
  refusal(`1e-${'9'.repeat(15)}`)
  refusal(`1/${'7'.repeat(MAX_FRACTION_DIGITS + 1)}`)
  refusal(`${'7'.repeat(MAX_FRACTION_DIGITS + 1)}/3`)
  refusal(`1/3s${'9'.repeat(1000)}`)
  refusal(`@${'9'.repeat(1000)}`)
})

test('the values of a graph are limited', () => {
  refusal(`[${'1,'.repeat(MAX_GRAPH_VALUES)}1]`)
})

test('long texts of one kind are read or refused in time that grows with their length alone', () => {
  const length = 4 * 1024 * 1024
  assert.is((readSton(`'${'\\n'.repeat(length / 2)}'`) as string).length, length / 2)
  refusal(' '.repeat(length))
  refusal(`${'\r\n'.repeat(length / 2)}]`)
  refusal("'".repeat(length))
  refusal(`'${'\\'.repeat(length)}`)
  refusal('A'.repeat(length))
  refusal(`[${"'a\\nb',".repeat(100_000)}`)
  stripComments('/*'.repeat(length / 2))
  stripComments('/'.repeat(length))
  assert.is([...readStonMany('1 '.repeat(100_000))].length, 100_000)
})

test('a text beyond the size limit is refused before it is read', () => {
  assert.match(refusal(' '.repeat(MAX_TEXT_CODE_UNITS + 1)).message, 'are allowed')
})

test('integer keys chosen to collide cannot make a map slow', () => {
  const keys = Array.from({ length: MAX_NUMERIC_KEYS + 1 }, (_, index) => `${(BigInt(index) << 64n) + 5n}:1`)
  const maps = `{${keys.slice(1).join(',')}},`.repeat(10)
  readSton(`[${maps}1]`)
  assert.match(refusal(`{${keys.join(',')}}`).message, 'numeric keys')
})

test('a graph that doubles at each level is refused when it would be written in full', () => {
  let value: StonValue = []
  for (let level = 0; level < 60; level++) value = [value, value]
  assert.ok(Array.isArray(readSton(writeSton(value))))
  assert.throws(
    () => writeSton(value, { references: 'ignore' }),
    (error: unknown) => isGlasError(error, 'BadSton'),
  )
})

test('values nested too deeply, and text that would be too long, are not written', () => {
  let value: StonValue = []
  for (let level = 0; level < 100_000; level++) value = [value]
  const refused = (error: unknown) => isGlasError(error, 'BadSton')
  assert.throws(() => writeSton(value), refused)
  const long = 'x'.repeat(MAX_TEXT_CODE_UNITS / 2)
  assert.throws(() => writeSton([long, long]), refused)
})
