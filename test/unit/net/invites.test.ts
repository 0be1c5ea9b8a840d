import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { type GlasError, toGlasError } from '../../../src/glas/errors.ts'
import { newKeyPair } from '../../../src/glas/keys.ts'
import { decodeInviteLine, encodeInviteLine, SECRET_BYTES } from '../../../src/net/invite-line.ts'
import { openInvites } from '../../../src/net/invites.ts'
import { KEEP_INVITE_MS, MAX_INVITE_LINE_CHARS, MAX_INVITES } from '../../../src/net/limits.ts'
import { LossyFiles, seeded } from '../../disk/lossy-files.ts'
import { test } from '../../harness.ts'

const [ann, bob] = [newKeyPair().publicKey, newKeyPair().publicKey]
const HOUR_MS = 3600_000

const errorOf = (work: () => unknown): GlasError | undefined => {
  try {
    work()
    return undefined
  } catch (error) {
    return toGlasError(error)
  }
}
const reasonOf = (work: () => unknown): unknown => errorOf(work)?.data.reason

test('an invitation is the same after it was written and read', () => {
  const address = fc.record({ host: fc.ipV4(), port: fc.nat(65535) }, { noNullPrototype: true })
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
  const lines = fc.record(
    { addresses: fc.array(address, { minLength: 1, maxLength: 6 }), inviter: bytes(32), secret: bytes(SECRET_BYTES) },
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(lines, (line) => {
      const text = encodeInviteLine(line)
      assert.equal(decodeInviteLine(text), line)
      assert.equal(decodeInviteLine(` ${text.slice(0, 20)}\n  ${text.slice(20)}\n`), line)
      assert.ok(text.length <= MAX_INVITE_LINE_CHARS)
    }),
    { seed: 1 },
  )
})

test('the shortest invitation has about a hundred characters', () => {
  const line = { addresses: [{ host: '127.0.0.1', port: 4747 }], inviter: ann, secret: new Uint8Array(SECRET_BYTES) }
  assert.ok(encodeInviteLine(line).length <= 101)
})

test('any other text is no invitation', () => {
  const line = encodeInviteLine({
    addresses: [{ host: '127.0.0.1', port: 4747 }],
    inviter: ann,
    secret: new Uint8Array(SECRET_BYTES),
  })
  const wrong = ['', 'pintglas-', 'hello', line.slice(0, -1), line.slice(1), `${line}A`, line.replace('pintglas-', '')]
  for (const text of wrong) assert.is(errorOf(() => decodeInviteLine(text))?.code, 'InvalidName', text)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
      const code = errorOf(() => decodeInviteLine(`pintglas-${Buffer.from(bytes).toString('base64url')}`))?.code
      assert.ok(code === 'InvalidName' || code === 'UnknownFormat')
    }),
    { seed: 2, numRuns: 500 },
  )
})

test('an invitation is good once: for whoever shows it first, as often as that one asks', async () => {
  const invites = await openInvites(new LossyFiles(), '/invites.cbor')
  const secret = await invites.create({ expiresMs: Date.now() + HOUR_MS, mayInvite: true })
  const invite = invites.find(secret, ann)
  await invites.use(invite, ann)
  assert.is(invites.find(secret, ann), invite)
  assert.is(
    reasonOf(() => invites.find(secret, bob)),
    'used',
  )
  assert.is(invites.open().length, 0)
})

test('of two that show it at the same moment one gets it', async () => {
  const invites = await openInvites(new LossyFiles(), '/invites.cbor')
  const secret = await invites.create({ expiresMs: Date.now() + HOUR_MS, mayInvite: true })
  const invite = invites.find(secret, ann)
  invites.find(secret, bob)
  const results = await Promise.allSettled([invites.use(invite, ann), invites.use(invite, bob)])
  assert.equal(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
})

test('an unknown and an expired invitation say what they are', async () => {
  let nowMs = 1_000_000
  const invites = await openInvites(new LossyFiles(), '/invites.cbor', () => nowMs)
  const secret = await invites.create({ expiresMs: nowMs + HOUR_MS, mayInvite: false })
  assert.is(
    reasonOf(() => invites.find(new Uint8Array(SECRET_BYTES), ann)),
    'unknown',
  )
  nowMs += HOUR_MS
  assert.is(
    reasonOf(() => invites.find(secret, ann)),
    'expired',
  )
  nowMs += KEEP_INVITE_MS
  await invites.create({ expiresMs: nowMs + HOUR_MS, mayInvite: false })
  assert.is(
    reasonOf(() => invites.find(secret, ann)),
    'unknown',
  )
})

test('an invitation that was shown survives a power failure, and so does its use', async () => {
  const files = new LossyFiles()
  const invites = await openInvites(files, '/invites.cbor')
  const secret = await invites.create({
    expiresMs: Date.now() + HOUR_MS,
    mayInvite: true,
    wish: { glasId: 'ab'.repeat(16) },
  })
  const again = await openInvites(files.powerFailure(seeded(1)), '/invites.cbor')
  const invite = again.find(secret, ann)
  assert.equal(invite.wish, { glasId: 'ab'.repeat(16) })
  assert.ok(invite.mayInvite)

  const later = new LossyFiles()
  const third = await openInvites(later, '/invites.cbor')
  const other = await third.create({ expiresMs: Date.now() + HOUR_MS, mayInvite: false })
  const used = third.find(other, ann)
  await third.use(used, ann)
  await third.keepGrant(used, new Uint8Array([1, 2, 3]))
  const fourth = await openInvites(later.powerFailure(seeded(2)), '/invites.cbor')
  assert.is(
    reasonOf(() => fourth.find(other, bob)),
    'used',
  )
  assert.equal(fourth.find(other, ann).grant, new Uint8Array([1, 2, 3]))
})

test('the secret itself is not kept', async () => {
  const files = new LossyFiles()
  const invites = await openInvites(files, '/invites.cbor')
  const secret = await invites.create({ expiresMs: Date.now() + HOUR_MS, mayInvite: true })
  const file = await files.open('/invites.cbor', 'read')
  const bytes = new Uint8Array(await file.sizeBytes())
  await file.read(bytes, 0)
  assert.is(Buffer.from(bytes).indexOf(secret), -1)
})

test('there are only so many invitations; those that are over make room', async () => {
  let nowMs = 1_000_000
  const invites = await openInvites(new LossyFiles(), '/invites.cbor', () => nowMs)
  for (let nth = 0; nth < MAX_INVITES; nth++) await invites.create({ expiresMs: nowMs + nth + 1, mayInvite: false })
  const more = () => invites.create({ expiresMs: nowMs + HOUR_MS, mayInvite: false })
  assert.is(
    await more().then(
      () => undefined,
      (error) => error.code,
    ),
    'LimitExceeded',
  )
  nowMs += 1
  await more()
})
