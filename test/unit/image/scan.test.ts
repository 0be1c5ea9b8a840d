import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { locateImage } from '../../../src/image/locate.ts'
import { IMAGE_LEAF_BYTES, OTHER_LEAF_BYTES, scanDirectory } from '../../../src/image/scan.ts'
import { test } from '../../harness.ts'
import { failure, imageDirectory, scanOf, tinyImage, writeFiles } from './fixture.ts'

const paths = (list: Array<{ path: string }>) => list.map(({ path }) => path)
const rulesOf = (list: Array<{ path: string; rule: string }>) => Object.fromEntries(list.map((l) => [l.path, l.rule]))

test('the image comes first, then its changes, then the others in the order of their bytes', async (t) => {
  const directory = imageDirectory(t, { 'A.st': '1', 'pharo-local/x.ombu': '2', 'pharo.version': '120', 'é.txt': '3' })
  const { entries, root } = await scanOf(directory)
  assert.equal(paths(entries), [
    'Sim.image',
    'Sim.changes',
    'A.st',
    'Pharo12.0-64bit-abcdef0.sources',
    'pharo-local',
    'pharo-local/x.ombu',
    'pharo.version',
    'é.txt',
  ])
  assert.is(root.path, '')
  assert.is(root.kind, 'directory')
})

test('leaves are 1 MiB for image files and 64 KiB for others, by the path alone', async (t) => {
  const composed = { 'Big.image/seg0.data': 'x', 'Big.image/seg0.ston': 'x', 'Old.image': tinyImage() }
  const scan = await scanOf(join(imageDirectory(t, composed), 'Sim.image'))
  const entries = scan.entries.filter(({ kind }) => kind === 'file')
  const long = entries.filter(({ leafBytes }) => leafBytes === IMAGE_LEAF_BYTES)
  assert.equal(paths(long), ['Sim.image', 'Big.image/seg0.data', 'Old.image'])
  assert.ok(entries.filter((entry) => !long.includes(entry)).every(({ leafBytes }) => leafBytes === OTHER_LEAF_BYTES))
})

test('permissions are kept, and the bits for other users and groups to become the owner are dropped', async (t) => {
  const directory = imageDirectory(t, { 'run.sh': 'x', 'shared/': '' })
  chmodSync(join(directory, 'run.sh'), 0o6754)
  chmodSync(join(directory, 'shared'), 0o1777)
  utimesSync(join(directory, 'run.sh'), 5, '-1.25')
  const { entries } = await scanOf(directory)
  const run = entries.find(({ path }) => path === 'run.sh')
  assert.is(run?.mode, 0o754)
  assert.equal([run?.mtimeSec, run?.mtimeNsec], [-2, 750_000_000])
  assert.is(entries.find(({ path }) => path === 'shared')?.mode, 0o777)
})

test('credentials, dumps, caches, leftovers and our own files stay behind, each with the rule that matched', async (t) => {
  const directory = imageDirectory(t, {
    'pharo-local/iceberg/credentials.fuel': 'FUEL',
    '.git-credentials': 'x',
    'PharoDebug.log': 'x',
    'crash.dmp': 'x',
    'pintglas.ston': '{}',
    'pintglas.ston.12-abcdef01.new': '{',
    '0123456789/Old.image': 'x',
    'abcdef0123/Old/Old.image': 'x',
    'abcdef0123/Old.zip': 'x',
    'github-cache/x.zip': 'x',
    'Sim.before-1/Sim.image': 'x',
    '.Sim.pintglas-0123456789abcdef/half.image': 'x',
    '.Sim.pintglas-0123456789abcdef.placing/note': 'x',
    'src/.git/index.lock': 'x',
    'src/.git/refs/heads/main.lock': 'x',
  })
  const { leftOut, entries } = await scanOf(join(directory, 'Sim.image'))
  assert.equal(rulesOf(leftOut), {
    '.Sim.pintglas-0123456789abcdef': 'placing',
    '.Sim.pintglas-0123456789abcdef.placing': 'placing',
    '.git-credentials': 'git-credentials',
    '0123456789': 'tap-leftover',
    abcdef0123: 'tap-leftover',
    'PharoDebug.log': 'debug-log',
    'Sim.before-1': 'kept-old',
    'crash.dmp': 'crash-dump',
    'github-cache': 'metacello-cache',
    'pharo-local/iceberg/credentials.fuel': 'iceberg-credentials',
    'pintglas.ston': 'sidecar',
    'pintglas.ston.12-abcdef01.new': 'sidecar',
    'src/.git/index.lock': 'git-lock',
    'src/.git/refs/heads/main.lock': 'git-lock',
  })
  assert.ok(leftOut.every(({ reason }) => reason.length > 5))
  assert.not.ok(entries.some(({ path }) => path.includes('cache') || path.includes('0123456789')))
})

