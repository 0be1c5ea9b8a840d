import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  type Certificate,
  decodeCertificate,
  SWARM_NONCE_BYTES,
  signCertificate,
  signRemoval,
  swarmIdOf,
} from '../../../src/glas/certificate.ts'
import { type KeyPair, keyPairFromSeed, toHex } from '../../../src/glas/keys.ts'
import { MAX_CERTIFICATES, MAX_CHAIN, MAX_UNDECIDED } from '../../../src/net/limits.ts'
import { Membership, type SignedCertificate, type SignedRemoval } from '../../../src/net/membership.ts'
import { signRemovalOf } from '../../../src/net/sign-removal.ts'
import { test } from '../../harness.ts'

const keys = Array.from({ length: 24 }, (_, nth) => keyPairFromSeed(new Uint8Array(32).fill(nth + 1)))
const [founder, ann, bob, cid, dan, eve] = keys as [KeyPair, KeyPair, KeyPair, KeyPair, KeyPair, KeyPair]
const NONCE = new Uint8Array(SWARM_NONCE_BYTES)
const SWARM = swarmIdOf(founder.publicKey, NONCE)

function letIn(issuer: KeyPair, subject: KeyPair, mayInvite = true): SignedCertificate {
  const body: Certificate = {
    swarm: SWARM,
    founder: founder.publicKey,
    nonce: NONCE,
    subject: subject.publicKey,
    owner: subject.publicKey,
    name: `peer ${toHex(subject.publicKey).slice(0, 4)}`,
    mayInvite,
    issuer: issuer.publicKey,
  }
  return signCertificate(body, issuer)
}

const takeOut = (issuer: KeyPair, subject: KeyPair): SignedRemoval =>
  signRemoval({ swarm: SWARM, subject: subject.publicKey, issuer: issuer.publicKey }, issuer)

function membership(certificates: SignedCertificate[], removals: SignedRemoval[] = []): Membership {
  const result = new Membership(letIn(founder, founder).body)
  result.add([letIn(founder, founder), ...certificates], removals)
  return result
}

const membersOf = (of: Membership): string[] =>
  of
    .members()
    .map(({ peerKey }) => keys.findIndex((key) => toHex(key.publicKey) === toHex(peerKey)))
    .sort((a, b) => a - b)
    .map(String)

test('whoever the founder or a member that may invite lets in is a member', () => {
  const swarm = membership([letIn(founder, ann), letIn(ann, bob), letIn(bob, cid, false)])
  assert.equal(membersOf(swarm), ['0', '1', '2', '3'])
  assert.is(swarm.member(cid.publicKey)?.depth, 3)
  assert.is(swarm.chainOf(cid.publicKey).length, 4)
})

test('a member that may not invite lets nobody in', () => {
  const swarm = membership([letIn(founder, ann, false), letIn(ann, bob)])
  assert.equal(membersOf(swarm), ['0', '1'])
})

test('whoever lets itself in, alone or in a ring, is no member', () => {
  const swarm = membership([letIn(eve, eve), letIn(eve, dan), letIn(dan, eve), letIn(dan, ann)])
  assert.equal(membersOf(swarm), ['0'])
})

test('nobody else can make a certificate for the founder that counts', () => {
  const swarm = membership([letIn(founder, ann), letIn(ann, founder, false)])
  assert.ok(swarm.member(founder.publicKey)?.isFounder)
  assert.ok(swarm.member(founder.publicKey)?.mayInvite)
})

test('a chain ends at its longest', () => {
  const chain = keys.slice(1).map((key, nth) => letIn(keys[nth]!, key))
  assert.is(membership(chain).members().length, MAX_CHAIN)
})

test('a removal by the founder is for good', () => {
  const swarm = membership([letIn(founder, ann), letIn(founder, bob)], [takeOut(founder, ann)])
  assert.equal(membersOf(swarm), ['0', '2'])
  swarm.add([letIn(bob, ann)], [])
  assert.not(swarm.isMember(ann.publicKey))
  assert.ok(swarm.wasRemoved(ann.publicKey))
})

test('whoever let a member in can take that back, but not what others gave', () => {
  const both = [letIn(founder, ann), letIn(founder, bob), letIn(ann, cid), letIn(bob, cid)]
  assert.ok(membership(both, [takeOut(ann, cid)]).isMember(cid.publicKey))
  assert.not(membership(both, [takeOut(ann, cid), takeOut(bob, cid)]).isMember(cid.publicKey))
})

test('a member that invites cannot remove others by certifying them first', () => {
  const swarm = membership([letIn(founder, ann), letIn(founder, eve), letIn(eve, ann)], [takeOut(eve, ann)])
  assert.ok(swarm.isMember(ann.publicKey))
})

test('a removal of the founder, or by somebody without a part in it, changes nothing', () => {
  const swarm = membership([letIn(founder, ann), letIn(founder, bob)], [takeOut(ann, founder), takeOut(bob, ann)])
  assert.equal(membersOf(swarm), ['0', '1', '2'])
})

test('a removed inviter lets nobody in any more, and those it had let in stay', () => {
  const swarm = membership([letIn(founder, ann), letIn(ann, bob), letIn(bob, cid)])
  const signed = signRemovalOf(swarm, ann.publicKey, founder)
  swarm.add(signed.certificates, signed.removals)
  swarm.add([letIn(ann, eve)], [])
  assert.equal(membersOf(swarm), ['0', '2', '3'])
})

