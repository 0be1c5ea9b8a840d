import * as assert from 'uvu/assert'
import { assertSameTree, type Home, letIn, newMachine } from '../cli/home.ts'
import { type ImageDirectory, imageDirectory } from '../gen/directory.ts'
import { type TestContext, test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { cutCables, layCable, newNamespaces, whyNoNamespaces, within } from '../net/namespaces.ts'
import { startSshd, whyNoSshd } from '../net/sshd.ts'

const SIZE_BYTES = 2_000_000
const SSH_PORT = 2222
/** Addresses of one network for each cable, which nothing outside the namespaces can see. */
const LAPTOP = '10.77.1.2'
const LOGIN = { towardsLaptop: '10.77.1.1', towardsNode: '10.77.2.1' }
const NODE = '10.77.2.2'

const noNamespaces = whyNoNamespaces()

interface Site {
  laptop: Home
  login: Home
  node: Home
  image: ImageDirectory
  inLogin: string[]
  /** The laptop goes home. */
  pullCable(): void
}

/**
 * A laptop, a login node and a compute node: the login node has a cable to each of the others, which have none to each
 * other. Laptop and compute node listen on their own loopback alone, so nobody can call them.
 */
async function site(t: TestContext, loginListens: string[]): Promise<Site> {
  const names = newNamespaces(t, ['laptop', 'login', 'node'])
  const at = (name: string) => names.get(name) ?? ''
  layCable({ namespace: at('laptop'), address: LAPTOP }, { namespace: at('login'), address: LOGIN.towardsLaptop })
  layCable({ namespace: at('node'), address: NODE }, { namespace: at('login'), address: LOGIN.towardsNode })
  const folder = newFolder(t)
  const machine = (name: string, config = {}) => newMachine(t, folder, name, { within: within(at(name)), config })
  const login = await machine('login', { listen: loginListens })
  const laptop = await machine('laptop')
  const node = await machine('node')
  const image = imageDirectory(laptop.path('Ants'), { seed: 1, sizeBytes: SIZE_BYTES })
  return { laptop, login, node, image, inLogin: within(at('login')), pullCable: () => cutCables(at('laptop')) }
}

test(
  'a laptop that nobody can call leaves a snapshot at the login node, and a compute node that reaches only that one pulls it',
  async (t) => {
    const { laptop, login, node, image, pullCable } = await site(t, ['0.0.0.0:4100'])
    await login.startDaemon()
    await letIn(login, laptop, '--grant', 'all')
    await letIn(login, node)
    const pushed = await laptop.good('push', 'Ants', '--to', 'login')
    assert.equal(pushed.copies.holders, ['login'])
    pullCable()
    const pulled = await node.good('pull', 'Ants@0.0.1')
    assert.is(pulled.record, pushed.record)
    assertSameTree(pulled.directory, image.path)
    assert.is((await laptop.bad('--timeout', '10', 'push', 'Ants', '--to', 'login')).exit, 5)
  },
  { skip: noNamespaces, limitMs: 180_000 },
)

test(
  'a login node that opens no port at all is reached through the user’s own ssh, by laptop and compute node',
  async (t) => {
    const { laptop, login, node, image, inLogin, pullCable } = await site(t, ['127.0.0.1:4100'])
    await login.startDaemon()
    const hosts = [LOGIN.towardsLaptop, LOGIN.towardsNode]
    const ssh = await startSshd(t, login.path('sshd'), { hosts, port: SSH_PORT, within: inLogin })
    for (const [place, home] of [laptop, node].entries()) {
      await home.good('config', 'sshCommand', JSON.stringify(ssh.sshCommand))
      await home.good('config', 'remotePintglas', remoteCommand(login))
      await home.good('peers', 'add', ssh.places[place] ?? '')
    }
    await letIn(login, laptop, '--grant', 'all')
    const pushed = await laptop.good('push', 'Ants', '--to', 'login')
    assert.equal(pushed.copies.holders, ['login'])
    pullCable()
    await letIn(login, node)
    const pulled = await node.good('pull', 'Ants')
    assert.is(pulled.record, pushed.record)
    assertSameTree(pulled.directory, image.path)
    const [peer] = (await node.good('peers')).peers
    assert.is(peer.connected, true, peer.error)
  },
  { skip: noNamespaces ?? whyNoSshd(), limitMs: 180_000 },
)

/** What ssh makes of `pintglas` on the login node, whose shell knows nothing of the test's settings. */
function remoteCommand(login: Home): string {
  const { HOME = '', NODE_COMPILE_CACHE = '' } = login.env
  const settings = [`HOME=${HOME}`, 'XDG_RUNTIME_DIR=', `NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE}`]
  return ['env', ...settings, ...login.command().slice(login.within.length)].map((word) => `'${word}'`).join(' ')
}