test('results stay: other logs, package-cache, folders of ten hexadecimal digits and .before-1 without an image', async (t) => {
  const kept = {
    'results.log': 'x',
    'progress.log': 'x',
    'pharo-local/package-cache/A.mcz': 'x',
    'deadbeef00/data.csv': 'x',
    'run.before-1/data.csv': 'x',
    'yarn.lock': 'x',
    'credentials/readme.md': 'x',
  }
  const { leftOut, entries } = await scanOf(imageDirectory(t, kept))
  assert.equal(leftOut, [])
  for (const path of Object.keys(kept)) assert.ok(paths(entries).includes(path), path)
})

test('.pintglasignore leaves out more, and brings back what a rule leaves out, which then is to be searched', async (t) => {
  const directory = imageDirectory(t, {
    '.pintglasignore': '# mine\n*.tmp\n/data/\n!talk.key\n!github-cache/\n!pintglas.ston\n',
    'a.tmp': 'x',
    'data/large.bin': 'x',
    'deep/data/small.bin': 'x',
    'talk.key': 'x',
    'other.key': 'x',
    'github-cache/a.zip': 'x',
    'github-cache/id_rsa': 'x',
    'pintglas.ston': '{}',
  })
  const { entries, leftOut, warnings } = await scanOf(directory)
  assert.equal(rulesOf(leftOut), {
    'a.tmp': '.pintglasignore',
    data: '.pintglasignore',
    'github-cache/id_rsa': 'private-key',
    'other.key': 'private-key',
    'pintglas.ston': 'sidecar',
  })
  assert.is(leftOut.find(({ path }) => path === 'a.tmp')?.reason, '*.tmp')
  const back = entries.filter(({ broughtBack }) => broughtBack)
  assert.equal(paths(back), ['github-cache', 'talk.key'])
  assert.ok(paths(entries).includes('github-cache/a.zip'))
  assert.is(warnings.filter((warning) => warning.includes('brings it back')).length, 2)
})

test('an image that .pintglasignore leaves out cannot be pushed', async (t) => {
  const error = await failure('BadUsage', () => scanOf(imageDirectory(t, { '.pintglasignore': '*.image\n' })))
  assert.match(error.message, '*.image')
})

test('a .pintglasignore that is too long, or could take forever, is refused', async (t) => {
  await failure('LimitExceeded', () => scanOf(imageDirectory(t, { '.pintglasignore': 'x\n'.repeat(2000) })))
  await failure('LimitExceeded', () => scanOf(imageDirectory(t, { '.pintglasignore': 'x'.repeat(70_000) })))
  await failure('LimitExceeded', () => scanOf(imageDirectory(t, { '.pintglasignore': '**/a/**/a/**/a/**/b' })))
})

test('links inside stay links, dangling and circular ones too; empty directories are kept', async (t) => {
  const directory = imageDirectory(t, { 'data/run.csv': 'x', 'empty/': '' })
  symlinkSync('data/run.csv', join(directory, 'latest'))
  symlinkSync('../Sim.image', join(directory, 'data/image'))
  symlinkSync('nowhere', join(directory, 'dangling'))
  symlinkSync('loop', join(directory, 'loop'))
  const { entries } = await scanOf(directory)
  const links = entries.filter(({ kind }) => kind === 'symlink').map(({ path, target }) => [path, target])
  assert.equal(Object.fromEntries(links), {
    dangling: 'nowhere',
    'data/image': '../Sim.image',
    latest: 'data/run.csv',
    loop: 'loop',
  })
  assert.is(entries.find(({ path }) => path === 'empty')?.kind, 'directory')
})

