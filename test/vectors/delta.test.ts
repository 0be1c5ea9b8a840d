import { readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { decodeDelta } from '../../src/spur/decode.ts'
import { fromPlanes, toPlanes } from '../../src/spur/planes.ts'
import { ByteReader, ByteWriter } from '../../src/spur/varint.ts'
import { test } from '../harness.ts'

const text = readFileSync(new URL('../../docs/formats-delta.md', import.meta.url), 'utf8')
const shown = new Map([...text.matchAll(/^(\w+-\w+): ([0-9a-f]+)$/gm)].map(([, name, hex]) => [name, hex]))

const bytesOf = (name: string): Uint8Array => Buffer.from(shown.get(name) ?? '', 'hex')

for (const name of ['wide', 'planes', 'narrow']) {
  test(`the example "${name}" of the document decodes to what it says`, () => {
    const image = bytesOf(`${name}-image`)
    assert.ok(image.length > 0)
    const decoded = decodeDelta(bytesOf(`${name}-base`), bytesOf(`${name}-delta`), image.length)
    assert.is(Buffer.from(decoded).toString('hex'), shown.get(`${name}-image`))
  })
}

test('varints are as the document says', () => {
  const writer = new ByteWriter(1)
  for (const value of [0, 127, 128, 300, 2 ** 53 - 1]) writer.varint(value)
  for (const value of [0, -1, 1, -64, 64]) writer.signed(value)
  assert.is(Buffer.from(writer.view()).toString('hex'), '007f8001ac02ffffffffffffff0f0001027f8001')
  const reader = new ByteReader(writer.view(), () => {
    throw new Error('ends')
  })
  assert.equal(
    Array.from({ length: 5 }, () => reader.varint()),
    [0, 127, 128, 300, 2 ** 53 - 1],
  )
  assert.equal(
    Array.from({ length: 5 }, () => reader.signed()),
    [0, -1, 1, -64, 64],
  )
  assert.is(reader.remaining, 0)
})

test('planes are as the document says, and back', () => {
  const words = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8])
  assert.equal([...toPlanes(words, 4)], [1, 5, 2, 6, 3, 7, 4, 8])
  assert.equal(fromPlanes(toPlanes(words, 4), 4), words)
})
