import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { toGlasError } from '../../src/glas/errors.ts'
import { newKeyPair, peerIdText, toHex } from '../../src/glas/keys.ts'
import { parseAddress } from '../../src/net/address.ts'
import { handle, open, type Protocol } from '../../src/net/streams.ts'
import { type TestContext, test } from '../harness.ts'
import { addressOf, isUpWith, letIn, memberNames, newFolder, newHome, type TestHome } from '../home-peer.ts'
import { codeOf, until } from '../loopback.ts'

/** A protocol of members, to see who gets through. */
const ECHO: Protocol = {
  id: '/pintglas/test-echo/1.0.0',
  limits: {
    maxStreamsPerPeer: 4,
    maxStreams: 16,
    maxMessageBytes: 1024,
    maxMessages: 100,
    maxUnreadBytes: 64 * 1024,
    idleTimeoutMs: 20_000,
    messageTimeoutMs: 5_000,
  },
}

async function serveEcho(home: TestHome): Promise<void> {
  await handle(
    home.peer.node.libp2p,
    ECHO,
    home.peer.guard(() => {}),
    async (channel) => {
      for (let text = await channel.read(); text !== undefined; text = await channel.read()) await channel.write(text)
    },
  )
}

async function echo(from: TestHome, to: TestHome, text: string): Promise<string> {
  const channel = await open(from.peer.node.libp2p, to.keyPair.publicKey, ECHO)
  await channel.write(Buffer.from(text))
  const answer = Buffer.from(await channel.readNext()).toString()
  await channel.finish()
  return answer
}

/** `count` homes, all members of the first one's swarm and connected with it. */
async function swarmOf(t: TestContext, ...names: string[]): Promise<TestHome[]> {
  const homes = await Promise.all(names.map((name) => newHome(t, name)))
  for (const home of homes.slice(1)) await letIn(homes[0]!, home)
  for (const home of homes) await until(() => home.peer.node.members.up().length === homes.length - 1)
  return homes
}

const settle = () => sleep(300)

test('two homes meet with one line of text', async (t) => {
  const [ann, bob] = [await newHome(t, 'ann'), await newHome(t, 'bob')]
  await serveEcho(ann)
  await serveEcho(bob)
  const line = await ann.peer.invite()
  assert.match(line, /^pintglas-[\w-]+$/)
  const { inviter, grants } = await bob.peer.join(line)
  assert.equal(inviter, ann.keyPair.publicKey)
  assert.equal(grants, [])
  await until(() => isUpWith(ann, bob) && isUpWith(bob, ann))
  assert.is(memberNames(ann), 'ann bob')
  assert.is(memberNames(bob), 'ann bob')
  assert.is(await echo(ann, bob, 'over the connection that bob made'), 'over the connection that bob made')
  assert.is(await echo(bob, ann, 'and back'), 'and back')
})

test('an invitation brings a grant that is signed for the one who joins', async (t) => {
  const [ann, bob] = [await newHome(t, 'ann'), await newHome(t, 'bob')]
  const glasId = 'ab'.repeat(16)
  const line = await ann.peer.invite({ grant: { glasId } })
  assert.equal(ann.granted, [])
  const first = await bob.peer.join(line)
  assert.equal(ann.granted, [`${glasId} ${toHex(bob.keyPair.publicKey)}`])
  const again = await bob.peer.join(line)
  assert.equal(again.grants.map(String), first.grants.map(String))
  assert.is(ann.granted.length, 1)
})

test('an invitation that was used, has expired or is unknown is refused, each by its name', async (t) => {
  const [ann, bob, cid] = [await newHome(t, 'ann'), await newHome(t, 'bob'), await newHome(t, 'cid')]
  const line = await ann.peer.invite()
  await bob.peer.join(line)
  const messageOf = (work: Promise<unknown>) =>
    work.then(
      () => 'none',
      (error) => toGlasError(error).message,
    )
  assert.match(await messageOf(cid.peer.join(line)), /used already/)
  assert.match(await messageOf(cid.peer.join(await ann.peer.invite({ validMs: -1 }))), /has expired/)
  const unknown = await newHome(t, 'ann again', { keyPair: newKeyPair() })
  const foreign = await unknown.peer.invite()
  await unknown.peer.close()
  assert.is(await codeOf(cid.peer.join(foreign)), 'PeerUnreachable')
  assert.is(memberNames(cid), 'cid')
  assert.is(memberNames(ann), 'ann bob')
  assert.is(await codeOf(ann.peer.join(await ann.peer.invite())), 'BadUsage')
})

