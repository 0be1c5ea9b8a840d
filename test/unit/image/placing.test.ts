import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { removeTree, repairPlacing } from '../../../src/image/placing.ts'
import { seededRandom } from '../../gen/random.ts'
import { test } from '../../harness.ts'
import { temporaryDirectory, writeFiles } from './fixture.ts'

const STAGING = '.Sim.pintglas-0123456789abcdef'
const FOLDER = `${STAGING}.placing`

/** A folder that a process left behind long ago, with its note and no lock. */
function leaveFolder(parent: string, note: unknown, name = FOLDER): void {
  mkdirSync(join(parent, name))
  if (note !== undefined) writeFileSync(join(parent, name, 'note'), JSON.stringify(note))
  utimesSync(join(parent, name), 1e9, 1e9)
}

const SWAP = { target: 'Sim', old: 'Sim.before-1', keepOld: true }

test('a directory that was only half filled is removed', async (t) => {
  const parent = temporaryDirectory(t)
  for (const note of [undefined, { target: 'Sim', old: null, keepOld: true }]) {
    writeFiles(parent, { 'Sim/mine.txt': 'x', [`${STAGING}/half.image`]: 'x' })
    leaveFolder(parent, note)
    assert.equal(await repairPlacing(parent), [])
    assert.equal(readdirSync(parent), ['Sim'])
  }
})

test('stopped between the two renames: the new directory gets the name, the old one is kept', async (t) => {
  const parent = temporaryDirectory(t)
  writeFiles(parent, { 'Sim.before-1/mine.txt': 'old', [`${STAGING}/Sim.image`]: 'new' })
  leaveFolder(parent, SWAP)
  assert.equal(await repairPlacing(parent), [join(parent, 'Sim')])
  assert.equal(readdirSync(parent).sort(), ['Sim', 'Sim.before-1'])
  assert.is(readFileSync(join(parent, 'Sim/Sim.image'), 'utf8'), 'new')
})

test('stopped between the two renames, and the new directory is lost: the old one gets its name back', async (t) => {
  const parent = temporaryDirectory(t)
  writeFiles(parent, { 'Sim.before-1/mine.txt': 'old' })
  leaveFolder(parent, SWAP)
  await repairPlacing(parent)
  assert.equal(readdirSync(parent), ['Sim'])
})

test('stopped before the first rename: the old directory stays under its name', async (t) => {
  const parent = temporaryDirectory(t)
  writeFiles(parent, { 'Sim/mine.txt': 'old', [`${STAGING}/Sim.image`]: 'new' })
  leaveFolder(parent, SWAP)
  assert.equal(await repairPlacing(parent), [])
  assert.equal(readdirSync(join(parent, 'Sim')), ['mine.txt'])
  assert.equal(readdirSync(parent), ['Sim'])
})

test('stopped after the second rename: the old directory goes only when that was asked for', async (t) => {
  const parent = temporaryDirectory(t)
  for (const keepOld of [true, false]) {
    writeFiles(parent, { 'Sim/Sim.image': 'new', 'Sim.before-1/mine.txt': 'old' })
    leaveFolder(parent, { ...SWAP, keepOld })
    await repairPlacing(parent)
    assert.is(existsSync(join(parent, 'Sim.before-1')), keepOld)
    assert.ok(existsSync(join(parent, 'Sim/Sim.image')))
  }
})

test('repairing twice is repairing once, and a folder that was just made is left alone', async (t) => {
  const parent = temporaryDirectory(t)
  writeFiles(parent, { [`${STAGING}/half.image`]: 'x' })
  mkdirSync(join(parent, FOLDER))
  await repairPlacing(parent)
  assert.ok(existsSync(join(parent, STAGING)))
  utimesSync(join(parent, FOLDER), 1e9, 1e9)
  await repairPlacing(parent)
  await repairPlacing(parent)
  assert.equal(readdirSync(parent), [])
})

test('a note that leads elsewhere moves and removes nothing but its own staging directory', async (t) => {
  const top = temporaryDirectory(t)
  writeFiles(top, { 'elsewhere/x': '1', 'elsewhere.before-1/x': '2', 'parent/other/x': '3', 'parent/7/x': '4' })
  const parent = join(top, 'parent')
  const notes = [
    { target: '../elsewhere', old: '../elsewhere.before-1', keepOld: false },
    { target: 'other', old: '7', keepOld: false },
    { target: 'gone', old: 'other', keepOld: false },
    { target: 'x', old: 'x.before-../../elsewhere', keepOld: false },
    ['no note'],
    'x'.repeat(5000),
  ]
  for (const note of notes) {
    leaveFolder(parent, note)
    assert.equal(await repairPlacing(parent), [])
    assert.equal(readdirSync(parent).sort(), ['7', 'other'])
    assert.equal(readdirSync(top).sort(), ['elsewhere', 'elsewhere.before-1', 'parent'])
  }
})

test('killed at any moment: the directory is the old one or the new one, whole, and repair leaves nothing else', async (t) => {
  const random = seededRandom(42)
  for (let run = 0; run < 12; run++) {
    const parent = temporaryDirectory(t)
    const target = join(parent, 'Sim')
    const child = fork(join(import.meta.dirname, 'place-forever.ts'), [target])
    await once(child, 'message')
    await sleep(random.below(150))
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
    await repairAged(parent)
    const names = readdirSync(parent)
    assert.ok(names.includes('Sim'), names.join())
    assert.ok(
      names.every((name) => /^Sim(\.before-\d+)?$/.test(name)),
      names.join(),
    )
    for (const name of names) assertOneGeneration(join(parent, name))
    await removeTree(parent)
  }
})

/** As it would be a minute later. */
async function repairAged(parent: string): Promise<void> {
  for (const name of readdirSync(parent)) if (name.endsWith('.placing')) utimesSync(join(parent, name), 1e9, 1e9)
  await repairPlacing(parent)
}

function assertOneGeneration(directory: string): void {
  const files = readdirSync(join(directory, 'd'))
  const generations = new Set(files.map((name) => readFileSync(join(directory, 'd', name), 'utf8')))
  assert.is(files.length, 20, directory)
  assert.is(generations.size, 1, directory)
  assert.is(lstatSync(directory).mode & 0o777, 0o755)
}
