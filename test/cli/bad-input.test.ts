import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { type TestContext, test } from '../harness.ts'
import { bad, folderIn, good, run, start, treeOf } from './process.ts'
import { scene } from './scene.ts'

/** Put together here, so that nobody's scanner takes this file for a leak. */
const TOKEN = `ghp_${'a1B2c3D4'.repeat(5)}`
const LONG_AGO = new Date('2024-01-01')

async function nothingWasPushed(t: TestContext, home: string): Promise<void> {
  assert.equal((await good(t, home, 'ls')).glases, [])
}

test('a directory without an image is refused, and the message says which directory', async (t) => {
  const { folder, home } = scene(t)
  const empty = folderIn(folder, 'empty')
  const error = await bad(t, home, 'push', empty)
  assert.is(error.code, 'NotAnImage')
  assert.is(error.exit, 2)
  assert.ok(error.message.includes(empty))
  assert.is((await bad(t, home, 'push', join(folder, 'nowhere'))).code, 'NotAnImage')
})

test('a directory with several images is refused with their names, and each of them can be pushed by its path', async (t) => {
  const { home, ants, imageFile } = scene(t)
  cpSync(imageFile, join(ants, 'Bees.image'))
  const error = await bad(t, home, 'push', ants)
  assert.is(error.exit, 2)
  assert.match(error.message, 'Ants.image, Bees.image')
  assert.is((await good(t, home, 'push', join(ants, 'Bees.image')))['image-name'], 'Bees')
})

test('a half-written image is refused as incomplete, with the bytes that it should have', async (t) => {
  const { home, ants, imageFile } = scene(t)
  truncateSync(imageFile, 250_000)
  utimesSync(imageFile, LONG_AGO, LONG_AGO)
  const error = await bad(t, home, 'push', ants)
  assert.is(error.code, 'BadImage')
  assert.is(error.exit, 6)
  assert.match(error.message, '250000')
  await nothingWasPushed(t, home)
})

test('an image that is saved while it is read is tried again, then refused', async (t) => {
  const { home, ants, imageFile } = scene(t)
  const bytes = readFileSync(imageFile)
  const saving = start(t, home, ['push', ants])
  const over = saving.done.then(() => 'over')
  while ((await Promise.race([over, sleep(20)])) !== 'over') writeFileSync(imageFile, bytes.subarray(0, 250_000))
  const { exit, json, stderr } = await saving.done
  assert.is(json.error.code, 'ImageChanged')
  assert.is(exit, 7)
  assert.match(json.error.message, 'Ants.image')
  assert.match(stderr, 'Trying again')
  writeFileSync(imageFile, bytes)
  assert.is((await good(t, home, 'push', ants)).version, '0.0.1')
})

test('an image whose save ends in time is pushed as it was saved', async (t) => {
  const { folder, home, ants, imageFile } = scene(t)
  const bytes = readFileSync(imageFile)
  truncateSync(imageFile, 250_000)
  const push = start(t, home, ['push', ants])
  let said = ''
  push.child.stderr?.on('data', (text) => {
    said += text
    if (said.includes('Trying again')) writeFileSync(imageFile, bytes)
  })
  assert.is((await push.done).exit, 0)
  await good(t, home, 'pull', 'Ants@0.0.1', join(folder, 'back'))
  assert.equal(treeOf(join(folder, 'back')), treeOf(ants))
})

test('a password in .git/config stops a push: file and kind are told, the password is not', async (t) => {
  const { home, ants } = scene(t)
  const config = join(ants, 'pharo-local/iceberg/ants/colony/.git/config')
  appendFileSync(config, '[remote "mine"]\n\turl = https://ann:hunter42hunter@example.org/colony.git\n')
  const error = await bad(t, home, 'push', ants)
  assert.is(error.code, 'SecretFound')
  assert.is(error.exit, 3)
  assert.match(error.message, 'password in a URL in "pharo-local/iceberg/ants/colony/.git/config"')
  assert.match(error.message, '--secrets allow')
  assert.not.match(JSON.stringify(error), 'hunter42')
  await nothingWasPushed(t, home)
  assert.not.ok(existsSync(join(ants, 'pintglas.ston')))
})