test('after a restart of the inviter an invitation is still good, and a used one still used', async (t) => {
  const folder = newFolder(t)
  const keyPair = newKeyPair()
  const ann = await newHome(t, 'ann', { folder, keyPair })
  const [bob, cid] = [await newHome(t, 'bob'), await newHome(t, 'cid')]
  const [one, two] = [await ann.peer.invite(), await ann.peer.invite()]
  await bob.peer.join(one)
  const { host, port } = ann.peer.addresses()[0]!
  await ann.peer.close()
  const again = await newHome(t, 'ann', { folder, keyPair, listen: [{ host, port }] })
  assert.equal(again.peer.addresses()[0]?.port, port)
  await cid.peer.join(two)
  assert.is(await codeOf(cid.peer.join(one)), 'NotAllowed')
  await until(() => memberNames(bob) === 'ann bob cid')
})

test('a home with other members joins another swarm only when told to leave', async (t) => {
  const [ann, bob] = await swarmOf(t, 'ann', 'bob')
  const [cid, dan] = await swarmOf(t, 'cid', 'dan')
  assert.is(await codeOf(bob!.peer.join(await cid!.peer.invite())), 'NotAllowed')
  await bob!.peer.join(await cid!.peer.invite(), { leave: true })
  assert.is(memberNames(bob!), 'bob cid dan')
  await until(() => isUpWith(bob!, dan!) && !isUpWith(ann!, bob!))
  await bob!.peer.publish('entry', Buffer.from('in the new swarm'))
  await until(() => dan!.heard.length === 1)
  assert.equal(ann!.heard, [])
})

test('a stranger is connected and gets nothing that is for members', async (t) => {
  const [ann, bob, eve] = [await newHome(t, 'ann'), await newHome(t, 'bob'), await newHome(t, 'eve')]
  await letIn(ann, bob)
  await serveEcho(ann)
  const { isMember, peerKey } = await eve.peer.connect(addressOf(ann))
  assert.not(isMember)
  assert.equal(peerKey, ann.keyPair.publicKey)
  assert.is(await codeOf(echo(eve, ann, 'let me in')), 'NotAllowed')
  assert.not(ann.peer.node.members.isMember(eve.keyPair.publicKey))
  assert.not(eve.peer.node.members.isMember(ann.keyPair.publicKey))
  assert.is(memberNames(eve), 'eve')
  assert.is(memberNames(ann), 'ann bob')
})

test('members that were let in by one know each other, and connect by themselves', async (t) => {
  const [ann, bob, cid] = await swarmOf(t, 'ann', 'bob', 'cid')
  for (const home of [ann!, bob!, cid!]) assert.is(memberNames(home), 'ann bob cid')
  assert.ok(isUpWith(bob!, cid!) && isUpWith(cid!, bob!))
})

test('a member that may not invite is told who may', async (t) => {
  const [ann, bob] = [await newHome(t, 'ann'), await newHome(t, 'bob')]
  await bob.peer.join(await ann.peer.invite())
  assert.is(await codeOf(bob.peer.invite()), 'NotAllowed')
})

test('a removal ends what is going on, everywhere, and for good', async (t) => {
  const [ann, bob, cid] = await swarmOf(t, 'ann', 'bob', 'cid')
  await serveEcho(bob!)
  const channel = await open(cid!.peer.node.libp2p, bob!.keyPair.publicKey, ECHO)
  await channel.write(Buffer.from('still in'))
  await channel.readNext()
  await ann!.peer.remove(cid!.keyPair.publicKey)
  await until(() => channel.closed.aborted)
  await until(() => !isUpWith(ann!, cid!) && !isUpWith(bob!, cid!) && !isUpWith(cid!, bob!))
  assert.is(memberNames(bob!), 'ann bob')
  const { isMember } = await cid!.peer.connect(addressOf(bob!))
  assert.not(isMember)
  assert.is(await codeOf(echo(cid!, bob!, 'and now?')), 'NotAllowed')
  await until(() => memberNames(cid!) === 'ann bob')
  assert.is(await codeOf(cid!.peer.join(await ann!.peer.invite(), { leave: true })), 'NotAllowed')
})

test('removing an inviter removes nobody that it let in', async (t) => {
  const [ann, bob, cid] = [await newHome(t, 'ann'), await newHome(t, 'bob'), await newHome(t, 'cid')]
  await letIn(ann, bob)
  await letIn(bob, cid)
  await until(() => isUpWith(ann, cid))
  await ann.peer.remove(bob.keyPair.publicKey)
  await until(() => !isUpWith(ann, bob))
  await until(() => memberNames(cid) === 'ann cid')
  await until(() => isUpWith(ann, cid) && isUpWith(cid, ann))
})

test('an inviter can be removed with everybody that it let in, and they learn of it', async (t) => {
  const [ann, bob, cid] = [await newHome(t, 'ann'), await newHome(t, 'bob'), await newHome(t, 'cid')]
  await letIn(ann, bob)
  await letIn(bob, cid)
  await until(() => isUpWith(ann, cid))
  await ann.peer.remove(bob.keyPair.publicKey, { withInvited: true })
  await until(() => ann.peer.node.members.up().length === 0)
  assert.is(memberNames(ann), 'ann')
  await until(() => memberNames(cid) === 'ann' && memberNames(bob) === 'ann', 10_000)
  assert.throws(() => cid.peer.swarm.requireInviter(), /was removed/)
})

