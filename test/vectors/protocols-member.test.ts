import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { encodeCanonical } from '../../src/glas/canonical.ts'
import { toHex } from '../../src/glas/keys.ts'
import { decodeGossip } from '../../src/net/gossip.ts'
import {
  decodePage,
  decodeProof,
  decodeVerdict,
  encodePage,
  encodeProof,
  encodeVerdict,
  pagesOf,
} from '../../src/net/hello-messages.ts'
import { decodeInviteLine, encodeInviteLine } from '../../src/net/invite-line.ts'
import { decodeAnswer, decodeRequest, encodeAnswer, encodeRequest } from '../../src/net/join.ts'
import { HELLO_LIMITS, HELLO_PAGE_ITEMS } from '../../src/net/limits.ts'
import { test } from '../harness.ts'

const KEY = new Uint8Array(32).fill(7)
const KEY_HEX = `5820${'07'.repeat(32)}`
const SECRET = new Uint8Array(16).fill(9)
const ADDRESS = { host: '10.0.0.1', port: 4747 }
const MEMBERS = [{ peerKey: KEY, addresses: [ADDRESS] }]
const MEMBERS_HEX = `676d656d626572738182${KEY_HEX}816d31302e302e302e313a34373437`
const bytes = (...values: number[]) => new Uint8Array(values)

test('the messages of a hello are the bytes that the documents show', () => {
  const proof = { swarm: 'ab'.repeat(32), chain: [bytes(1), bytes(2, 3)], digest: new Uint8Array(32).fill(4) }
  const swarm = Buffer.from(proof.swarm).toString('hex')
  const proofHex = `a365636861696e82410142020365737761726d7840${swarm}666469676573745820${'04'.repeat(32)}`
  assert.is(toHex(encodeProof(proof)), proofHex)
  assert.equal(decodeProof(encodeProof(proof)), proof)

  assert.is(toHex(encodeVerdict({ isMember: true })), 'a1666d656d626572f5')
  const removed = { isMember: false, reason: 'removed', removals: [bytes(5)] } as const
  const removedHex = 'a3666d656d626572f466726561736f6e6772656d6f7665646872656d6f76616c73814105'
  assert.is(toHex(encodeVerdict({ ...removed, removals: [bytes(5)] })), removedHex)
  assert.equal(decodeVerdict(Buffer.from(removedHex, 'hex')), removed)

  const page = { certificates: [bytes(1)], removals: [bytes(5)], members: MEMBERS, more: false }
  const pageHex = `a4646d6f7265f4${MEMBERS_HEX}6872656d6f76616c738141056c636572746966696361746573814101`
  assert.is(toHex(encodePage(page)), pageHex)
  assert.equal(decodePage(encodePage(page)), page)
})

test('the messages of a join are the bytes that the documents show', () => {
  const request = { secret: SECRET, owner: KEY, name: 'laptop' }
  const requestHex = `a3646e616d65666c6170746f70656f776e6572${KEY_HEX}6673656372657450${'09'.repeat(16)}`
  assert.is(toHex(encodeRequest(request)), requestHex)
  assert.equal(decodeRequest(encodeRequest(request)), request)

  const answer = { chain: [bytes(1)], certificates: [bytes(2)], grants: [bytes(6)], members: MEMBERS }
  const answerHex = `a465636861696e814101666772616e7473814106${MEMBERS_HEX}6c636572746966696361746573814102`
  assert.is(toHex(encodeAnswer(answer)), answerHex)
  assert.equal(decodeAnswer(encodeAnswer(answer)), answer)
})

test('an invitation is the text that the documents show', () => {
  const line = 'pintglas-hAFYIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHUAkJCQkJCQkJCQkJCQkJCQltMTAuMC4wLjE6NDc0Nw'
  assert.is(encodeInviteLine({ addresses: [ADDRESS], inviter: KEY, secret: SECRET }), line)
  assert.equal(decodeInviteLine(line), { addresses: [ADDRESS], inviter: KEY, secret: SECRET })
})

test('a gossip message is the bytes that the documents show', () => {
  const message = encodeCanonical({ kind: 'entry', bytes: bytes(1, 2) })
  assert.is(toHex(message), 'a2646b696e6465656e747279656279746573420102')
  assert.equal(decodeGossip(message), { kind: 'entry', bytes: bytes(1, 2) })
})

test('pages hold everything once, in order, and each fits in a message', () => {
  const certificates = fc.array(fc.constant(new Uint8Array(1024)), { maxLength: 100 })
  const longest = { host: `${'a.'.repeat(126)}a`, port: 65535 }
  const members = fc.array(fc.constant({ peerKey: KEY, addresses: Array.from({ length: 8 }, () => longest) }), {
    maxLength: 100,
  })
  fc.assert(
    fc.property(certificates, certificates, members, (some, removals, known) => {
      const pages = pagesOf({ certificates: some, removals }, known)
      assert.equal(
        pages.flatMap((page) => page.certificates),
        some,
      )
      assert.equal(
        pages.flatMap((page) => page.removals),
        removals,
      )
      assert.is(pages.flatMap((page) => page.members).length, known.length)
      assert.equal(
        pages.map(({ more }) => more),
        pages.map((_, nth) => nth < pages.length - 1),
      )
      for (const page of pages) {
        assert.ok(page.certificates.length + page.removals.length + page.members.length <= HELLO_PAGE_ITEMS)
        assert.ok(encodePage(page).byteLength <= HELLO_LIMITS.maxMessageBytes)
      }
    }),
    { seed: 1, numRuns: 20 },
  )
})
