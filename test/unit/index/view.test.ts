import * as assert from 'uvu/assert'
import type { Entry } from '../../../src/glas/entry.ts'
import { imageIdHash } from '../../../src/glas/image-id.ts'
import { toHex } from '../../../src/glas/keys.ts'
import { versionText } from '../../../src/glas/version.ts'
import type { GlasView } from '../../../src/index/glas-view.ts'
import { viewOf } from '../../../src/index/view.ts'
import { test } from '../../harness.ts'
import { grant, granteeOf, keyOf, ownWriter, recordOf, revoke, Writer } from './fixture.ts'

const ann = ownWriter('ann')
const laptop = granteeOf(ann, 'laptop')
const [one, two, three] = [recordOf('1'), recordOf('2'), recordOf('3')]

function glasOf(entries: Entry[]): GlasView {
  const view = viewOf([ann.granted, laptop.granted, ...entries]).glas(ann.glasId)
  assert.ok(view)
  return view as GlasView
}

function recordsOf(glas: GlasView, version: [number, number, number]): string[] {
  return (glas.version(version)?.published ?? []).map(({ record }) => String(record))
}

test('the latest version is the highest one that is not retracted, by number and not by sequence', () => {
  const entries = [ann.version(1, [0, 10, 0], one), ann.version(2, [0, 9, 0], two), ann.version(3, [0, 11, 0], three)]
  assert.is(versionText(glasOf(entries).latest?.version ?? [0, 0, 0]), '0.11.0')
  const retracted = glasOf([...entries, ann.retract(4, three)])
  assert.is(versionText(retracted.latest?.version ?? [0, 0, 0]), '0.10.0')
  assert.equal(retracted.highest, [0, 11, 0], 'the number of a retracted version is not used again')
  assert.ok(retracted.version([0, 11, 0])?.isRetracted)
})

test('a retraction before the version that it names works as well', () => {
  assert.is(glasOf([ann.retract(9, one), ann.version(1, [0, 0, 1], one)]).latest, undefined)
})

test('in a fork the owner’s own home comes before a grantee, then the higher sequence, then the higher id', () => {
  const fork = glasOf([laptop.version(9, [0, 0, 1], two), ann.version(1, [0, 0, 1], one)])
  assert.equal(recordsOf(fork, [0, 0, 1]), [String(one), String(two)])
  assert.ok(fork.latest?.isFork)
  const bySequence = glasOf([laptop.version(1, [0, 0, 1], one), laptop.version(2, [0, 0, 1], two)])
  assert.equal(recordsOf(bySequence, [0, 0, 1]), [String(two), String(one)])
  const [a, b] = [laptop.version(1, [0, 0, 1], one), laptop.version(1, [0, 0, 1], two)]
  const higher = toHex(a.id) > toHex(b.id) ? one : two
  assert.is(recordsOf(glasOf([a, b]), [0, 0, 1])[0], String(higher))
})

test('a fork of which one side is retracted is none, and the other side stands', () => {
  const glas = glasOf([laptop.version(9, [0, 0, 1], two), ann.version(1, [0, 0, 1], one), laptop.retract(10, one)])
  assert.not(glas.latest?.isFork)
  assert.equal(recordsOf(glas, [0, 0, 1]), [String(two), String(one)])
})

test('one record published twice under a version is no fork', () => {
  const glas = glasOf([laptop.version(9, [0, 0, 1], one), ann.version(1, [0, 0, 1], one)])
  assert.not(glas.latest?.isFork)
  assert.is(glas.latest?.published.length, 1)
})

test('of tags and notes the one with the higher sequence holds, the owner’s own where they are equal', () => {
  const versions = [ann.version(1, [0, 0, 1], one), ann.version(2, [0, 0, 2], two)]
  const glas = glasOf([...versions, ann.tag(3, 'paper', one), laptop.tag(4, 'paper', two), laptop.tag(3, 'draft', two)])
  assert.equal(glas.tag('paper'), two)
  const equal = glasOf([...versions, laptop.tag(3, 'paper', two), ann.tag(3, 'paper', one)])
  assert.equal(equal.tag('paper'), one)
  const noted = glasOf([...versions, ann.note(3, one, 'first'), laptop.note(4, one, 'second')])
  assert.is(noted.byRecord(one)?.note, 'second')
})

test('a tag is taken away by a later one without a record, a note by a later empty one', () => {
  const entries = [ann.version(1, [0, 0, 1], one), ann.tag(2, 'paper', one), ann.note(2, one, 'hm')]
  const glas = glasOf([...entries, ann.tag(3, 'paper', null), ann.note(3, one, '')])
  assert.is(glas.tag('paper'), undefined)
  assert.is(glas.tags().size, 0)
  assert.is(glas.byRecord(one)?.note, '')
})

test('a version does not count without its grant, and counts as soon as the grant is there', () => {
  const entry = laptop.version(1, [0, 0, 1], one)
  const view = viewOf([entry])
  assert.is(view.glas(ann.glasId), undefined)
  view.include(laptop.granted)
  assert.ok(view.glas(ann.glasId))
})

