import * as assert from 'uvu/assert'
import { toHex } from '../../../src/glas/keys.ts'
import { MAX_UNGRANTED_PER_OWNER } from '../../../src/index/caps.ts'
import { EntrySet } from '../../../src/index/set.ts'
import { test } from '../../harness.ts'
import { grant, granteeOf, keyOf, ownWriter, recordOf, Writer } from './fixture.ts'

const ann = ownWriter('ann')
const ALL = { lower: '', upper: undefined }

test('an entry is added once, and known from then on', () => {
  const set = new EntrySet()
  const entry = ann.version(1, [0, 0, 1], recordOf('1'))
  assert.is(set.add(entry.bytes, 'a').outcome, 'added')
  assert.is(set.add(entry.bytes, 'b').outcome, 'known')
  assert.equal([set.size, set.refusals.byCode().size], [1, 0])
  assert.ok(set.has(toHex(entry.id)))
})

test('what is kept does not change when the sender’s buffer does', () => {
  const set = new EntrySet()
  const { id, bytes } = ann.version(1, [0, 0, 1], recordOf('1'))
  const buffer = Buffer.from(bytes)
  set.add(buffer, 'a')
  buffer.fill(0)
  assert.equal(set.get(toHex(id))?.bytes, Uint8Array.from(bytes))
})

test('grants and revocations stand before everything that needs them', () => {
  const set = new EntrySet()
  for (const { bytes } of [ann.version(1, [0, 0, 1], recordOf('1')), ann.granted]) set.add(bytes, 'a')
  assert.equal(
    [...set.entries()].map(({ body }) => body.kind),
    ['grant', 'version'],
  )
})

test('entries without a grant are kept up to a quota, which those whose grant arrives leave again', () => {
  const set = new EntrySet()
  const laptop = granteeOf(ann, 'laptop')
  const offered = Array.from({ length: MAX_UNGRANTED_PER_OWNER + 5 }, (_, n) =>
    laptop.version(n, [0, 0, n], recordOf(`${n}`)),
  )
  for (const { bytes } of offered) set.add(bytes, 'flooder')
  assert.is(set.size, MAX_UNGRANTED_PER_OWNER)
  assert.is(set.refusals.bySender().get('flooder')?.get('LimitExceeded'), 5)
  assert.is(set.add(laptop.granted.bytes, 'a').outcome, 'added')
  for (const { bytes } of offered) set.add(bytes, 'a')
  assert.is(set.size, offered.length + 1, 'nothing that was granted is lost for good')
  const restored = new EntrySet()
  for (const { bytes } of [...offered, laptop.granted]) restored.restore(Uint8Array.from(bytes))
  assert.is(restored.size, set.size, 'a journal is read whole, whatever its order')
})

test('a flood of one owner’s glases leaves room for those of another', () => {
  const set = new EntrySet()
  const thief = new Writer(ann.owner, keyOf('thief'), ann.root, ann.granted)
  for (let n = 0; n < MAX_UNGRANTED_PER_OWNER + 1; n++) set.add(thief.retract(n, recordOf(`${n}`)).bytes, 'thief')
  assert.is(set.add(ownWriter('bob').version(1, [0, 0, 1], recordOf('1')).bytes, 'bob').outcome, 'added')
})

test('owners whom nobody here knows share one quota, and their glases are not asked for when it is full', () => {
  const set = new EntrySet((owner) => owner === toHex(ann.owner.publicKey))
  const strangers = ['bob', 'carl', 'dora'].map((name) => ownWriter(name))
  for (const { granted } of strangers) set.add(granted.bytes, 'a')
  for (const writer of strangers) set.add(writer.version(1, [0, 0, 1], recordOf('1')).bytes, 'a')
  assert.equal([set.size, set.unwantedGlases().size], [6, 0], 'far from full')
  const small = new EntrySet((owner) => owner === toHex(ann.owner.publicKey), 4)
  for (const { granted } of strangers) small.add(granted.bytes, 'a')
  const results = strangers.map((writer) => small.add(writer.version(1, [0, 0, 1], recordOf('1')).bytes, 'a').outcome)
  assert.equal(results, ['added', 'refused', 'refused'])
  assert.equal([...small.unwantedGlases()], [strangers[0]?.glasId])
  assert.is(small.add(ann.version(1, [0, 0, 1], recordOf('1')).bytes, 'a').outcome, 'added')
})

test('what was in a set can be put back in any order, and is the same set', () => {
  const set = new EntrySet()
  const laptop = granteeOf(ann, 'laptop')
  const flood = Array.from({ length: 30 }, (_, n) => laptop.tag(n, 'paper', recordOf(`${n}`)))
  for (const { bytes } of [laptop.granted, ...flood]) set.add(bytes, 'a')
  const restored = new EntrySet()
  for (const { bytes } of [...flood].reverse()) restored.restore(Uint8Array.from(bytes))
  restored.restore(laptop.granted.bytes)
  assert.is(restored.size, 17)
  assert.equal(restored.summary(ALL), set.summary(ALL))
})

test('refusals are counted by reason and sender, and new names of senders cost nothing', () => {
  const set = new EntrySet()
  for (let n = 0; n < 1500; n++) set.add(new Uint8Array(3), `sender ${n}`)
  assert.is(set.refusals.byCode().get('BadEntry'), 1500)
  assert.ok(set.refusals.bySender().size <= 1025)
})

test('two grants of one thing are two grants', () => {
  const set = new EntrySet()
  const nonce = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8])
  const peer = keyOf('laptop')
  for (const { bytes } of [grant(ann.owner, peer), grant(ann.owner, peer, { nonce })]) set.add(bytes, 'a')
  assert.is(set.size, 2)
})