test('a token in .changes stops a push, and `--secrets allow` goes on and says so in the record', async (t) => {
  const { home, ants } = scene(t)
  appendFileSync(join(ants, 'Ants.changes'), `\nIceTokenCredentials new token: '${TOKEN}'!\n`)
  assert.match((await bad(t, home, 'push', ants)).message, 'GitHub token in "Ants.changes"')
  const dry = await run(t, home, 'push', '--dry-run', ants)
  assert.is(dry.json.allowed, 1)
  assert.match(dry.stderr, 'Ants.changes')
  assert.is((await bad(t, home, 'push', '--secrets', 'yes', ants)).code, 'BadUsage')
  const pushed = await good(t, home, 'push', '--secrets', 'allow', ants)
  assert.is(pushed.allowed, 1)
  const shown = await good(t, home, 'show', 'Ants@0.0.1')
  assert.match(JSON.stringify(shown), '"allowed":1')
  assert.ok(pushed.searched.not.includes('heap'), 'what was not searched is told')
})

test('what is left out is listed with the rule, and does not go out', async (t) => {
  const { folder, home, ants } = scene(t)
  writeFileSync(join(ants, 'PharoDebug.log'), 'boom')
  writeFileSync(join(ants, 'results.log'), '42')
  mkdirSync(join(ants, 'pharo-local/iceberg/.ssh'), { recursive: true })
  writeFileSync(join(ants, 'id_rsa'), 'key')
  writeFileSync(join(ants, '.pintglasignore'), 'notes/\n')
  writeFileSync(join(folderIn(ants, 'notes'), 'diary'), 'dear diary')
  const dry = await good(t, home, 'push', '--dry-run', ants)
  const left = new Map(dry['left-out'].map(({ path, rule }: { path: string; rule: string }) => [path, rule]))
  assert.ok(left.has('PharoDebug.log') && left.has('id_rsa') && left.has('notes'), JSON.stringify([...left]))
  assert.not.ok(left.has('results.log'))
  await nothingWasPushed(t, home)
  await good(t, home, 'push', ants)
  await good(t, home, 'pull', 'Ants', join(folder, 'back'))
  assert.ok(existsSync(join(folder, 'back/results.log')))
  for (const name of ['PharoDebug.log', 'id_rsa', 'notes']) assert.not.ok(existsSync(join(folder, 'back', name)), name)
})

test('making a glas public is refused while its heap cannot be searched', async (t) => {
  const { home, ants } = scene(t)
  const error = await bad(t, home, 'push', '--public', ants)
  assert.is(error.code, 'NotSearched')
  assert.is(error.exit, 3)
  await nothingWasPushed(t, home)
})

test('a copied directory is asked for: --same goes on with the glas, --fork begins another', async (t) => {
  const { folder, home, ants } = scene(t)
  const first = await good(t, home, 'push', ants)
  const copy = join(folder, 'copy')
  cpSync(ants, copy, { recursive: true, verbatimSymlinks: true })
  appendFileSync(join(copy, 'Ants.changes'), '"more"!')
  const error = await bad(t, home, 'push', copy)
  assert.is(error.code, 'CopiedDirectory')
  assert.is(error.exit, 3)
  assert.match(error.message, '--same')
  const fork = join(folder, 'fork')
  cpSync(copy, fork, { recursive: true, verbatimSymlinks: true })
  const same = await good(t, home, 'push', '--same', copy)
  assert.is(same['glas-id'], first['glas-id'])
  assert.is(same.version, '0.0.2')
  const other = await good(t, home, 'push', '--fork', fork)
  assert.is.not(other['glas-id'], first['glas-id'])
  assert.is(other.version, '0.0.1')
})

test('a target that is there is left alone without --force', async (t) => {
  const { folder, home, ants } = scene(t)
  await good(t, home, 'push', ants)
  const target = folderIn(folder, 'target')
  writeFileSync(join(target, 'thesis.txt'), 'years of work')
  const error = await bad(t, home, 'pull', 'Ants@0.0.1', target)
  assert.is(error.code, 'TargetExists')
  assert.is(error.exit, 3)
  assert.match(error.message, '--force')
  assert.equal(readdirSync(target), ['thesis.txt'])
  const file = join(folder, 'file')
  writeFileSync(file, 'not a directory')
  assert.is((await bad(t, home, 'pull', '--force', 'Ants@0.0.1', file)).code, 'TargetExists')
  assert.is(readFileSync(file, 'utf8'), 'not a directory')
})

