import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { realFiles } from '../../../src/disk/files.ts'
import { signCertificate } from '../../../src/glas/certificate.ts'
import { newKeyPair } from '../../../src/glas/keys.ts'
import { type HomeIdentity, type HomeSwarm, openHomeSwarm } from '../../../src/net/home-swarm.ts'
import { LossyFiles, PowerOff, seeded } from '../../disk/lossy-files.ts'
import { test } from '../../harness.ts'
import { newFolder } from '../../home-peer.ts'
import { codeOf } from '../../loopback.ts'

function newIdentity(name: string): HomeIdentity {
  const peer = newKeyPair()
  return { peer, owner: newKeyPair().publicKey, name }
}

const open = (identity: HomeIdentity, files = new LossyFiles()) => openHomeSwarm(files, '/swarm.cbor', identity)
const namesOf = (swarm: HomeSwarm) => swarm.membership.members().map(({ name }) => name)

test('a new home founds a swarm of its own and finds it again', async (t) => {
  const path = join(newFolder(t), 'swarm.cbor')
  const identity = newIdentity('laptop')
  const first = await openHomeSwarm(realFiles, path, identity)
  const again = await openHomeSwarm(realFiles, path, identity)
  assert.is(again.membership.swarm, first.membership.swarm)
  assert.equal(namesOf(again), ['laptop'])
  assert.not(again.hasOthers())
  assert.is(statSync(path).mode & 0o777, 0o600)
})

test('two homes found two swarms', async () => {
  const [one, other] = [await open(newIdentity('one')), await open(newIdentity('other'))]
  assert.is.not(one.membership.swarm, other.membership.swarm)
})

test('a damaged file is an error that says what to do, and is left alone', async (t) => {
  const path = join(newFolder(t), 'swarm.cbor')
  for (const bytes of ['', 'rubbish', Buffer.from('a0', 'hex')]) {
    writeFileSync(path, bytes)
    try {
      await openHomeSwarm(realFiles, path, newIdentity('laptop'))
      assert.unreachable()
    } catch (error) {
      assert.match(String(error), /is damaged .* Move it away/)
    }
  }
})

test('a home goes over to the swarm that lets it in', async () => {
  const founder = await open(newIdentity('founder'))
  const files = new LossyFiles()
  const identity = newIdentity('joiner')
  const joiner = await open(identity, files)
  const certificate = await founder.issue(identity.peer.publicKey, identity.owner, 'joiner', false)
  let adopted = 0
  joiner.on('adopted', () => adopted++)
  const chain = founder.membership.chainOf(identity.peer.publicKey).map(({ bytes }) => bytes)
  await joiner.adopt(chain, founder.news())
  await joiner.adopt(chain, founder.news())
  assert.is(adopted, 1)
  assert.equal(joiner.digest(), founder.digest())
  assert.equal(namesOf(await open(identity, files.powerFailure(seeded(1)))), ['founder', 'joiner'])
  assert.equal(certificate.bytes, chain[1])
  assert.is(await codeOf(joiner.issue(newKeyPair().publicKey, identity.owner, 'x', false)), 'NotAllowed')
})

test('a home with other members goes over to another swarm only when told to leave', async () => {
  const [one, other] = [await open(newIdentity('one')), await open(newIdentity('other'))]
  const { publicKey } = one.identity.peer
  await one.issue(newKeyPair().publicKey, newKeyPair().publicKey, 'friend', false)
  await other.issue(publicKey, one.identity.owner, 'one', false)
  const chain = other.membership.chainOf(publicKey).map(({ bytes }) => bytes)
  assert.is(await codeOf(one.adopt(chain, other.news())), 'NotAllowed')
  assert.equal(namesOf(one), ['one', 'friend'])
  await one.adopt(chain, other.news(), { leave: true })
  assert.equal(namesOf(one), ['other', 'one'])
})

test('certificates that prove nothing for this home are not followed', async () => {
  const [one, other] = [await open(newIdentity('one')), await open(newIdentity('other'))]
  const own = one.membership.swarm
  const chains = [[], other.news().certificates, [other.news().certificates[0]!, one.news().certificates[0]!]]
  for (const chain of chains) {
    assert.is.not(await codeOf(one.adopt(chain, { certificates: [], removals: [] })), 'none')
  }
  assert.is(one.membership.swarm, own)
})

test('what a peer sends is taken in as far as it is good; the rest is reported', async () => {
  const founder = await open(newIdentity('founder'))
  const member = await founder.issue(newKeyPair().publicKey, newKeyPair().publicKey, 'friend', false)
  const copy = await open(newIdentity('copy'))
  await founder.issue(copy.identity.peer.publicKey, copy.identity.owner, 'copy', true)
  const chain = founder.membership.chainOf(copy.identity.peer.publicKey).map(({ bytes }) => bytes)
  await copy.adopt(chain, { certificates: [], removals: [] })
  const foreign = await open(newIdentity('foreign'))
  const certificates = [new Uint8Array([1]), foreign.news().certificates[0]!, member.bytes]
  const { added, refused } = await copy.merge({ certificates, removals: [member.bytes] })
  assert.is(added.certificates.length, 1)
  assert.equal(refused.map(({ code }) => code).sort(), ['BadMessage', 'BadMessage', 'BadSignature'])
})

test('issuing twice for one peer gives the same certificate', async () => {
  const founder = await open(newIdentity('founder'))
  const { publicKey } = newKeyPair()
  const [one, two] = [
    await founder.issue(publicKey, publicKey, 'x', true),
    await founder.issue(publicKey, publicKey, 'x', true),
  ]
  assert.equal(one.bytes, two.bytes)
  await founder.remove(publicKey)
  assert.is(await codeOf(founder.issue(publicKey, publicKey, 'x', true)), 'NotAllowed')
})

test('a removed home knows it and can no longer invite', async () => {
  const founder = await open(newIdentity('founder'))
  const removed = await open(newIdentity('removed'))
  await founder.issue(removed.identity.peer.publicKey, removed.identity.owner, 'removed', true)
  await removed.adopt(
    founder.membership.chainOf(removed.identity.peer.publicKey).map(({ bytes }) => bytes),
    founder.news(),
  )
  await founder.remove(removed.identity.peer.publicKey)
  await removed.merge(founder.news())
  assert.is(removed.ownChain().length, 0)
  assert.throws(() => removed.requireInviter(), /was removed/)
  // A certificate that it signs all the same counts nowhere.
  const { body } = founder.membership.certificates()[0]!
  const eve = newKeyPair()
  const forged = signCertificate(
    { ...body, subject: eve.publicKey, issuer: removed.identity.peer.publicKey },
    removed.identity.peer,
  )
  await founder.merge({ certificates: [forged.bytes], removals: [] })
  assert.not(founder.membership.isMember(eve.publicKey))
})

test('when the power fails at any moment, what was acknowledged is there', async () => {
  for (let failAtStep = 1; failAtStep < 40; failAtStep++) {
    const files = new LossyFiles()
    const identity = newIdentity('founder')
    await open(identity, files)
    files.failAtStep = files.steps + failAtStep
    const acknowledged: string[] = []
    try {
      const swarm = await open(identity, files)
      for (const name of ['a', 'b', 'c']) {
        await swarm.issue(newKeyPair().publicKey, identity.owner, name, false)
        acknowledged.push(name)
      }
    } catch (error) {
      assert.instance(error, PowerOff)
    }
    const after = await open(identity, files.powerFailure(seeded(failAtStep)))
    for (const name of acknowledged) assert.ok(namesOf(after).includes(name), `${name}, failed at ${failAtStep}`)
  }
})
