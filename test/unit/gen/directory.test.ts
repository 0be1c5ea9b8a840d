import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { copyDirectory, imageDirectory, nextSnapshot } from '../../gen/directory.ts'
import { type TestContext, test } from '../../harness.ts'

const OPTIONS = { seed: 4, sizeBytes: 200_000 }

function scratch(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'gen-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** One line a file: path, kind, mode, time of change (of files), contents. */
function fingerprint(path: string): string {
  const lines = readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => {
    const stat = lstatSync(join(path, name))
    if (stat.isDirectory()) return `${name}/`
    const contents = stat.isSymbolicLink() ? readlinkSync(join(path, name)) : readFileSync(join(path, name))
    return `${name} ${stat.mode} ${stat.mtimeMs} ${createHash('sha256').update(contents).digest('hex')}`
  })
  return lines.sort().join('\n')
}

test('the same options and edits give the same tree, times and modes included', (t) => {
  const root = scratch(t)
  const make = (name: string) =>
    nextSnapshot(imageDirectory(join(root, name), OPTIONS), { seed: 9, newObjects: 50, ombuBytes: 500 })
  assert.is(fingerprint(make('a').path), fingerprint(make('b').path))
})

test('the directory holds all that Pharo and Iceberg put there', (t) => {
  const { path } = imageDirectory(join(scratch(t), 'ants'), { ...OPTIONS, name: 'Ants' })
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' })
  for (const name of ['Ants.image', 'Ants.changes', 'pharo.version', 'meta-inf.ston'])
    assert.ok(names.includes(name), name)
  assert.ok(names.some((name) => name.endsWith('.sources')))
  assert.ok(names.some((name) => name.endsWith('.ombu')))
  const clone = join(path, 'pharo-local/iceberg/ants/colony')
  assert.equal(readdirSync(join(clone, '.git/refs/tags')), [])
  assert.is(readlinkSync(join(clone, 'LIESMICH.md')), 'README.md')
  const objects = readdirSync(join(clone, '.git/objects'), { recursive: true, withFileTypes: true })
  const modes = objects
    .filter((entry) => entry.isFile())
    .map((entry) => statSync(join(entry.parentPath, entry.name)).mode)
  assert.ok(modes.length > 8 && modes.every((mode) => (mode & 0o777) === 0o444))
})

const git = spawnSync('git', ['--version']).status === 0 ? undefined : 'git is not installed'

test(
  'git finds nothing wrong with the clone',
  (t) => {
    const { path } = imageDirectory(join(scratch(t), 'ants'), OPTIONS)
    const clone = join(path, 'pharo-local/iceberg/ants/colony')
    const { status, stderr } = spawnSync('git', ['-C', clone, 'fsck', '--strict', '--full'], { encoding: 'utf8' })
    assert.is(stderr, '')
    assert.is(status, 0)
  },
  { skip: git },
)

test('logs only grow at their end; a restart begins a new Epicea log', (t) => {
  const root = scratch(t)
  const first = imageDirectory(join(root, 'v1'), OPTIONS)
  const edit = { seed: 3, newObjects: 20, changesBytes: 3000, ombuBytes: 3000 }
  const second = nextSnapshot(copyDirectory(first, join(root, 'v2')), edit)
  const third = nextSnapshot(copyDirectory(second, join(root, 'v3')), { ...edit, restart: true })
  for (const file of ['Ants.changes', first.ombu.path]) {
    const [before, after] = [first, second].map(({ path }) => readFileSync(join(path, file)))
    assert.ok(after!.length > before!.length + 3000)
    assert.ok(before!.equals(after!.subarray(0, before!.length)))
  }
  assert.is(second.ombu.path, first.ombu.path)
  assert.is.not(third.ombu.path, second.ombu.path)
  const [sources] = readdirSync(first.path).filter((name) => name.endsWith('.sources'))
  assert.ok(readFileSync(join(first.path, sources!)).equals(readFileSync(join(third.path, sources!))))
})