test('--force keeps a directory beside when it has work that was never pushed, and only then', async (t) => {
  const { folder, home, ants } = scene(t)
  await good(t, home, 'push', ants)
  const target = join(folder, 'target')
  await good(t, home, 'pull', 'Ants@0.0.1', target)
  const clean = await good(t, home, 'pull', '--force', 'Ants@0.0.1', target)
  assert.is(clean['kept-old'], '')
  appendFileSync(join(target, 'Ants.changes'), '"a night of work"!')
  const before = treeOf(target)
  const kept = await good(t, home, 'pull', '--force', 'Ants@0.0.1', target)
  assert.equal(treeOf(kept['kept-old']), before)
  assert.equal(treeOf(target), treeOf(ants))
  assert.equal(readdirSync(folder).sort(), ['ants', 'home', 'target', 'target.before-1'])
})

test('names and links that nobody could place are refused by the push', async (t) => {
  const { folder, home, ants } = scene(t)
  const badName = Buffer.concat([Buffer.from(`${ants}/caf`), Buffer.from([0xe9])])
  writeFileSync(badName, 'latin-1')
  assert.match((await bad(t, home, 'push', ants)).message, 'UTF-8')
  renameSync(badName, join(ants, 'café'))
  for (const target of ['/etc/passwd', '../secrets', 'pharo-local/../../x']) {
    const link = join(ants, 'link')
    symlinkSync(target, link)
    const error = await bad(t, home, 'push', ants)
    assert.is(error.code, 'UnsafePath', target)
    assert.is(error.exit, 3)
    assert.match(error.message, '"link" is a link that leads out')
    renameSync(link, join(folder, `gone-${target.length}`))
  }
  await nothingWasPushed(t, home)
  assert.is((await good(t, home, 'push', ants)).version, '0.0.1')
})

test('a pipe in the directory is left out with a warning and stops nothing', async (t) => {
  const { home, ants } = scene(t)
  execFileSync('mkfifo', [join(ants, 'pipe')])
  const { exit, stderr } = await run(t, home, 'push', ants)
  assert.is(exit, 0)
  assert.match(stderr, '"pipe" is a socket, a pipe or a device')
})

test('a damaged sidecar is named, and nothing is guessed', async (t) => {
  const { home, ants } = scene(t)
  await good(t, home, 'push', ants)
  writeFileSync(join(ants, 'pintglas.ston'), '{ half')
  const error = await bad(t, home, 'push', ants)
  assert.is(error.code, 'BadSton')
  assert.match(error.message, 'pintglas.ston')
  assert.is((await good(t, home, 'ls')).glases[0].versions, 1)
})

test('a sidecar that was lost, as by a push that was killed at its very end, does not begin a second glas', async (t) => {
  const { home, ants } = scene(t)
  const first = await good(t, home, 'push', ants)
  rmSync(join(ants, 'pintglas.ston'))
  const again = await good(t, home, 'push', ants)
  assert.is(again.outcome, 'unchanged')
  assert.is(again['glas-id'], first['glas-id'])
  appendFileSync(join(ants, 'Ants.changes'), '"more"!')
  assert.is((await good(t, home, 'push', ants)).version, '0.0.2')
  assert.is((await good(t, home, 'ls')).glases.length, 1)
})

test('a version that is not higher, and a reference that is none, are refused as wrong usage', async (t) => {
  const { folder, home, ants } = scene(t)
  await good(t, home, 'push', '--as', '1.2.0', ants)
  appendFileSync(join(ants, 'Ants.changes'), '"more"!')
  for (const version of ['1.2.0', '0.9.0', 'two']) {
    assert.is((await bad(t, home, 'push', '--as', version, ants)).exit, 2, version)
  }
  for (const reference of ['@1.2.0', 'Ants@~']) {
    assert.is((await bad(t, home, 'pull', reference, join(folder, 'back'))).exit, 2, reference)
  }
  const missing = await bad(t, home, 'pull', 'Ants@9.9.9', join(folder, 'back'))
  assert.is(missing.code, 'NameNotFound')
  assert.is(missing.exit, 4)
  assert.not.ok(existsSync(join(folder, 'back')))
})
