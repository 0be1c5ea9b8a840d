import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { imageDirectory } from '../gen/directory.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { letIn, newMachine } from './home.ts'

test('a push says that it is the only copy of what is new, and of what is not new only what it knows', async (t) => {
  const laptop = await newMachine(t, newFolder(t), 'laptop')
  imageDirectory(laptop.path('Ants'), { seed: 1, sizeBytes: 400_000 })
  assert.match((await laptop.run('push', 'Ants')).stdout, 'It is only on this machine. For a copy: pintglas invite')
  assert.match(
    (await laptop.run('push', 'Ants')).stdout,
    /Who holds it: pintglas status [0-9a-f]{32}@0\.0\.1\. For a copy: pintglas invite/,
  )
})

test('what a push tells to type holds no name that a shell would run', async (t) => {
  const folder = newFolder(t)
  const laptop = await newMachine(t, folder, 'laptop')
  const cluster = await newMachine(t, folder, 'cluster')
  await cluster.good('config', 'name', 'x;touch$y')
  imageDirectory(laptop.path('Ants'), { seed: 1, sizeBytes: 400_000 })
  await laptop.startDaemon()
  await letIn(laptop, cluster)
  const { peerId } = await cluster.good('id')
  const { copies } = await laptop.good('push', 'Ants')
  assert.is(copies.next, `pintglas push --to ${peerId}`)
})

test('nobody is invited with a grant for a glas of somebody else', async (t) => {
  const folder = newFolder(t)
  const laptop = await newMachine(t, folder, 'laptop')
  const cluster = await newMachine(t, folder, 'cluster')
  imageDirectory(laptop.path('Ants'), { seed: 1, sizeBytes: 400_000 })
  await laptop.startDaemon()
  await laptop.good('push', 'Ants')
  const { invitation } = await laptop.good('invite', '--may-invite')
  await cluster.good('join', invitation)
  const error = await cluster.bad('invite', '--grant', 'Ants')
  assert.is(error.code, 'NotAllowed')
  assert.match(error.message, 'not yours to grant')
})

test('a backup of the owner key is not written over', async (t) => {
  const laptop = await newMachine(t, newFolder(t), 'laptop')
  writeFileSync(laptop.path('words'), 'correct horse battery')
  const args = ['key', 'export', 'owner.key', '--passphrase-file', join(laptop.folder, 'words')]
  await laptop.good(...args)
  const error = await laptop.bad(...args)
  assert.is(error.code, 'TargetExists')
  assert.is((await laptop.bad('key', 'import', 'nothing.key', '--passphrase-file', 'words')).code, 'FileError')
  await laptop.good('key', 'import', 'owner.key', '--passphrase-file', 'words')
})

test('a verb without its second word is told what is missing', async (t) => {
  const laptop = await newMachine(t, newFolder(t), 'laptop')
  for (const args of [[], ['key']]) {
    const error = await laptop.bad(...args)
    assert.is(error.code, 'BadUsage')
    assert.match(error.message, 'pintglas help')
  }
})

test('a push to a peer that is not there: a slip of the pen pushes nothing, a peer that is away is told apart', async (t) => {
  const folder = newFolder(t)
  const laptop = await newMachine(t, folder, 'laptop')
  const cluster = await newMachine(t, folder, 'cluster')
  imageDirectory(laptop.path('Ants'), { seed: 1, sizeBytes: 400_000 })
  await laptop.startDaemon()
  await letIn(laptop, cluster)
  assert.is((await laptop.bad('push', 'Ants', '--to', 'clutser')).code, 'PeerNotFound')
  assert.equal((await laptop.good('ls')).glases, [])
  const { exit, stderr } = await laptop.run('push', 'Ants', '--to', 'cluster')
  assert.is(exit, 5, stderr)
  assert.match(stderr, 'Ants@0.0.1 is kept on this machine all the same')
})