test('the founder can remove an inviter and everybody that came through it', () => {
  const swarm = membership([letIn(founder, ann), letIn(ann, bob), letIn(bob, cid), letIn(founder, dan)])
  const signed = signRemovalOf(swarm, ann.publicKey, founder, { withInvited: true })
  swarm.add(signed.certificates, signed.removals)
  assert.equal(membersOf(swarm), ['0', '4'])
})

test('only the founder and the one inviter can sign a removal', () => {
  const swarm = membership([
    letIn(founder, ann),
    letIn(founder, bob),
    letIn(ann, cid),
    letIn(ann, dan),
    letIn(bob, dan),
  ])
  assert.throws(() => signRemovalOf(swarm, ann.publicKey, bob), /Only .* can remove/)
  assert.throws(() => signRemovalOf(swarm, dan.publicKey, ann), /Only .* can remove/)
  assert.throws(() => signRemovalOf(swarm, founder.publicKey, ann), /founder cannot be removed/)
  assert.throws(() => signRemovalOf(swarm, eve.publicKey, founder), /no member/)
  assert.is(signRemovalOf(swarm, cid.publicKey, ann).removals.length, 1)
})

test('a forged or changed certificate is not even decoded', () => {
  const { bytes } = letIn(founder, ann)
  for (let at = 0; at < bytes.byteLength; at += 7) {
    const changed = bytes.slice()
    changed[at]! ^= 1
    assert.throws(() => decodeCertificate(changed))
  }
  assert.throws(() => signCertificate({ ...letIn(founder, ann).body }, eve), /no good signature/)
})

test('a certificate of another swarm is refused', () => {
  const nonce = new Uint8Array(SWARM_NONCE_BYTES).fill(9)
  const other = { ...letIn(founder, ann).body, nonce, swarm: swarmIdOf(founder.publicKey, nonce) }
  assert.throws(() => membership([signCertificate(other, founder)]), /another swarm/)
})

/** Any certificates and removals among eight peers, the founder the first of them. */
const acts = fc.array(
  fc.record({ by: fc.nat(7), of: fc.nat(7), kind: fc.constantFrom('invite', 'let in', 'take out') }),
  { maxLength: 24 },
)
type Act = { by: number; of: number; kind: string }

const cache = new Map<string, SignedCertificate | SignedRemoval>()
function signed({ by, of, kind }: Act): SignedCertificate | SignedRemoval {
  const name = `${by} ${of} ${kind}`
  const [issuer, subject] = [keys[by]!, keys[of]!]
  const made =
    cache.get(name) ?? (kind === 'take out' ? takeOut(issuer, subject) : letIn(issuer, subject, kind === 'invite'))
  cache.set(name, made)
  return made
}

function addAll(to: Membership, list: Act[]): void {
  for (const item of list.map(signed)) {
    if ('mayInvite' in item.body) to.add([item as SignedCertificate], [])
    else to.add([], [item as SignedRemoval])
  }
}

test('any order, duplication and grouping of the same certificates and removals gives the same members', () => {
  fc.assert(
    fc.property(acts, fc.infiniteStream(fc.nat(1000)), (list, random) => {
      const shuffled = [...list, ...list.slice(0, 5)].sort(() => random.next().value - 500)
      const one = membership([])
      addAll(one, list)
      const other = membership([])
      addAll(other, shuffled)
      const [all] = [membership([])]
      const items = list.map(signed)
      all.add(
        items.filter((item): item is SignedCertificate => 'mayInvite' in item.body),
        items.filter((item): item is SignedRemoval => !('mayInvite' in item.body)),
      )
      assert.equal(membersOf(one), membersOf(other))
      assert.equal(membersOf(one), membersOf(all))
      assert.equal(
        one.certificates().map(({ id }) => toHex(id)),
        other.certificates().map(({ id }) => toHex(id)),
      )
      assert.equal(
        one.removals().map(({ id }) => toHex(id)),
        all.removals().map(({ id }) => toHex(id)),
      )
    }),
    { seed: 3, numRuns: 300 },
  )
})

test('every member has a chain that proves it to a peer that knows the founder alone', () => {
  fc.assert(
    fc.property(acts, (list) => {
      const swarm = membership([])
      addAll(swarm, list)
      for (const { peerKey } of swarm.members()) {
        assert.ok(membership(swarm.chainOf(peerKey)).isMember(peerKey))
      }
    }),
    { seed: 4, numRuns: 200 },
  )
})

test('what cannot be judged waits in a bounded place, and nothing of it is kept for good', () => {
  const swarm = membership([])
  const strays = keys.slice(2).flatMap((by) => keys.slice(2).map((of) => letIn(by, of)))
  assert.ok(strays.length > MAX_UNDECIDED)
  assert.is(swarm.add(strays, []).certificates.length, 0)
  assert.is(swarm.certificates().length, 1)
  const added = swarm.add([letIn(founder, keys.at(-1)!)], [])
  assert.ok(added.certificates.length <= MAX_UNDECIDED + 1)
})

test('a full swarm refuses more and loses nothing', () => {
  const swarm = membership([])
  const many = Array.from({ length: MAX_CERTIFICATES + 5 }, (_, nth) => ({
    ...letInCached,
    id: new Uint8Array(Buffer.from(String(nth).padStart(32))),
  }))
  const added = swarm.add(many, [])
  assert.is(added.refused, 6)
  assert.is(swarm.certificates().length, MAX_CERTIFICATES)
  assert.ok(swarm.isMember(ann.publicKey))
})
const letInCached = letIn(founder, ann)
