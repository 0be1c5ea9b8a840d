/**
 * The promise that everything else stands on: whatever arrives in whatever order, how often and from whom, every peer
 * that has the same entries sees the same.
 */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { type Entry, signEntry } from '../../../src/glas/entry.ts'
import { sameBytes } from '../../../src/glas/keys.ts'
import { EntrySet } from '../../../src/index/set.ts'
import { View, viewOf } from '../../../src/index/view.ts'
import { test } from '../../harness.ts'
import { grant, granteeOf, keyOf, ownWriter, recordOf, revoke, Writer } from './fixture.ts'
import { snapshotOf } from './snapshot.ts'

const ann = ownWriter('ann')
const laptop = granteeOf(ann, 'laptop')
/** Its grant is for another glas than the one that it writes about. */
const narrow = granteeOf(ann, 'narrow', { glasId: ownWriter('ann', 'other').glasId })
const bob = ownWriter('bob')
/** Writes about ann's glas under bob's grant, and under none. */
const intruder = new Writer(ann.owner, bob.peer, ann.root, bob.granted)
const stranger = new Writer(ann.owner, keyOf('stranger'), ann.root, bob.granted)
const writers = [ann, laptop, narrow, intruder, stranger, bob]

/** Everything that people can write about two versions, two tags and three records, and more. */
function everything(): Entry[] {
  const entries: Entry[] = [ann, laptop, narrow, bob].map(({ granted }) => granted)
  for (const [index, writer] of writers.entries()) {
    for (const sequence of [1, 2]) {
      entries.push(writer.version(sequence, [0, 0, sequence], recordOf(`${sequence}`)))
      entries.push(writer.version(sequence, [0, 0, 2], recordOf(`${index} fork`)))
      entries.push(writer.tag(sequence, 'paper', sequence === 2 && index % 2 === 1 ? null : recordOf(`${sequence}`)))
      entries.push(writer.note(sequence, recordOf('1'), sequence === 2 ? '' : `note of ${index}`))
    }
    entries.push(
      writer.version(3, [0, 1, index], recordOf(`late ${index}`)),
      writer.retract(4, recordOf(`${index} fork`)),
    )
    entries.push(writer.retract(5, recordOf(`late ${index}`)))
  }
  const ofLaptop = entries.filter(({ body }) => 'writer' in body && sameBytes(body.writer, laptop.peer.publicKey))
  const ids = ofLaptop.map(({ id }) => id)
  entries.push(revoke(ann.owner, laptop.granted, ids.slice(0, 3)), revoke(ann.owner, laptop.granted, ids.slice(2, 6)))
  entries.push(revoke(bob.owner, laptop.granted), revoke(bob.owner, ann.granted), revoke(laptop.peer, laptop.granted))
  entries.push(grant(ann.owner, laptop.peer, { nonce: Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 1]) }))
  entries.push(grant(bob.owner, laptop.peer), grant(keyOf('nobody'), keyOf('stranger')))
  entries.push(revoke(bob.owner, bob.granted, []))
  return entries
}

const pool = everything()

function forged({ bytes }: Entry): Uint8Array {
  const wrong = Uint8Array.from(bytes) // `slice` of a Buffer would be the same bytes
  wrong[wrong.length - 1] = (wrong.at(-1) as number) ^ 1
  return wrong
}

class Peer {
  readonly set = new EntrySet()
  readonly view = new View()

  receive(bytes: Uint8Array): void {
    const result = this.set.add(bytes, 'somebody')
    if (result.outcome !== 'added') return
    this.view.include(result.entry)
    for (const entry of result.removed) this.view.exclude(entry)
  }
}

const arrival = fc.record({
  index: fc.nat({ max: pool.length - 1 }),
  isForged: fc.boolean(),
  looksMeanwhile: fc.boolean(),
})

test('any order, duplication and interleaving of any entries gives the same view on every peer', () => {
  fc.assert(
    fc.property(fc.array(arrival, { minLength: 40, maxLength: 160 }), fc.integer(), (arrivals, seed) => {
      const [one, other] = [new Peer(), new Peer()]
      for (const { index, isForged, looksMeanwhile } of arrivals) {
        const entry = pool[index] as Entry
        if (isForged) one.receive(forged(entry))
        one.receive(entry.bytes)
        if (looksMeanwhile) snapshotOf(one.view)
      }
      const shuffled = arrivals.map(({ index }, place) => ({
        entry: pool[index] as Entry,
        place: (place * 7919 + seed) % 104729,
      }))
      for (const { entry } of shuffled.sort((a, b) => a.place - b.place)) other.receive(entry.bytes)
      assert.equal(snapshotOf(one.view), snapshotOf(other.view))
      assert.equal(snapshotOf(one.view), snapshotOf(viewOf(one.set.entries())))
      const everyone = { lower: '', upper: undefined }
      assert.equal(one.set.summary(everyone), other.set.summary(everyone))
    }),
    { seed: 20, numRuns: 120 },
  )
})

