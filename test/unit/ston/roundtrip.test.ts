/** What is written reads back as the same graph: the same values, shared and closed to cycles in the same places. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  numberOf,
  StonAssociation,
  StonFloat,
  StonFraction,
  StonObject,
  StonScaled,
  StonSymbol,
  type StonValue,
} from '../../../src/ston/model.ts'
import { readSton } from '../../../src/ston/reader.ts'
import { type StonWriteOptions, writeSton, writeStonJson } from '../../../src/ston/writer.ts'
import { test } from '../../harness.ts'

const SEED = 20240401
const RUNS = 400

const text = fc.string({ unit: 'binary', maxLength: 12 })
const float = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => new StonFloat(value))
const integer = fc.oneof(
  fc.maxSafeInteger(),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 200n }).map((size) => (size % 2n === 0n ? size : -size)),
)
const scaled = fc
  .tuple(fc.bigInt({ min: -1000n, max: 1000n }), fc.integer({ min: 0, max: 9 }))
  .map(([numerator, scale]) => new StonScaled(numerator * 7n + 1n, 7n, scale))
const fraction = fc.bigInt().map((numerator) => new StonFraction(numerator * 3n + 1n, 3n))
const scalar: fc.Arbitrary<StonValue> = fc.oneof(
  fc.constantFrom(null, true, false),
  text,
  text.map((name) => new StonSymbol(name)),
  fc.stringMatching(/^[a-zA-Z0-9._/-]{1,8}$/).map((name) => new StonSymbol(name)),
  integer,
  float,
  fraction,
  scaled,
)

/** One container of a graph; the numbers choose, among all containers, those that it holds: cycles come by themselves. */
const container = fc.record({
  shape: fc.constantFrom('list', 'map', 'listObject', 'mapObject'),
  className: fc.stringMatching(/^[A-Z][A-Za-z0-9_]{0,6}$/),
  scalars: fc.array(scalar, { maxLength: 4 }),
  parts: fc.array(fc.nat(), { maxLength: 4 }),
})

const graph = fc.array(container, { minLength: 1, maxLength: 8 }).map((recipes): StonValue => {
  const made = recipes.map(({ shape, className }) => {
    const contents = shape.startsWith('list') ? [] : new Map<StonValue, StonValue>()
    return { contents, value: shape.endsWith('Object') ? new StonObject(className, contents) : contents }
  })
  for (const [index, { scalars, parts }] of recipes.entries()) {
    const held = [...scalars, ...parts.map((part) => made[part % made.length]!.value)]
    for (const [position, part] of held.entries()) put(made[index]!.contents, position, part)
  }
  return made[0]!.value
})

function put(contents: StonValue[] | Map<StonValue, StonValue>, position: number, part: StonValue): void {
  if (Array.isArray(contents)) contents.push(position % 3 === 2 ? new StonAssociation(`key ${position}`, part) : part)
  else if (position % 2 === 0) contents.set(new StonSymbol(`key${position}`), part)
  else contents.set([position], part)
}

/** Walks both graphs side by side; a container of one must always meet the same container of the other. */
function assertSame(left: StonValue, right: StonValue, met = new Map<StonValue, StonValue>()): void {
  if (left instanceof StonAssociation && right instanceof StonAssociation) {
    assertSame(left.key, right.key, met)
    assertSame(left.value, right.value, met)
  } else if (Array.isArray(left) || left instanceof Map || left instanceof StonObject) {
    const isNew = !met.has(left) && !met.has(right)
    met.set(left, isNew ? right : met.get(left)!).set(right, isNew ? left : met.get(right)!)
    assert.ok(met.get(left) === right && met.get(right) === left, 'shared in another place')
    if (isNew) assertSameParts(left, right, met)
  } else if (left instanceof StonFloat && right instanceof StonFloat) assert.ok(Object.is(left.value, right.value))
  else assert.equal(left, right)
}

function assertSameParts(left: StonValue, right: StonValue, met: Map<StonValue, StonValue>): void {
  const [parts, others] = [partsOf(left), partsOf(right)]
  assert.is(parts.length, others.length)
  for (const [index, part] of parts.entries()) assertSame(part, others[index]!, met)
}

function partsOf(value: StonValue): StonValue[] {
  if (Array.isArray(value)) return value
  if (value instanceof StonObject) return [value.className, value.contents]
  assert.instance(value, Map)
  return [...(value as Map<StonValue, StonValue>)].flat()
}

const layout: fc.Arbitrary<StonWriteOptions> = fc.record({
  pretty: fc.boolean(),
  newline: fc.constantFrom('\n', '\r', '\r\n'),
  asciiOnly: fc.boolean(),
})

test('STON: any graph, with sharing and cycles, reads back as it was written, in every layout', () => {
  const property = fc.property(graph, layout, (value, options) => {
    assertSame(value, readSton(writeSton(value, { ...options, nils: 'write' })))
  })
  fc.assert(property, { seed: SEED, numRuns: RUNS })
})

test('STON: writing what was read gives the same text', () => {
  const property = fc.property(graph, layout, (value, options) => {
    const written = writeSton(value, options)
    assert.is(writeSton(readSton(written), options), written)
  })
  fc.assert(property, { seed: SEED, numRuns: RUNS })
})

test('STON: without references a tree reads back as the same tree', () => {
  const property = fc.property(fc.array(fc.array(scalar)), (value) => {
    const written = writeSton(value, { references: 'ignore' })
    assertSame(value, readSton(written))
    assert.is(writeSton(value, { references: 'error' }), written)
  })
  fc.assert(property, { seed: SEED, numRuns: RUNS })
})

const jsonScalar: fc.Arbitrary<StonValue> = fc.oneof(
  fc.constantFrom(null, true, false),
  text,
  fc.maxSafeInteger(),
  float,
)
const { json } = fc.letrec<{ json: StonValue }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4 },
    jsonScalar,
    fc.array(tie('json'), { maxLength: 4 }),
    fc.array(fc.tuple(text, tie('json')), { maxLength: 4 }).map((entries) => new Map(entries)),
  ),
}))

test('STONJSON: any tree reads back as it was written, here and in JSON.parse', () => {
  const property = fc.property(json, layout, (value, { pretty = false, asciiOnly = false }) => {
    const written = writeStonJson(value, { pretty, asciiOnly })
    assertSame(value, readSton(written))
    assert.equal(JSON.parse(written), plain(value))
  })
  fc.assert(property, { seed: SEED, numRuns: RUNS })
})

test('STONJSON: what JSON.stringify writes is read', () => {
  const property = fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
    const written = JSON.stringify(value)
    assert.equal(plain(readSton(written)), JSON.parse(written))
  })
  fc.assert(property, { seed: SEED, numRuns: RUNS })
})

/** The same in plain JavaScript, numbers without the kind that STON gives them. */
function plain(value: StonValue): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, part]) => [String(key), plain(part)]))
  return numberOf(value) ?? value
}
