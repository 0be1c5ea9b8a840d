/** What a member of the swarm may try with entries: each try is refused and counted, or kept and counts for nothing. */
import { encode } from '@ipld/dag-cbor'
import * as assert from 'uvu/assert'
import { decodeEntry, type Entry } from '../../src/glas/entry.ts'
import { glasIdBytes } from '../../src/glas/glas-id.ts'
import { type KeyPair, signBytes } from '../../src/glas/keys.ts'
import { type Index, openIndex } from '../../src/index/names.ts'
import { temporaryFolder } from '../disk/fixture.ts'
import { type TestContext, test } from '../harness.ts'
import { grantBody, granteeOf, keyOf, ownWriter, recordOf, Writer } from '../unit/index/fixture.ts'
import { snapshotOf } from '../unit/index/snapshot.ts'

const ann = ownWriter('ann')
const mallory = ownWriter('mallory')
const VICTIM = [ann.granted, ann.version(1, [0, 0, 1], recordOf('1')), ann.tag(2, 'paper', recordOf('1'))]

async function victim(t: TestContext): Promise<Index> {
  const index = await openIndex(await temporaryFolder(t))
  t.after(() => index.close())
  await index.add(
    VICTIM.map(({ bytes }) => bytes),
    'here',
  )
  return index
}

/** Signs any map, as only an attacker does. */
function sealed(map: Record<string, unknown>, signer: KeyPair): Uint8Array {
  const unsigned = encode({ format: 1, ...map })
  return encode([unsigned, signBytes(signer, 'entry', unsigned)])
}

function mapOf(entry: Entry): Record<string, unknown> {
  const { body } = entry
  if (body.kind !== 'retract') throw new Error('made for retractions')
  const { kind, root, owner, sequence, writer, grant } = body
  return { kind, root, owner, sequence, writer, grant, glas: glasIdBytes(body.glasId), record: body.record.bytes }
}

function withLastByteChanged({ bytes }: Entry): Uint8Array {
  const wrong = Uint8Array.from(bytes)
  wrong[wrong.length - 1] = (wrong.at(-1) as number) ^ 1
  return wrong
}

const retraction = ann.retract(9, recordOf('1'))
const map = mapOf(retraction)

const REFUSED: [what: string, code: string, bytes: Uint8Array][] = [
  ['a forged signature', 'BadSignature', withLastByteChanged(retraction)],
  ['an entry in the name of a writer whose key it is not', 'BadSignature', sealed(map, mallory.peer)],
  ['a grant in the name of an owner whose key it is not', 'BadSignature', forgedGrant()],
  ['an entry larger than any may be', 'LimitExceeded', sealed({ ...map, extra: 'x'.repeat(2048) }, ann.peer)],
  ['an ill-typed field', 'BadEntry', sealed({ ...map, sequence: '1' }, ann.peer)],
  ['a negative sequence', 'BadEntry', sealed({ ...map, sequence: -1 }, ann.peer)],
  ['an unknown kind', 'BadEntry', sealed({ ...map, kind: 'destroy' }, ann.peer)],
  ['a CID of another kind as record', 'BadEntry', sealed({ ...map, record: new Uint8Array(36) }, ann.peer)],
  [
    'somebody else’s glas-id under one’s own key',
    'BadEntry',
    sealed({ ...map, owner: mallory.owner.publicKey }, ann.peer),
  ],
  ['a glas-id of one’s choice', 'BadEntry', sealed({ ...map, glas: new Uint8Array(16) }, ann.peer)],
  ['a format of the future', 'UnknownFormat', sealed({ ...map, format: 2 }, ann.peer)],
  ['bytes behind the entry', 'BadEntry', Buffer.concat([retraction.bytes, new Uint8Array(1)])],
  [
    'another spelling of the same entry',
    'BadEntry',
    Buffer.concat([Uint8Array.from([0x98, 2]), retraction.bytes.subarray(1)]),
  ],
  ['no entry at all', 'BadEntry', Buffer.from('hello')],
  ['nothing', 'BadEntry', new Uint8Array()],
  [
    'ann’s glas under mallory’s own grant',
    'NotAllowed',
    new Writer(ann.owner, mallory.peer, ann.root, mallory.granted).retract(9, recordOf('1')).bytes,
  ],
  [
    'ann’s glas under ann’s grant for another peer',
    'NotAllowed',
    new Writer(ann.owner, mallory.peer, ann.root, ann.granted).retract(9, recordOf('1')).bytes,
  ],
  ['an entry under an entry that is no grant', 'NotAllowed', sealed({ ...map, grant: VICTIM[1]?.id }, ann.peer)],
]

function forgedGrant(): Uint8Array {
  const { owner, grantee, own, nonce } = grantBody(ann.owner, mallory.peer)
  return sealed({ kind: 'grant', owner, grantee, glas: null, own, nonce }, mallory.owner)
}

for (const [what, code, bytes] of REFUSED) {
  test(`refused and counted: ${what}`, async (t) => {
    const index = await victim(t)
    await index.add([mallory.granted.bytes], 'mallory')
    const before = snapshotOf(index.view)
    const [result] = await index.add([bytes], 'mallory')
    assert.is(result?.outcome, 'refused')
    assert.is(result?.outcome === 'refused' && result.code, code)
    assert.is(index.set.refusals.bySender().get('mallory')?.get(code), 1)
    assert.equal(snapshotOf(index.view), before)
  })
}

test('kept and without effect: entries for ann’s glas under grants that nobody ever saw', async (t) => {
  const index = await victim(t)
  const before = snapshotOf(index.view)
  const unknown = granteeOf(mallory, 'nobody').granted
  const thief = new Writer(ann.owner, mallory.peer, ann.root, unknown)
  const tries = [
    thief.version(Number.MAX_SAFE_INTEGER, [0, 0, 1], recordOf('evil')),
    thief.version(Number.MAX_SAFE_INTEGER, [9, 9, 9], recordOf('evil')),
    thief.tag(Number.MAX_SAFE_INTEGER, 'paper', recordOf('evil')),
    thief.retract(Number.MAX_SAFE_INTEGER, recordOf('1')),
  ]
  await index.add(
    tries.map(({ bytes }) => bytes),
    'mallory',
  )
  assert.equal(snapshotOf(index.view), before)
  await index.add([unknown.bytes], 'mallory')
  assert.equal(snapshotOf(index.view), {
    ...(snapshotOf(index.view) as object),
    glases: (before as { glases: unknown }).glases,
  })
  assert.is(index.set.size, VICTIM.length + 1, 'gone once it is known what they stood on')
})

test('a flood of one member neither fills the memory nor keeps out what others bring', async (t) => {
  const index = await victim(t)
  const flood = Array.from({ length: 600 }, (_, n) => {
    const thief = keyOf(`thief ${n}`)
    return new Writer(ann.owner, thief, ann.root, granteeOf(mallory, 'nobody').granted).retract(n, recordOf(`${n}`))
      .bytes
  })
  await index.add(flood, 'mallory')
  assert.ok(index.set.size <= VICTIM.length + 256)
  const laptop = granteeOf(ann, 'laptop')
  const late = laptop.version(7, [0, 0, 2], recordOf('2')).bytes
  assert.is((await index.add([late], 'laptop'))[0]?.outcome, 'refused', 'its grant is not here, and the place is taken')
  const [, again] = await index.add([laptop.granted.bytes, late], 'laptop')
  assert.is(again?.outcome, 'added', 'with its grant it comes in')
})

test('an entry that was signed well is an entry, whoever brings it', () => {
  assert.equal(decodeEntry(retraction.bytes).id, retraction.id)
})