test('a grant counts only for its owner’s glases, for its grantee, and for the glas that it names', () => {
  const bob = ownWriter('bob')
  const other = ownWriter('ann', 'other')
  const forOther = new Writer(ann.owner, laptop.peer, ann.root, grant(ann.owner, laptop.peer, { glasId: other.glasId }))
  const ofBob = new Writer(ann.owner, bob.peer, ann.root, bob.granted)
  const borrowed = new Writer(ann.owner, keyOf('thief'), ann.root, laptop.granted)
  for (const writer of [forOther, ofBob, borrowed]) {
    const view = viewOf([ann.granted, laptop.granted, writer.granted, writer.version(1, [0, 0, 1], one)])
    assert.is(view.glas(ann.glasId), undefined)
  }
})

test('a revocation ends a grant but for the entries that it keeps, all revocations together', () => {
  const entries = [1, 2, 3].map((n) => laptop.version(n, [0, 0, n], recordOf(`${n}`))) as [Entry, Entry, Entry]
  const view = viewOf([laptop.granted, ...entries])
  assert.equal(view.countedUnder(toHex(laptop.granted.id)).length, 3)
  view.include(revoke(ann.owner, laptop.granted, [entries[0].id]))
  view.include(revoke(ann.owner, laptop.granted, [entries[2].id]))
  const versions = view
    .glas(ann.glasId)
    ?.versions()
    .map(({ version }) => versionText(version))
  assert.equal(versions, ['0.0.1', '0.0.3'])
  assert.is(view.nextSequence(ann.glasId), 4)
})

test('nobody but the owner can revoke a grant', () => {
  const bob = ownWriter('bob')
  const view = viewOf([laptop.granted, laptop.version(1, [0, 0, 1], one)])
  for (const key of [bob.owner, laptop.peer]) view.include(revoke(key, laptop.granted))
  assert.ok(view.glas(ann.glasId))
})

test('the grant to publish under is one that holds, fits, and is the own home’s if there is one', () => {
  const narrow = grant(ann.owner, laptop.peer, { glasId: ownWriter('ann', 'other').glasId })
  const view = viewOf([laptop.granted, narrow])
  const { publicKey } = laptop.peer
  assert.is(view.grants.usable(publicKey, ann.owner.publicKey, ann.glasId)?.id, toHex(laptop.granted.id))
  view.include(revoke(ann.owner, laptop.granted))
  assert.is(view.grants.usable(publicKey, ann.owner.publicKey, ann.glasId), undefined)
  assert.is(view.grants.usable(keyOf('x').publicKey, ann.owner.publicKey, ann.glasId), undefined)
})

test('the next sequence follows the highest that counts, so that nobody without a grant can use it up', () => {
  const thief = new Writer(ann.owner, keyOf('thief'), ann.root, laptop.granted)
  const view = viewOf([ann.granted, laptop.granted, ann.version(7, [0, 0, 1], one), ann.tag(9, 'paper', one)])
  view.include(thief.version(Number.MAX_SAFE_INTEGER, [0, 0, 1], two))
  assert.is(view.nextSequence(ann.glasId), 10)
  assert.is(view.nextSequence('0'.repeat(32)), 1)
})

test('the nearest ancestor of an image is the published one with the longest beginning of its image-id', () => {
  const at = (imageId: string) => ({ imageIdHash: imageIdHash(imageId), imageIdDepth: (imageId.length - 40) / 5 })
  const { root } = ann
  const glas = glasOf([
    ann.version(1, [0, 0, 1], one, at(root)),
    ann.version(2, [0, 0, 2], two, at(`${root}-aaaa-bbbb`)),
    ann.version(3, [0, 0, 3], three, at(`${root}-aaaa-cccc-dddd`)),
  ])
  assert.equal(glas.nearestAncestor(`${root}-aaaa-bbbb-eeee-ffff`)?.record, two)
  assert.equal(glas.nearestAncestor(`${root}-aaaa`)?.record, one)
  assert.is(glas.nearestAncestor(root), undefined, 'an image is not its own ancestor')
})

test('10,000 versions are taken in one by one, looked at each time, in two seconds of processor time', () => {
  const bodies = Array.from({ length: 10_000 }, (_, n) => ann.versionBody(n, [0, n % 100, n], recordOf(`${n}`)))
  const view = viewOf([ann.granted])
  const before = process.cpuUsage()
  for (const [n, body] of bodies.entries()) {
    const id = new Uint8Array(32)
    new DataView(id.buffer).setUint32(0, n)
    view.include({ body, id, bytes: id })
    if (view.glas(ann.glasId)?.latest === undefined) assert.unreachable('there must be a latest version')
  }
  assert.is(view.glas(ann.glasId)?.versions().length, 10_000)
  const tookMs = process.cpuUsage(before).user / 1000
  assert.ok(tookMs < 2000, `took ${tookMs} ms`)
})
