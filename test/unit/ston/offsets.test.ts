import * as assert from 'uvu/assert'
import { isGlasError } from '../../../src/glas/errors.ts'
import { ByteOffsets, decodeUtf8 } from '../../../src/ston/offsets.ts'
import { parseSton, parseStonMany, type StonNode } from '../../../src/ston/parser.ts'
import { readSton } from '../../../src/ston/reader.ts'
import { test } from '../../harness.ts'

function* nodesOf(node: StonNode): Generator<StonNode> {
  yield node
  if (node.kind === 'list') for (const item of node.items) yield* nodesOf(item)
  const pairs = node.kind === 'map' ? node.entries : node.kind === 'association' ? [node] : []
  for (const { key, value } of pairs) yield* [...nodesOf(key), ...nodesOf(value)]
}

test('every value of a graph says where it stands', () => {
  const text = "\ufeff [ 1 , 'é' : -2.5 , #'a b' , Foo { #x : \"y\" , nil : @1 } , [ ] ] "
  const spans = [...nodesOf(parseSton(text))].map(({ start, end }) => text.slice(start, end))
  assert.equal(spans, [
    "[ 1 , 'é' : -2.5 , #'a b' , Foo { #x : \"y\" , nil : @1 } , [ ] ]",
    '1',
    "'é' : -2.5",
    "'é'",
    '-2.5',
    "#'a b'",
    'Foo { #x : "y" , nil : @1 }',
    '#x',
    '"y"',
    'nil',
    '@1',
    '[ ]',
  ])
})

test('a value that a later equal key replaces is still in the tree', () => {
  const strings = [...nodesOf(parseSton("{#password:'one',#password:'two'}"))].flatMap((node) =>
    node.kind === 'scalar' && typeof node.value === 'string' ? [node.value] : [],
  )
  assert.equal(strings, ['one', 'two'])
})

test('offsets of several graphs count from the start of the text', () => {
  assert.equal(
    [...parseStonMany('[1]\r\rFoo{}')].map(({ start, end }) => [start, end]),
    [
      [0, 3],
      [5, 10],
    ],
  )
})

test('strings can be overwritten in the bytes of a file', () => {
  const text = "\ufeffPhLImage{#description:'é😀',#url:URL['https://me:sécret@example.org'],#n:1}"
  const bytes = new TextEncoder().encode(text)
  const offsets = new ByteOffsets(decodeUtf8(bytes))
  for (const node of nodesOf(parseSton(decodeUtf8(bytes)))) {
    if (node.kind === 'scalar' && typeof node.value === 'string') {
      bytes.fill(0x78, offsets.at(node.start) + 1, offsets.at(node.end) - 1)
    }
  }
  const blanked = decodeUtf8(bytes)
  assert.is(blanked, "\ufeffPhLImage{#description:'xxxxxx',#url:URL['xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'],#n:1}")
  readSton(blanked)
})

test('byte offsets are those of the UTF-8 form, far into a long text too', () => {
  const text = 'aé€😀'.repeat(1000)
  const offsets = new ByteOffsets(text)
  let bytes = 0
  let at = 0
  for (const character of text) {
    assert.is(offsets.at(at), bytes)
    at += character.length
    bytes += Buffer.byteLength(character)
  }
  assert.is(offsets.at(text.length), bytes)
  assert.throws(() => offsets.at(text.length + 5000), RangeError)
})

test('bytes that are not UTF-8 are refused', () => {
  assert.throws(
    () => decodeUtf8(Uint8Array.of(0x27, 0xff, 0x27)),
    (error: unknown) => isGlasError(error, 'BadSton'),
  )
})
