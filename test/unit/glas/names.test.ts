/** The small nouns: versions, ids, tags, keys and references. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { isGlasError } from '../../../src/glas/errors.ts'
import { glasIdOf, parseGlasId } from '../../../src/glas/glas-id.ts'
import { cidOf, DAG_CBOR_CODEC, RAW_CODEC, recordCidOf } from '../../../src/glas/hash.ts'
import {
  depthOf,
  imageIdHash,
  isAncestor,
  newImageId,
  nextImageId,
  parseImageId,
  rootOf,
} from '../../../src/glas/image-id.ts'
import { keyPairFromSeed, newKeyPair, peerIdText, peerKeyOf, toHex } from '../../../src/glas/keys.ts'
import { isFullGlasId, mayBePrefix, parseReference, type Selector } from '../../../src/glas/reference.ts'
import { isTag, parseTag } from '../../../src/glas/tag.ts'
import { compareVersions, nextVersion, parseVersion, type Version, versionText } from '../../../src/glas/version.ts'
import { test } from '../../harness.ts'

const part = fc.nat({ max: 2 ** 31 - 1 })
const version = fc.tuple(part, part, part)
const hex = (chars: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${chars}}$`))
const isInvalidName = (error: unknown) => isGlasError(error, 'InvalidName')
const isInvalidReference = (error: unknown) => isGlasError(error, 'InvalidReference')

test('a version is read back from its text, and ordered by its numbers', () => {
  fc.assert(
    fc.property(version, version, (a, b) => {
      assert.equal(parseVersion(versionText(a)), a)
      const [x, y] = [a, b].map((parts) => parts.map((n) => String(n).padStart(10, '0')).join()) as [string, string]
      assert.is(Math.sign(compareVersions(a, b)), x < y ? -1 : Number(x > y))
    }),
    { seed: 1 },
  )
})

test('what is no version is refused: other numbers of parts, leading zeros, signs, numbers too large', () => {
  for (const text of ['', '1', '1.2', '1.2.3.4', '01.2.3', '1.2.-3', '1.2.3 ', 'v1.2.3', '1.2.2147483648', '٠.٠.١']) {
    assert.throws(() => parseVersion(text), isInvalidName)
  }
})

test('the first version is 0.0.1, and each step resets what is below it', () => {
  const next = (highest: Version | undefined, step: 'patch' | 'minor' | 'major') =>
    versionText(nextVersion(highest, step))
  assert.equal(
    [next(undefined, 'patch'), next(undefined, 'minor'), next(undefined, 'major')],
    ['0.0.1', '0.1.0', '1.0.0'],
  )
  assert.equal(
    [next([1, 2, 3], 'patch'), next([1, 2, 3], 'minor'), next([1, 2, 3], 'major')],
    ['1.2.4', '1.3.0', '2.0.0'],
  )
})

test('a glas-id follows from owner and root: another owner or root gives another one', () => {
  const [ann, bob] = [newKeyPair(), newKeyPair()].map(({ publicKey }) => publicKey) as [Uint8Array, Uint8Array]
  const root = newImageId()
  assert.is(glasIdOf(ann, root), glasIdOf(Uint8Array.from(ann), root))
  assert.is(new Set([glasIdOf(ann, root), glasIdOf(bob, root), glasIdOf(ann, newImageId())]).size, 3)
  assert.is(parseGlasId(glasIdOf(ann, root)).length, 32)
  for (const text of ['', 'a'.repeat(31), 'a'.repeat(33), 'A'.repeat(32), 'g'.repeat(32)]) {
    assert.throws(() => parseGlasId(text), isInvalidName)
  }
})

test('an image-id grows by one segment with every snapshot, and its beginnings are its ancestors', () => {
  const root = newImageId()
  const child = nextImageId(root)
  const grandchild = nextImageId(child)
  assert.equal([depthOf(root), depthOf(child), depthOf(grandchild)], [0, 1, 2])
  assert.ok(isAncestor(root, child) && isAncestor(root, grandchild) && isAncestor(child, grandchild))
  assert.not(isAncestor(child, child) || isAncestor(grandchild, child) || isAncestor(child, `${child}0`))
  assert.is(rootOf(grandchild), root)
  assert.is(toHex(imageIdHash(root)).length, 64)
})

test('what is no image-id is refused', () => {
  const root = newImageId()
  for (const text of [
    '',
    root.slice(1),
    root.toUpperCase().replace(/^./, 'A'),
    `${root}-`,
    `${root}-abc`,
    `${root}-abcde`,
    `${root}_abcd`,
  ]) {
    assert.throws(() => parseImageId(text), isInvalidName)
  }
  assert.ok(parseImageId(root + '-abcd'.repeat(10_000)))
  assert.throws(
    () => parseImageId(root + '-abcd'.repeat(10_001)),
    (error: unknown) => isGlasError(error, 'LimitExceeded'),
  )
})

test('a tag begins with a letter and looks like nothing that may stand in its place', () => {
  for (const tag of ['a', 'paper', 'v1', 'v1.0', 'x_y-z', 'A'.repeat(64)]) assert.is(parseTag(tag), tag)
  const cid = String(cidOf(DAG_CBOR_CODEC, new Uint8Array()))
  for (const text of ['', 'latest', '1.2.3', '1', '-a', '.a', 'a b', 'a/b', 'a@b', 'ü', 'A'.repeat(65), 'a\n', cid]) {
    assert.not(isTag(text), text)
    assert.throws(() => parseTag(text), isInvalidName)
  }
})

test('a key pair follows from its seed, and a peer id is the text of a peer key', () => {
  const pair = newKeyPair()
  assert.equal(keyPairFromSeed(pair.seed).publicKey, pair.publicKey)
  assert.match(peerIdText(pair.publicKey), /^12D3Koo/)
  assert.equal(Uint8Array.from(peerKeyOf(peerIdText(pair.publicKey))), pair.publicKey)
  for (const text of ['', 'nonsense', '0OIl', peerIdText(pair.publicKey).slice(1), `${peerIdText(pair.publicKey)}1`]) {
    assert.throws(() => peerKeyOf(text), isInvalidName)
  }
  assert.throws(
    () => keyPairFromSeed(new Uint8Array(31)),
    (error: unknown) => isGlasError(error, 'BadKey'),
  )
})

test('a record has one spelling of its CID, and no other kind of CID is taken for one', () => {
  const cid = cidOf(DAG_CBOR_CODEC, Buffer.from('x'))
  assert.equal(recordCidOf(cid.bytes), cid)
  assert.is(recordCidOf(cidOf(RAW_CODEC, Buffer.from('x')).bytes), undefined)
  assert.is(recordCidOf(cid.bytes.subarray(1)), undefined)
  assert.is(recordCidOf(Buffer.concat([cid.bytes, new Uint8Array(1)])), undefined)
  const longVarint = Buffer.concat([Uint8Array.from([0x81, 0x00]), cid.bytes.subarray(1)])
  assert.is(recordCidOf(longVarint), undefined)
})

test('a reference is a name and what it selects; without a selector it means the latest', () => {
  const record = cidOf(DAG_CBOR_CODEC, Buffer.from('x'))
  const cases: [string, string, Selector][] = [
    ['ants', 'ants', { kind: 'latest' }],
    ['ants@latest', 'ants', { kind: 'latest' }],
    ['ants@0.0.7', 'ants', { kind: 'version', version: [0, 0, 7] }],
    ['ants@paper', 'ants', { kind: 'tag', tag: 'paper' }],
    [`ants@${record}`, 'ants', { kind: 'record', record }],
    ['my model (2)@paper', 'my model (2)', { kind: 'tag', tag: 'paper' }],
    ['a@b@latest', 'a@b', { kind: 'latest' }],
  ]
  for (const [text, name, selector] of cases) assert.equal(parseReference(text), { name, selector })
})

test('what names no version is refused, and says how to write one', () => {
  const block = cidOf(RAW_CODEC, Buffer.from('x'))
  for (const text of [
    '',
    '@',
    'ants@',
    '@latest',
    'ants@0.0.',
    'ants@a b',
    'ants@1',
    `ants@${block}`,
    'a\0b',
    'x'.repeat(241),
  ]) {
    assert.throws(() => parseReference(text), isInvalidReference)
  }
  assert.throws(() => parseReference('ants@?'), /Write name, name@0.0.7/)
})

test('any text is a reference or InvalidReference or InvalidName, and a name is never changed', () => {
  const selector = fc.oneof(fc.string(), version.map(versionText), fc.constantFrom('latest', 'paper'))
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), selector, (name, select) => {
      try {
        const text = `${name}@${select}`
        const parsed = parseReference(text)
        assert.ok(text.startsWith(`${parsed.name}@`))
      } catch (error) {
        assert.ok(isInvalidReference(error) || isInvalidName(error), String(error))
      }
    }),
    { seed: 2, numRuns: 2000 },
  )
})

test('a full glas-id is told from the beginning of one, and a short one is a name alone', () => {
  fc.assert(
    fc.property(hex(32), fc.integer({ min: 0, max: 31 }), (id, length) => {
      assert.ok(isFullGlasId(parseReference(id)))
      assert.not(mayBePrefix(id))
      assert.is(mayBePrefix(id.slice(0, length)), length >= 4)
    }),
    { seed: 3 },
  )
  assert.not(mayBePrefix('ABCD') || mayBePrefix('ants'))
})
