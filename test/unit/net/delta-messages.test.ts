import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { isGlasError } from '../../../src/glas/errors.ts'
import { cidOf, DAG_PB_CODEC, RAW_CODEC } from '../../../src/glas/hash.ts'
import {
  type DeltaAnswer,
  decodeDeltaAnswer,
  decodeDeltaRequest,
  encodeDeltaAnswer,
  encodeDeltaRequest,
  MAX_NAMED_BASES,
  MAX_SENT_DELTA_BYTES,
} from '../../../src/net/delta-messages.ts'
import { test } from '../../harness.ts'

const file = fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => cidOf(DAG_PB_CODEC, bytes))
const digests = (count: number) => fc.uint8Array({ minLength: count * 32, maxLength: count * 32 })

/** Fields in one order; CIDs keep caches that two equal ones may differ in. */
const texts = (message: object): string =>
  Object.entries(message)
    .map(([name, value]) => `${name}: ${value}`)
    .sort()
    .join('\n')

test('requests come out as they went in', () => {
  const request = fc.record({
    file,
    bases: fc.array(file, { maxLength: MAX_NAMED_BASES }),
    bytesPerSecond: fc.nat(),
    takesBase: fc.boolean(),
  })
  fc.assert(fc.property(request, (one) => assert.is(texts(decodeDeltaRequest(encodeDeltaRequest(one))), texts(one))))
})

test('answers come out as they went in', () => {
  const delta = fc
    .tuple(file, file, fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 2, max: 9 }))
    .chain((given) => {
      const [image, base, leafBytes, leaves] = given
      return fc.tuple(digests(leaves), fc.nat({ max: MAX_SENT_DELTA_BYTES })).map(
        ([hashes, deltaBytes]): DeltaAnswer => ({
          kind: 'delta',
          file: image,
          base,
          sizeBytes: leafBytes * leaves,
          leafBytes,
          digests: hashes,
          deltaBytes,
        }),
      )
    })
  fc.assert(fc.property(delta, (one) => assert.is(texts(decodeDeltaAnswer(encodeDeltaAnswer(one))), texts(one))))
  for (const one of [{ kind: 'working' }, { kind: 'none', reason: 'the line is fast' }] as const) {
    assert.equal(decodeDeltaAnswer(encodeDeltaAnswer(one)), one)
  }
})

test('a long reason is cut between characters', () => {
  const answer = decodeDeltaAnswer(encodeDeltaAnswer({ kind: 'none', reason: `a${'\u00e4'.repeat(500)}` }))
  assert.is(answer.kind === 'none' && answer.reason, `a${'\u00e4'.repeat(127)}`)
})

const image = cidOf(DAG_PB_CODEC, Buffer.from('image'))
const leaf = cidOf(RAW_CODEC, Buffer.from('leaf'))
const right = { file: image, base: image, sizeBytes: 150, leafBytes: 100, digests: new Uint8Array(64), deltaBytes: 5 }

const LIES: Array<[name: string, lie: Partial<typeof right>, code: string]> = [
  ['leaves of no bytes', { leafBytes: 0 }, 'BadMessage'],
  ['leaves larger than a block', { leafBytes: 3_000_000, sizeBytes: 6_000_000 }, 'BadMessage'],
  ['an image of one leaf', { sizeBytes: 100 }, 'BadMessage'],
  ['too few hashes', { digests: new Uint8Array(32) }, 'BadMessage'],
  ['too many hashes', { digests: new Uint8Array(96) }, 'BadMessage'],
  ['leaves without end', { sizeBytes: 2 ** 50 }, 'LimitExceeded'],
  ['a delta without end', { deltaBytes: MAX_SENT_DELTA_BYTES + 1 }, 'LimitExceeded'],
  ['a file that is a leaf', { file: leaf }, 'BadMessage'],
  ['a base that is a leaf', { base: leaf }, 'BadMessage'],
]

for (const [name, lie, code] of LIES) {
  test(`an answer with ${name} is refused`, () => {
    try {
      decodeDeltaAnswer(encodeDeltaAnswer({ kind: 'delta', ...right, ...lie }))
    } catch (error) {
      assert.ok(isGlasError(error, code as 'BadMessage'), String(error))
      return
    }
    assert.unreachable('it was taken')
  })
}

test('a request that names too much, or what is no file, is refused', () => {
  const asking =
    (bases: (typeof image)[], wanted = image) =>
    () => {
      return decodeDeltaRequest(encodeDeltaRequest({ file: wanted, bases, bytesPerSecond: 0, takesBase: false }))
    }
  assert.is(asking(Array(MAX_NAMED_BASES).fill(image))().bases.length, MAX_NAMED_BASES)
  assert.throws(asking(Array(MAX_NAMED_BASES + 1).fill(image)))
  assert.throws(asking([leaf]))
  assert.throws(asking([], leaf))
})
