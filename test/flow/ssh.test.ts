import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { toGlasError } from '../../src/glas/errors.ts'
import { addressText } from '../../src/net/address.ts'
import { topicOf } from '../../src/net/gossip.ts'
import { openSshTunnel, parseSshPlace } from '../../src/net/ssh.ts'
import { type TestContext, test } from '../harness.ts'
import { isUpWith, letIn, newFolder, newHome, type TestHome } from '../home-peer.ts'
import { until } from '../loopback.ts'
import { freePort, startSshd, whyNoSshd } from '../net/sshd.ts'

const FAKE_SSH = [process.execPath, join(import.meta.dirname, '../net/fake-ssh.ts')]

/** A command that answers like `pintglas` does for `id --json`. */
function idCommand(t: TestContext, home: TestHome, text?: string): string {
  const path = join(newFolder(t), 'pintglas.sh')
  const id = { peerId: home.peer.node.peerId, owner: 'x', addresses: home.peer.addresses().map(addressText) }
  writeFileSync(path, `cat <<'END'\n${text ?? JSON.stringify(id)}\nEND\n`)
  return `sh ${path}`
}

const messageOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error) => toGlasError(error).message,
  )

/** The gossip between the two is set up, a moment after the hello. */
function follows(home: TestHome, other: TestHome): boolean {
  const topic = topicOf(home.peer.swarm.membership.swarm)
  const subscribers = home.peer.node.libp2p.services.gossip.getSubscribers(topic)
  return subscribers.some((peerId) => peerId.toString() === other.peer.node.peerId)
}

test('a place for ssh is a user and a host, and never an option', () => {
  assert.equal(parseSshPlace('ssh://me@login.example.org:2222'), { destination: 'me@login.example.org', port: 2222 })
  assert.equal(parseSshPlace('ssh://cluster'), { destination: 'cluster', port: undefined })
  assert.equal(parseSshPlace('ssh://me@[fe80::1]:22'), { destination: 'me@fe80::1', port: 22 })
  const wrong = [
    'ssh://-oProxyCommand=touch',
    'ssh://-v@host',
    'ssh://me@-host',
    'ssh://',
    'ssh://a b',
    'ssh://host;ls',
    'ssh://host/path',
    'ssh://$(ls)@host',
    'ssh://host:99999',
    `ssh://${'a'.repeat(400)}`,
  ]
  for (const text of wrong) assert.throws(() => parseSshPlace(text), /no place for ssh/, text)
})

test('a member is reached through ssh alone, and the ssh processes end with the peer', async (t) => {
  const ann = await newHome(t, 'ann')
  const ssh = { ssh: FAKE_SSH, pintglas: idCommand(t, ann) }
  const bob = await newHome(t, 'bob', { listen: [], ssh })
  await letIn(ann, bob)
  await until(() => isUpWith(ann, bob))
  for (const connection of ann.peer.node.libp2p.getConnections()) connection.abort(new Error('the direct way is gone'))
  const { isMember, peerKey } = await bob.peer.connect('ssh://me@banner')
  assert.ok(isMember)
  assert.equal(peerKey, ann.keyPair.publicKey)
  await until(() => isUpWith(ann, bob))
  await until(() => follows(ann, bob))
  await ann.peer.publish('entry', Buffer.from('through ssh'))
  await until(() => bob.heard.length === 1)
  await bob.peer.close()
  await until(() => !isUpWith(ann, bob))
  const left = spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).stdout
  assert.not.match(left, /fake-ssh\.ts -T .*banner/)
})

test('a permanent peer behind ssh comes back after the connection broke', async (t) => {
  const ann = await newHome(t, 'ann')
  const bob = await newHome(t, 'bob', { listen: [], ssh: { ssh: FAKE_SSH, pintglas: idCommand(t, ann) } })
  await bob.peer.addPermanent('ssh://me@cluster')
  await until(() => bob.peer.permanent()[0]!.isConnected && ann.peer.node.libp2p.getConnections().length > 0, 10_000)
  for (const connection of ann.peer.node.libp2p.getConnections()) connection.abort(new Error('broken'))
  await until(() => !bob.peer.permanent()[0]!.isConnected)
  await until(() => bob.peer.permanent()[0]!.isConnected, 15_000)
})

test('what goes wrong with ssh is said in words that help', async (t) => {
  const ann = await newHome(t, 'ann')
  const place = parseSshPlace('ssh://me@cluster')
  const failure = (ssh: readonly string[], pintglas: string, to = place) =>
    messageOf(openSshTunnel(to, { ssh, pintglas }))
  assert.match(await failure(['no-such-ssh'], 'pintglas'), /There is no no-such-ssh on this machine/)
  assert.match(await failure(FAKE_SSH, 'no-such-pintglas'), /There is no PintGlas at me@cluster/)
  const refused = await failure(FAKE_SSH, 'pintglas', parseSshPlace('ssh://me@refused'))
  assert.match(refused, /ssh cannot reach me@refused: .*Permission denied .* Try `ssh me@refused` by hand/)
  assert.match(await failure(FAKE_SSH, 'echo broken >&2; exit 5;'), /failed at me@cluster: broken/)
  assert.match(await failure(FAKE_SSH, idCommand(t, ann, 'hello')), /did not say who it is/)
  assert.match(await failure(FAKE_SSH, idCommand(t, ann, '{"peerId":"x","addresses":[]}')), /did not say who it is/)
  const silent = JSON.stringify({ peerId: ann.peer.node.peerId, addresses: [] })
  assert.match(await failure(FAKE_SSH, idCommand(t, ann, silent)), /No daemon runs at me@cluster/)
})

test('an answer without end over ssh is cut off, and so is one that never comes', async () => {
  const place = parseSshPlace('ssh://me@cluster')
  const endless = openSshTunnel(place, { ssh: FAKE_SSH, pintglas: 'yes' })
  assert.is.not(await messageOf(endless), 'none')
  const signal = AbortSignal.timeout(300)
  assert.is.not(await messageOf(openSshTunnel(place, { ssh: FAKE_SSH, pintglas: 'sleep 20;' }, signal)), 'none')
})

test(
  'a peer is added through a real sshd',
  async (t) => {
    const folder = join(newFolder(t), 'sshd')
    const { places, sshCommand } = await startSshd(t, folder, { hosts: ['127.0.0.1'], port: await freePort() })
    const place = places[0] ?? ''
    const ann = await newHome(t, 'ann')
    const bob = await newHome(t, 'bob', {
      listen: [],
      ssh: { ssh: sshCommand, pintglas: idCommand(t, ann) },
    })
    await letIn(ann, bob)
    for (const connection of ann.peer.node.libp2p.getConnections())
      connection.abort(new Error('the direct way is gone'))
    await until(() => !isUpWith(bob, ann))
    await bob.peer.addPermanent(place)
    await until(() => bob.peer.permanent()[0]!.isConnected && isUpWith(ann, bob), 20_000)
  },
  { skip: whyNoSshd() },
)