test('peers that exchange what they have, in any pairs, end with one view', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat({ max: pool.length - 1 }), fc.nat({ max: 2 })), { maxLength: 90 }),
      (dealt) => {
        const peers = [new Peer(), new Peer(), new Peer()]
        for (const [index, owner] of dealt) peers[owner]?.receive((pool[index] as Entry).bytes)
        for (let round = 0; round < 2; round++) {
          for (const from of peers)
            for (const to of peers) for (const { bytes } of [...from.set.entries()]) to.receive(bytes)
        }
        const [first, ...others] = peers.map(({ view }) => snapshotOf(view))
        for (const view of others) assert.equal(view, first)
      },
    ),
    { seed: 21, numRuns: 60 },
  )
})

test('a writer who says far too much of one thing is cut down to the same entries on every peer', () => {
  const flood = Array.from({ length: 40 }, (_, index) =>
    laptop.version(index % 9, [0, 0, 1], recordOf(`flood ${index}`)),
  )
  const entries = [ann.granted, laptop.granted, ann.version(1, [0, 0, 1], recordOf('1')), ...flood]
  fc.assert(
    fc.property(fc.shuffledSubarray([...entries.keys()], { minLength: entries.length }), (order) => {
      const peer = new Peer()
      for (const index of order) {
        peer.receive((entries[index] as Entry).bytes)
        if (index % 5 === 0) snapshotOf(peer.view)
      }
      assert.is(peer.set.size, 3 + 16)
      const kept = [...peer.set.entries()].map(({ body }) => ('sequence' in body ? body.sequence : 0))
      assert.is(Math.min(...kept.filter((sequence) => sequence > 1)), 5)
      const inOrder = new Peer()
      for (const { bytes } of entries) inOrder.receive(bytes)
      assert.equal(snapshotOf(peer.view), snapshotOf(inOrder.view))
    }),
    { seed: 22, numRuns: 30 },
  )
})

test('an entry for a glas without a grant that fits is gone, or counts for nothing, whichever came first', () => {
  const before = new Peer()
  const wrong = [...[intruder, narrow].map((writer) => writer.version(9, [9, 0, 0], recordOf('9')))]
  for (const { bytes } of [...wrong, bob.granted, narrow.granted, ann.granted]) before.receive(bytes)
  const after = new Peer()
  for (const { bytes } of [bob.granted, narrow.granted, ann.granted, ...wrong]) after.receive(bytes)
  assert.is(before.set.size, 3)
  assert.is(after.set.size, 3)
  assert.is(before.view.glas(ann.glasId), undefined)
  assert.equal(before.set.refusals.bySender(), after.set.refusals.bySender())
  assert.is(after.set.refusals.byCode().get('NotAllowed'), 2)
})

test('entries under a grant that does not fit never push out those under one that does', () => {
  const misfit = grant(ann.owner, laptop.peer, { glasId: ownWriter('ann', 'other').glasId })
  const wrong = new Writer(ann.owner, laptop.peer, ann.root, misfit)
  const flood = Array.from({ length: 20 }, (_, n) => wrong.version(100 + n, [0, 0, 1], recordOf(`wrong ${n}`)))
  const entries = [laptop.granted, laptop.version(1, [0, 0, 1], recordOf('1')), ...flood, misfit]
  for (const order of [entries, [...entries].reverse()]) {
    const peer = new Peer()
    for (const { bytes } of order) peer.receive(bytes)
    assert.is(peer.set.size, 3)
    assert.equal(peer.view.glas(ann.glasId)?.latest?.published[0]?.record, recordOf('1'))
  }
})

test('a second signature of the same body is the same entry', () => {
  const peer = new Peer()
  const { body, bytes } = ann.version(1, [0, 0, 1], recordOf('1'))
  peer.receive(ann.granted.bytes)
  peer.receive(bytes)
  peer.receive(signEntry(body, ann.peer).bytes)
  assert.is(peer.set.size, 2)
})
