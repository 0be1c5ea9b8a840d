import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { realFiles } from '../../src/disk/files.ts'
import { openAddressBook } from '../../src/net/address-book.ts'
import { bad, folderIn, good, letIn, start, startDaemon, stopProcess, treeOf, versionsOf } from '../cli/process.ts'
import { test } from '../harness.ts'
import { durable, openHomeHere } from '../home-parts.ts'
import { newFolder } from '../home-peer.ts'
import { ants, slowHolder, sum, untilAsked, untilStocked } from './interrupting.ts'

test('the serving daemon is killed during a pull: exit 5, and the pull goes on when it is back', async (t) => {
  const folder = newFolder(t)
  const [ann, bob] = [join(folder, 'ann'), join(folder, 'bob')]
  const directory = ants(folder, 10)
  writeFileSync(join(directory, 'results', 'all.dat'), randomBytes(60_000_000))
  const pushed = await good(t, ann, 'push', directory)
  const daemon = await startDaemon(t, ann)
  await letIn(t, ann, bob)
  const reference = `${pushed['glas-id']}@0.0.1`
  const out = folderIn(folder, 'out')
  const pull = start(t, bob, ['pull', reference, join(out, 'back')])
  await untilStocked(bob, 10_000_000, pull.done)
  await stopProcess(daemon, 'SIGKILL')
  const { exit, json } = await pull.done
  assert.is(exit, 5, JSON.stringify(json))
  assert.ok(json.error.retryable)
  assert.equal(readdirSync(out), [])
  const present = await durable(bob)
  assert.equal(present.findings, [])
  assert.ok(present.blocks.size > 0, 'what came before lasts')
  await startDaemon(t, ann)
  const done = await good(t, bob, 'pull', reference, join(out, 'back'))
  assert.is(done['fetched-bytes'], sum((await durable(bob)).blocks) - sum(present.blocks))
  assert.equal(treeOf(join(out, 'back')), treeOf(directory))
})

test('Ctrl-C in a pull: exit 130, nothing half-written, and the next pull asks for the rest alone', async (t) => {
  const folder = newFolder(t)
  const bob = join(folder, 'bob')
  const ann = await slowHolder(t, folder, bob)
  const out = folderIn(folder, 'out')
  const pull = start(t, bob, ['pull', ann.reference, join(out, 'back')])
  await untilAsked(ann, 50, pull.done)
  pull.child.kill('SIGINT')
  const { exit, json } = await pull.done
  assert.is(exit, 130)
  assert.is(json.error.code, 'Interrupted')
  assert.match(json.error.message, 'goes on where it was')
  assert.equal(readdirSync(out), [])
  const present = await durable(bob)
  assert.ok(present.blocks.size > 20, `${present.blocks.size} blocks last`)
  const done = await good(t, bob, 'pull', ann.reference, join(out, 'back'))
  assert.is(done['fetched-bytes'], sum((await durable(bob)).blocks) - sum(present.blocks))
})

test('Ctrl-C in a pull that a daemon does for us: exit 130, and the daemon goes on', async (t) => {
  const folder = newFolder(t)
  const bob = join(folder, 'bob')
  const ann = await slowHolder(t, folder, bob)
  await startDaemon(t, bob)
  const out = folderIn(folder, 'out')
  const pull = start(t, bob, ['pull', ann.reference, join(out, 'back')])
  await untilAsked(ann, 20, pull.done)
  pull.child.kill('SIGINT')
  assert.is((await pull.done).exit, 130)
  const done = await good(t, bob, 'pull', ann.reference, join(out, 'back'))
  assert.ok(done['fetched-bytes'] < ann.newBytes)
  assert.equal(readdirSync(out), ['back'])
})

test('what somebody asked of a daemon and left when it was done ends nothing in the daemon', async (t) => {
  const folder = newFolder(t)
  const ann = await slowHolder(t, folder, join(folder, 'bob'))
  const silent = createServer(() => {}).listen(0, '127.0.0.1')
  t.after(() => silent.close())
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  // A peer that takes the call and says nothing: trying it goes on while the pull from Ann is done.
  const book = await openAddressBook(realFiles, join(folder, 'bob', 'swarm', 'addresses.cbor'))
  await book.addPermanent(`127.0.0.1:${port}`)
  const bob = await openHomeHere(t, join(folder, 'bob'))
  const asker = new AbortController()
  const target = { reference: ann.reference, target: join(folder, 'back'), base: folder, force: false }
  await bob.call('pull', target, { ...bob.options, signal: asker.signal })
  asker.abort(new Error('the asker went away'))
  await new Promise((resolve) => setImmediate(resolve)) // a rejection that nobody meets fails this file by name
  assert.equal(treeOf(join(folder, 'back')), treeOf(ann.directory))
})

test('Ctrl-C in a push: exit 130, no version, and the next push is whole', async (t) => {
  const folder = newFolder(t)
  const [ann, directory] = [join(folder, 'ann'), ants(folder, 11)]
  const first = await good(t, ann, 'push', directory)
  mkdirSync(join(directory, 'more'))
  writeFileSync(join(directory, 'more', 'all.dat'), randomBytes(40_000_000))
  const push = start(t, ann, ['push', directory])
  await untilStocked(ann, 5_000_000, push.done)
  push.child.kill('SIGINT')
  const { exit, json } = await push.done
  assert.is(exit, 130)
  assert.is(json.error.code, 'Interrupted')
  assert.equal(await versionsOf(t, ann), [first.version])
  assert.equal((await good(t, ann, 'check')).findings, [])
  assert.is((await good(t, ann, 'push', directory)).version, '0.0.2')
  await good(t, ann, 'pull', 'Ants@0.0.2', join(folder, 'back'))
  assert.equal(treeOf(join(folder, 'back')), treeOf(directory))
})

test('a daemon that is told to stop by SIGTERM or SIGINT ends well, and can be started again', async (t) => {
  const home = join(newFolder(t), 'ann')
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const daemon = await startDaemon(t, home)
    daemon.kill(signal)
    const [code] = await once(daemon, 'close')
    assert.is(code, 0, signal)
    assert.is((await bad(t, home, 'daemon', 'status')).code, 'NotRunning')
  }
})
