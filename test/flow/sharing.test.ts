import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { folderIn, good, letIn, start, startDaemon, treeOf } from '../cli/process.ts'
import { imageDirectory } from '../gen/directory.ts'
import { type TestContext, test } from '../harness.ts'
import { openHomeHere, plainPush, slowDown } from '../home-parts.ts'
import { newFolder } from '../home-peer.ts'
import { until } from '../loopback.ts'
import { ants, untilStocked } from './interrupting.ts'

/** Six homes, a process for each verb, and a stall that has to be waited for. */
const SLOW = { limitMs: 240_000 }
const KIB = 1024
const MEMBERS_PATIENCE_LOOKS = 100

/** An image directory with noise beside the image, which no compression makes smaller. */
function noisyAnts(folder: string, noiseBytes: number): string {
  const { path } = imageDirectory(join(folder, 'ants'), { seed: 9, sizeBytes: 300_000, name: 'Ants' })
  writeFileSync(join(path, 'run.dat'), randomBytes(noiseBytes))
  return path
}

/** `bob` has a daemon and is connected with as many holders as `daemons`, each of which sends 1 MiB in a second. */
async function holdersOf(t: TestContext, names: string[], noiseBytes: number) {
  const folder = newFolder(t)
  const directory = noisyAnts(folder, noiseBytes)
  const homes = names.map((name) => join(folder, name))
  const bob = join(folder, 'bob')
  const [first = '', ...others] = homes
  const pushed = await good(t, first, 'push', directory)
  const reference = `${pushed['glas-id']}@0.0.1`
  const daemons = [await limitedDaemon(t, first, '--limit-upload', '1024')]
  for (const home of others) {
    await letIn(t, first, home)
    await good(t, home, 'pull', reference, join(folder, 'copies', home))
    daemons.push(await limitedDaemon(t, home, '--limit-upload', '1024'))
  }
  await letIn(t, first, bob)
  await startDaemon(t, bob)
  await untilUp(t, bob, names.length)
  return { bob, directory, reference, daemons, out: folderIn(folder, 'out') }
}

async function limitedDaemon(t: TestContext, home: string, ...options: string[]) {
  const { child } = start(t, home, ['daemon', ...options])
  await once(child.stdout as NodeJS.ReadableStream, 'data')
  return child
}

async function untilUp(t: TestContext, home: string, count: number): Promise<void> {
  for (let looks = 0; looks < MEMBERS_PATIENCE_LOOKS; looks++) {
    const { members } = await good(t, home, 'members')
    if (members.filter((member: { connected: boolean }) => member.connected).length >= count) return
    await sleep(100)
  }
  throw new Error(`${home} is not connected with ${count} members`)
}

test(
  'three holders share a pull, and it ends well when one is killed and one stops meanwhile',
  async (t) => {
    const { bob, directory, reference, daemons, out } = await holdersOf(t, ['ann', 'ben', 'cid'], 20_000_000)
    const pull = start(t, bob, ['pull', reference, join(out, 'back')])
    await untilStocked(bob, 3_000_000, pull.done)
    daemons[1]?.kill('SIGKILL')
    await untilStocked(bob, 6_000_000, pull.done)
    daemons[2]?.kill('SIGSTOP')
    const { exit, json, stderr } = await pull.done
    assert.is(exit, 0, stderr)
    assert.is(json.from.length, 3, 'all three have sent something')
    assert.match(stderr, /Its share goes to the others/)
    assert.equal(treeOf(join(out, 'back')), treeOf(directory))
    assert.equal((await good(t, bob, 'check')).findings, [])
  },
  SLOW,
)

test('each of three holders gets a share, and no block is asked for twice', async (t) => {
  const folder = newFolder(t)
  const directory = ants(folder, 7)
  const [ann, ben, cid, bob] = await Promise.all(
    ['ann', 'ben', 'cid', 'bob'].map((name) => openHomeHere(t, join(folder, name))),
  )
  const pushed = await ann!.call('push', plainPush(directory), ann!.options)
  const reference = `${pushed['glas-id']}@0.0.1`
  const pullTo = (home: typeof bob, name: string) =>
    home!.call('pull', { reference, target: join(folder, name), base: folder, force: false }, home!.options)
  for (const home of [ben, cid, bob]) {
    const asked = { hours: 1, mayInvite: false, grant: null, addresses: [] }
    const { invitation } = await ann!.call('invite', asked, ann!.options)
    await home!.call('join', { invitation, leave: false }, home!.options)
  }
  for (const [name, home] of Object.entries({ ben, cid })) await pullTo(home, `copy of ${name}`)
  const network = await bob!.parts.network()
  await until(() => network.membersUp().length === 3)
  const asked = [ann, ben, cid].map((home) => {
    const cids: string[] = []
    slowDown(home!.parts.stock, 5, (one) => void cids.push(String(one)))
    return cids
  })
  const done = await pullTo(bob, 'back')
  assert.is(done.from.length, 3)
  for (const cids of asked) assert.ok(cids.length > 20, `one of them was asked for ${cids.length} blocks`)
  const all = asked.flat()
  assert.is(new Set(all).size, all.length)
  assert.equal(treeOf(join(folder, 'back')), treeOf(directory))
})

/** Milliseconds that so many bytes take at a rate, less what may go before the first wait. */
const leastMs = (bytes: number, kibPerSecond: number) => ((bytes - 100 * KIB) / (kibPerSecond * KIB)) * 1000

// A loaded machine makes these slower, never faster: the time is a measure of the rate, and no limit to how long it takes.
for (const [what, daemonOptions, pullOptions] of [
  ['sends no more in a second than --limit-upload says', ['--limit-upload', '512'], []],
  ['gets no more in a second than --limit-download says', [], ['--limit-download', '512']],
] as const) {
  test(`a peer ${what}`, async (t) => {
    const folder = newFolder(t)
    const [ann, bob] = [join(folder, 'ann'), join(folder, 'bob')]
    const directory = noisyAnts(folder, 1_500_000)
    const pushed = await good(t, ann, 'push', directory)
    await limitedDaemon(t, ann, ...daemonOptions)
    await letIn(t, ann, bob)
    const beganMs = performance.now()
    const done = await good(t, bob, 'pull', `${pushed['glas-id']}@0.0.1`, join(folder, 'back'), ...pullOptions)
    const tookMs = performance.now() - beganMs
    assert.ok(tookMs >= leastMs(1_500_000, 512), `${done['fetched-bytes']} bytes in ${tookMs} ms`)
    assert.equal(treeOf(join(folder, 'back')), treeOf(directory))
  })
}

test('a limit that is too low to be served, or no number, is refused', async (t) => {
  const home = join(newFolder(t), 'ann')
  for (const rate of ['5', '-1', 'fast', '1.5']) {
    const { exit, json } = await start(t, home, ['daemon', '--limit-upload', rate]).done
    assert.is(exit, 2)
    assert.match(json.error.message, 'KiB in a second, from 32')
  }
})
