import { statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { treeOf } from '../cli/process.ts'
import { imageDirectory } from '../gen/directory.ts'
import { type TestContext, test } from '../harness.ts'
import { openHomeHere, plainPush } from '../home-parts.ts'
import { newFolder } from '../home-peer.ts'
import { codeOf } from '../loopback.ts'

/** What was written so lately is read again: see src/beam/remembered.ts. */
const UNTIL_REMEMBERED_MS = 2_100

async function scene(t: TestContext) {
  const folder = newFolder(t)
  const { path } = imageDirectory(join(folder, 'ants'), { seed: 4, sizeBytes: 400_000, name: 'Ants' })
  writeFileSync(join(path, 'run.csv'), 'colony;ants\n1;40\n')
  const home = await openHomeHere(t, join(folder, 'home'))
  const { stock } = home.parts
  let taken = 0
  for (const name of ['addFile', 'addImage'] as const) {
    const add = stock[name].bind(stock) as (...args: unknown[]) => Promise<never>
    stock[name] = (...args: unknown[]) => {
      taken++
      return add(...args)
    }
  }
  /** Pushes, and says how many files were read and taken in. */
  const push = async (options: { allowSecrets?: boolean } = {}) => {
    taken = 0
    const result = await home.call('push', { ...plainPush(path), ...options }, home.options)
    return { ...result, taken }
  }
  const pullBack = (name: string) =>
    home.call('pull', { reference: 'Ants', target: join(folder, name), base: folder, force: false }, home.options)
  return { path, folder, home, push, pullBack }
}

test('what looks as it did is not read again, and its record says the same', async (t) => {
  const { path, folder, home, push, pullBack } = await scene(t)
  await sleep(UNTIL_REMEMBERED_MS)
  const first = await push()
  assert.ok(first.taken > 10, `${first.taken} files were read`)
  const again = await push()
  assert.is(again.outcome, 'unchanged')
  assert.is(again.taken, 0)
  assert.equal(again.searched, first.searched)
  writeFileSync(join(path, 'more.csv'), 'one file more\n')
  const next = await push()
  assert.is(next.version, '0.0.2')
  assert.is(next.taken, 2, 'the new file, and the list of modes and times')
  assert.equal(next.searched, first.searched)
  await pullBack('back')
  assert.equal(treeOf(join(folder, 'back')), treeOf(path))
  assert.equal((await home.call('check', { repair: false }, home.options)).findings, [])
})

test('a file with other bytes is read, also when its size and its time of change were put back', async (t) => {
  const { path, folder, push, pullBack } = await scene(t)
  const file = join(path, 'run.csv')
  await sleep(UNTIL_REMEMBERED_MS)
  await push()
  const { atime, mtime, size } = statSync(file)
  writeFileSync(file, 'colony;ants\n1;41\n')
  utimesSync(file, atime, mtime)
  assert.is(statSync(file).size, size)
  assert.is((await push()).version, '0.0.2')
  await pullBack('back')
  assert.equal(treeOf(join(folder, 'back')), treeOf(path))
})

test('a file that was written just before it was read is read again: another write may have the same time', async (t) => {
  const { path, push } = await scene(t)
  await sleep(UNTIL_REMEMBERED_MS)
  writeFileSync(join(path, 'run.csv'), 'colony;ants\n2;50\n')
  await push()
  assert.is((await push()).taken, 1)
})

test('a file with a secret that was let through is searched each time', async (t) => {
  const { path, push } = await scene(t)
  writeFileSync(join(path, 'settings.ini'), 'url=https://ann:Tr0ub4dor-and-3@example.org/\n')
  await sleep(UNTIL_REMEMBERED_MS)
  assert.is((await push({ allowSecrets: true })).allowed, 1)
  assert.is((await push({ allowSecrets: true })).allowed, 1)
  assert.is(await codeOf(push()), 'SecretFound')
})

test('what was forgotten and swept is read again', async (t) => {
  const { path, folder, home, push, pullBack } = await scene(t)
  await sleep(UNTIL_REMEMBERED_MS)
  const { record, taken } = await push()
  await home.call('forget', { reference: `Ants@${record}`, here: false }, home.options)
  await home.call('gc', {}, home.options)
  const again = await push()
  assert.is(again.taken, taken)
  await pullBack('back')
  assert.equal(treeOf(join(folder, 'back')), treeOf(path))
})