test('whoever was away during a removal learns of it from the first member that it meets', async (t) => {
  const keyPair = newKeyPair()
  const folder = newFolder(t)
  const [ann, cid] = await swarmOf(t, 'ann', 'cid')
  const bob = await newHome(t, 'bob', { keyPair, folder })
  await letIn(ann!, bob)
  await bob.peer.close()
  await ann!.peer.remove(cid!.keyPair.publicKey)
  const again = await newHome(t, 'bob', { keyPair, folder })
  assert.is(memberNames(again), 'ann bob cid')
  await until(() => memberNames(again) === 'ann bob')
  await until(() => !isUpWith(again, cid!))
})

test('after a restart members find each other again by themselves', async (t) => {
  const [ann, bob] = [
    { keyPair: newKeyPair(), folder: newFolder(t) },
    { keyPair: newKeyPair(), folder: newFolder(t) },
  ]
  const first = [await newHome(t, 'ann', ann), await newHome(t, 'bob', bob)] as const
  await letIn(first[0], first[1])
  await until(() => isUpWith(first[1], first[0]))
  const { host, port } = first[0].peer.addresses()[0]!
  await sleep(50)
  await first[0].peer.close()
  await until(() => first[1].peer.node.members.up().length === 0)
  // Bob stays up and comes back to ann.
  const again = await newHome(t, 'ann', { ...ann, listen: [{ host, port }] })
  await until(() => isUpWith(again, first[1]) && isUpWith(first[1], again), 10_000)
  // Bob restarts elsewhere and calls ann.
  await first[1].peer.close()
  const bobAgain = await newHome(t, 'bob', bob)
  await until(() => isUpWith(again, bobAgain) && isUpWith(bobAgain, again), 10_000)
})

test('a permanent peer is called again and again until it is there', async (t) => {
  const ann = { keyPair: newKeyPair(), folder: newFolder(t) }
  const [first, bob] = [await newHome(t, 'ann', ann), await newHome(t, 'bob')]
  const address = addressOf(first)
  const { host, port } = parseAddress(address)
  await first.peer.close()
  await bob.peer.addPermanent(`${host}:${port}`)
  await until(() => bob.notices.length === 1)
  assert.match(bob.notices[0]!, /Nothing listens at/)
  assert.match(bob.peer.permanent()[0]!.error!.message, /Nothing listens at/)
  await newHome(t, 'ann', { ...ann, listen: [{ host, port }] })
  await until(() => bob.peer.permanent()[0]!.isConnected, 10_000)
  assert.is(bob.notices.length, 1)
  assert.ok(await bob.peer.removePermanent(`${host}:${port}`))
  assert.equal(bob.peer.permanent(), [])
})

test('a port that is in use is replaced, and that is said', async (t) => {
  const ann = await newHome(t, 'ann')
  const { host, port } = ann.peer.addresses()[0]!
  const bob = await newHome(t, 'bob', { listen: [{ host, port }] })
  assert.is.not(bob.peer.addresses()[0]!.port, port)
  assert.match(bob.notices.join(), new RegExp(`port ${port} is in use`))
  await letIn(bob, ann)
})

test('an address of this machine that it does not have is refused', async (t) => {
  assert.is(await codeOf(newHome(t, 'ann', { listen: [{ host: '203.0.113.7', port: 4747 }] })), 'InvalidConfig')
})

test('a list of allowed peers keeps everybody else out, members too', async (t) => {
  const [bob, cid] = [newKeyPair(), newKeyPair()]
  const ann = await newHome(t, 'ann', { allowOnly: [peerIdText(bob.publicKey)] })
  const [bobHome, cidHome] = [await newHome(t, 'bob', { keyPair: bob }), await newHome(t, 'cid', { keyPair: cid })]
  await bobHome.peer.join(await ann.peer.invite())
  assert.is.not(await codeOf(cidHome.peer.join(await ann.peer.invite())), 'none')
  assert.is(await codeOf(ann.peer.connect(addressOf(cidHome))), 'NotAllowed')
  await settle()
  assert.equal(ann.peer.node.members.up().map(toHex), [toHex(bob.publicKey)])
})

test('a wrong peer at the right address is noticed', async (t) => {
  const [ann, bob] = [await newHome(t, 'ann'), await newHome(t, 'bob')]
  const { host, port } = ann.peer.addresses()[0]!
  const wrong = `${host}:${port}#${peerIdText(newKeyPair().publicKey)}`
  try {
    await bob.peer.connect(wrong)
    assert.unreachable()
  } catch (error) {
    assert.match(toGlasError(error).message, /Another peer answers/)
  }
})
