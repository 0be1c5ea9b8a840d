/** Every line of the reference vectors, which restate the tests of Pharo's own STON package. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { isGlasError } from '../../../src/glas/errors.ts'
import { stripComments } from '../../../src/ston/comments.ts'
import {
  StonAssociation,
  StonFloat,
  StonFraction,
  type StonMap,
  type StonNewline,
  StonObject,
  StonReference,
  StonScaled,
  StonSymbol,
  type StonValue,
} from '../../../src/ston/model.ts'
import { readSton, readStonMany } from '../../../src/ston/reader.ts'
import { writeSton, writeStonJson } from '../../../src/ston/writer.ts'
import { test } from '../../harness.ts'

const VECTORS = join(import.meta.dirname, '../../../../shared/refs/ston-vectors.jsonl')

type Encoded = null | boolean | string | number | Encoded[] | Tagged
type Pairs = Array<[Encoded, Encoded]>
interface Tagged {
  $: string
  v?: string | number | Pairs
  n?: string | number
  d?: string
  s?: number
  k?: Encoded
  class?: string
  list?: Encoded[]
  map?: Pairs
}
interface Vector {
  id: string
  op: string
  in?: string
  value?: Encoded
  out?: Encoded
  newline?: StonNewline
}

/** What the reader should give for an encoded value; with `shared` references become the object that they mean. */
function decode(encoded: Encoded, shared: StonValue[] | null): StonValue {
  if (encoded === null || typeof encoded !== 'object') return encoded
  if (Array.isArray(encoded)) return fill([], encoded, shared)
  const { v, k } = encoded
  if (encoded.$ === 'symbol') return new StonSymbol(String(v))
  if (encoded.$ === 'int') return BigInt(String(v))
  if (encoded.$ === 'float') return new StonFloat(decodeFloat(v))
  if (encoded.$ === 'fraction') return new StonFraction(BigInt(encoded.n!), BigInt(encoded.d!))
  if (encoded.$ === 'scaled') return new StonScaled(BigInt(encoded.n!), BigInt(encoded.d!), encoded.s!)
  if (encoded.$ === 'assoc') return new StonAssociation(decode(k!, shared), decode(v as Encoded, shared))
  if (encoded.$ === 'ref') return shared ? shared[Number(encoded.n) - 1]! : new StonReference(Number(encoded.n))
  if (encoded.$ === 'map') return fill(new Map(), v as Pairs, shared)
  const contents: StonValue[] | StonMap = encoded.list ? [] : new Map()
  const object = new StonObject(encoded.class!, contents)
  shared?.push(object)
  fill(contents, encoded.list ?? encoded.map!, null, shared)
  return object
}

function fill<Contents extends StonValue[] | StonMap>(
  contents: Contents,
  parts: Encoded[] | Pairs,
  register: StonValue[] | null,
  shared: StonValue[] | null = register,
): Contents {
  register?.push(contents)
  for (const part of parts) {
    if (Array.isArray(contents)) contents.push(decode(part as Encoded, shared))
    else {
      const [key, value] = part as [Encoded, Encoded]
      contents.set(decode(key, shared), decode(value, shared))
    }
  }
  return contents
}

function decodeFloat(v: Tagged['v']): number {
  const special: Record<string, number> = { nan: Number.NaN, infinity: Infinity, negativeInfinity: -Infinity }
  return typeof v === 'number' ? v : special[String(v)]!
}

const readKept = (text: string, newline?: StonNewline): StonValue =>
  readSton(text, newline === undefined ? { keepReferences: true } : { keepReferences: true, newline })

const operations: Record<string, (vector: Vector) => void> = {
  parse: ({ in: text, out }) => assert.equal(readKept(text!), decode(out!, null)),
  'parse-many': ({ in: text, out }) => assert.equal([...readStonMany(text!)], decode(out!, null)),
  'parse-newlines': ({ in: text, out, newline }) => assert.equal(readKept(text!, newline), out),
  'parse-comments': ({ in: text, out }) => assert.equal(readKept(stripComments(text!)), decode(out!, null)),
  'strip-comments': ({ in: text, out }) => assert.is(stripComments(text!), out),
  'parse-error': ({ in: text }) => refused(() => readSton(text!)),
  'parse-comments-error': ({ in: text }) => refused(() => readSton(stripComments(text!))),
  write: ({ value, out }) => assert.is(writeSton(decode(value!, [])), out),
  'write-ascii': ({ value, out }) => assert.is(writeSton(decode(value!, []), { asciiOnly: true }), out),
  'write-pretty': ({ value, out, newline }) =>
    assert.is(writeSton(decode(value!, []), { pretty: true, newline: newline! }), out),
  'write-keep-newlines': ({ value, out, newline }) =>
    assert.is(writeSton(decode(value!, []), { keepNewLines: true, newline: newline! }), out),
  'write-with-nils': ({ value, out }) => assert.is(writeSton(decode(value!, []), { nils: 'write' }), out),
  'write-refs-ignore': ({ value, out }) => assert.is(writeSton(decode(value!, []), { references: 'ignore' }), out),
  'write-refs-error': ({ value }) => refused(() => writeSton(decode(value!, []), { references: 'error' })),
  'write-json': ({ value, out }) => assert.is(writeStonJson(decode(value!, [])), out),
  'write-json-error': ({ value }) => refused(() => writeStonJson(decode(value!, []))),
}

function refused(act: () => unknown): void {
  assert.throws(act, (error: unknown) => isGlasError(error, 'BadSton'))
}

const skip = existsSync(VECTORS) ? undefined : 'the reference vectors are not on this machine'

test(
  'every reference vector reads and writes as its line says',
  () => {
    const vectors: Vector[] = readFileSync(VECTORS, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
    const failures = vectors.flatMap((vector) => {
      try {
        const operation = operations[vector.op]
        if (!operation) return [`${vector.id}: unknown operation ${vector.op}`]
        operation(vector)
        return []
      } catch (error) {
        return [`${vector.id} ${vector.op}: ${error instanceof Error ? error.message : String(error)}`]
      }
    })
    assert.equal(failures, [])
    assert.ok(vectors.length >= 162, `only ${vectors.length} vectors`)
  },
  { skip },
)