test('a link that leads out is refused: absolute, by .., or through another link', async (t) => {
  const cases: Array<Array<[path: string, target: string]>> = [
    [['out', '/etc/passwd']],
    [['out', '../neighbour']],
    [['data/out', '../../neighbour']],
    [['data/out', 'here/../../..']],
    [
      ['data/up', '..'],
      ['out', 'data/up/..'],
    ],
  ]
  for (const links of cases) {
    const directory = imageDirectory(t, { 'data/here/': '' })
    for (const [path, target] of links) symlinkSync(target, join(directory, path))
    const error = await failure('UnsafePath', () => scanOf(directory))
    assert.match(error.message, 'leads out')
  }
})

test('a link that goes up and comes down inside is no way out', async (t) => {
  const directory = imageDirectory(t, { 'a/b/': '', 'c/d.txt': 'x' })
  symlinkSync('../../c/d.txt', join(directory, 'a/b/link'))
  symlinkSync('a/b/../../c/./d.txt', join(directory, 'long'))
  assert.is((await scanOf(directory)).entries.filter(({ kind }) => kind === 'symlink').length, 2)
})

test('.sources that is a link leading out goes out as the file; inside it stays a link; to nothing it stays behind', async (t) => {
  const directory = imageDirectory(t)
  writeFileSync(join(dirname(directory), 'shared.sources'), 'released text')
  symlinkSync('../shared.sources', join(directory, 'out.sources'))
  symlinkSync('Pharo12.0-64bit-abcdef0.sources', join(directory, 'in.sources'))
  symlinkSync('../missing.sources', join(directory, 'gone.sources'))
  const { entries, leftOut, warnings } = await scanOf(directory)
  const out = entries.find(({ path }) => path === 'out.sources')
  assert.equal([out?.kind, out?.sizeBytes, out?.target], ['file', 13, null])
  assert.is(entries.find(({ path }) => path === 'in.sources')?.kind, 'symlink')
  assert.equal(rulesOf(leftOut), { 'gone.sources': 'dangling-sources' })
  assert.ok(warnings.some((warning) => warning.includes('gone.sources')))
})

test('missing .changes and .sources are warnings', async (t) => {
  const directory = imageDirectory(t)
  writeFiles(dirname(directory), { 'bare/Bare.image': tinyImage() })
  const { warnings } = await scanOf(join(dirname(directory), 'bare'))
  assert.is(warnings.length, 2)
  assert.match(warnings.join(), 'Bare.changes')
  assert.equal((await scanOf(directory)).warnings, [])
})

test('pipes are left out with a warning, and nothing waits for them', async (t) => {
  const directory = imageDirectory(t)
  execFileSync('mkfifo', [join(directory, 'pipe')])
  const { leftOut, warnings } = await scanOf(directory)
  assert.equal(rulesOf(leftOut), { pipe: 'special-file' })
  assert.match(warnings.join(), 'pipe')
})

test('names keep every character: composed and decomposed accents, emoji, newline, backslash, colon', async (t) => {
  const names = [
    'é',
    'e\u0301',
    '😀 run',
    'two\nlines',
    'back\\slash',
    '12:30.log',
    '\ufeffmark',
    ' space ',
    'aux',
    '-rf',
  ]
  const directory = imageDirectory(t, Object.fromEntries(names.map((name) => [name, 'x'])))
  const found = paths((await scanOf(directory)).entries)
  for (const name of names) assert.ok(found.includes(name), JSON.stringify(name))
})

test('a name that is not UTF-8 is refused, and shown', async (t) => {
  const directory = imageDirectory(t)
  mkdirSync(Buffer.concat([Buffer.from(`${directory}/caf`), Buffer.from([0xe9])]))
  const error = await failure('UnsafePath', () => scanOf(directory))
  assert.is(error.data.nameHex, '636166e9')
})

test('what is too deep to be placed is refused, unless .pintglasignore leaves it out', async (t) => {
  const deep = `deep/${'d/'.repeat(140)}`
  await failure('UnsafePath', () => scanOf(imageDirectory(t, { [deep]: '' })))
  await scanOf(imageDirectory(t, { [deep]: '', '.pintglasignore': '/deep/\n' }))
})

test('a scan can be stopped', async (t) => {
  const directory = imageDirectory(t)
  const image = await locateImage(directory)
  try {
    await scanDirectory(image, { signal: AbortSignal.abort() })
    assert.unreachable('went on')
  } catch (error) {
    assert.is((error as Error).name, 'AbortError')
  }
})
