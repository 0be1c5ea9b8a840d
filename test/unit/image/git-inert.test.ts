import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { inertConfig } from '../../../src/image/git-config.ts'
import { placeTree } from '../../../src/image/place.ts'
import { test } from '../../harness.ts'
import { failure, imageDirectory, scanOf, sketchedTree, temporaryDirectory, treeOf, writeFiles } from './fixture.ts'

const PLAIN = `[core]
	repositoryformatversion = 0
	filemode = true
	bare = false
[remote "origin"]
	url = https://github.com/pharo-project/pharo.git
	fetch = +refs/heads/*:refs/remotes/origin/*
[branch "main"]
	remote = origin
	merge = refs/heads/main
; a comment
[user]
	name = Somebody
	email = somebody@example.org
`

test('settings as a clone has them stay byte for byte', () => {
  for (const text of [
    PLAIN,
    '',
    '\n',
    PLAIN.replaceAll('\n', '\r\n'),
    '[submodule "x"]\n\turl = ../x\n\tactive = true',
  ]) {
    assert.equal(inertConfig(text, '.git'), { text, settings: [] })
  }
})

test('a setting that names a command, another file or another place becomes a comment, and is named', () => {
  const dangerous: Array<[section: string, line: string, name: string]> = [
    ['core', 'fsmonitor = ./evil.sh', 'core.fsmonitor'],
    ['core', 'sshCommand = evil', 'core.sshcommand'],
    ['CORE', 'HooksPath = evil', 'core.hookspath'],
    ['core', 'pager = evil', 'core.pager'],
    ['core', 'editor = evil', 'core.editor'],
    ['core', 'worktree = /home/me', 'core.worktree'],
    ['core', 'worktree = ../../../..', 'core.worktree'],
    ['core', 'worktree = ../.. # x', 'core.worktree'],
    ['core', 'bare = "a\\', 'core.bare'],
    ['filter "lfs"', 'smudge = evil', 'filter.smudge'],
    ['filter "lfs"', 'process = evil', 'filter.process'],
    ['diff "x"', 'textconv = evil', 'diff.textconv'],
    ['merge "x"', 'driver = evil', 'merge.driver'],
    ['alias', 'st = !evil', 'alias.st'],
    ['credential', 'helper = !evil', 'credential.helper'],
    ['include', 'path = ../evil', 'include.path'],
    ['includeIf "gitdir:/"', 'path = ../evil', 'includeif.path'],
    ['url "ext::sh -c evil"', 'insteadOf = https://', 'url.insteadof'],
    ['remote "o"', 'url = ext::sh -c evil', 'remote.url'],
    ['remote "o"', 'url = "ext:":sh', 'remote.url'],
    ['remote "o"', 'url = --upload-pack=evil', 'remote.url'],
    ['remote "o"', 'url = ssh://-oProxyCommand=evil/x', 'remote.url'],
    ['remote "o"', 'uploadpack = evil', 'remote.uploadpack'],
    ['remote.o', 'vcs = evil', 'remote.vcs'],
    ['branch "m"', 'remote = ext::evil', 'branch.remote'],
    ['submodule "s"', 'update = !evil', 'submodule.update'],
    ['gpg', 'program = evil', 'gpg.program'],
  ]
  for (const [section, line, name] of dangerous) {
    const text = `${PLAIN}[${section}]\n\t${line}\n`
    const inert = inertConfig(text, 'a/b/.git')
    assert.equal(inert.settings, [name], line)
    assert.match(inert.text, `#pintglas# \t${line}\n`)
  }
})

test('a working tree of a submodule may lie anywhere inside', () => {
  const text = '[core]\n\tworktree = ../../../lib\n'
  assert.equal(inertConfig(text, '.git/modules/lib').settings, [])
  assert.equal(inertConfig(text, '.git').settings, ['core.worktree'])
})

test('lines that go on are comments as a whole; what follows a comment that ends in a backslash is still seen', () => {
  const { text, settings } = inertConfig(
    '[alias]\n\ta = "!f() { \\\n\t  evil; \\\n\t}; f"\n[core]\n\tbare = no\n',
    '.git',
  )
  assert.equal(settings, ['alias.a'])
  assert.ok(
    text
      .split('\n')
      .slice(1, 4)
      .every((line) => line.startsWith('#pintglas# ')),
  )
  assert.match(text, '\n\tbare = no\n')
  const hidden = inertConfig('[core]\n\tfilemode = true # \\\n\tfsmonitor = evil\n# \\\n\tpager = evil\n', '.git')
  for (const line of hidden.text.split('\n').filter((l) => l.includes('evil'))) assert.match(line, /^#/)
})

test('what is not written the way git writes it becomes a comment as a whole', () => {
  for (const text of [
    '[core] fsmonitor = evil\n',
    '[core\n]\nfsmonitor = evil\n',
    '\ufefffsmonitor',
    'fsmonitor = evil\n',
    '[core]\nbare = no\rfsmonitor = evil\n',
    '[core]\nbare = no\0\n',
    '[core]\n= x\n',
    'binary \x01\x02',
  ]) {
    const inert = inertConfig(Buffer.from(text).toString('latin1'), '.git')
    assert.equal(inert.settings, ['all settings'], text)
    assert.ok(inert.text.split('\n').every((line) => line.startsWith('#pintglas# ')))
  }
})

const GIT_FILES = [{ path: 'Sim.image', bytes: 'x' }]
const clone = (at: string) => [
  { path: `${at}` },
  { path: `${at}/objects` },
  { path: `${at}/refs` },
  { path: `${at}/hooks` },
  { path: `${at}/hooks/post-checkout`, bytes: '#!/bin/sh\n', mode: 0o755 },
  { path: `${at}/hooks/pre-push.sample`, bytes: '#!/bin/sh\n', mode: 0o755 },
  { path: `${at}/config`, bytes: '[core]\n\tpager = evil\n' },
]

test('hooks from somebody else get another name and are not executable; all is reported', async (t) => {
  const target = join(temporaryDirectory(t), 'Sim')
  const { inert } = await placeTree(sketchedTree([...GIT_FILES, ...clone('.git')]), target, { foreign: true })
  assert.equal(inert, [
    { path: '.git/hooks/post-checkout.pintglas-inert', what: 'hook' },
    { path: '.git/config', what: 'core.pager' },
  ])
  assert.is(lstatSync(join(target, '.git/hooks/post-checkout.pintglas-inert')).mode & 0o777, 0o644)
  assert.is(lstatSync(join(target, '.git/hooks/pre-push.sample')).mode & 0o777, 0o755)
  assert.is(readFileSync(join(target, '.git/config'), 'utf8'), '[core]\n#pintglas# \tpager = evil\n')
})

test("one's own hooks and settings come back as they were", async (t) => {
  const target = join(temporaryDirectory(t), 'Sim')
  const { inert } = await placeTree(sketchedTree([...GIT_FILES, ...clone('.git')]), target)
  assert.equal(inert, [])
  assert.ok(existsSync(join(target, '.git/hooks/post-checkout')))
  assert.is(readFileSync(join(target, '.git/config'), 'utf8'), '[core]\n\tpager = evil\n')
})

test('repositories of any name are found: bare ones, those of submodules and work trees, in any case', async (t) => {
  const parent = temporaryDirectory(t)
  const modules = [{ path: '.git' }, { path: '.git/modules' }, ...clone('.git/modules/sub')]
  const worktree = [
    { path: 'w' },
    { path: 'w/HEAD', bytes: 'ref: x' },
    { path: 'w/commondir', bytes: '..' },
    { path: 'w/config.worktree', bytes: '[core]\n\tfsmonitor = evil\n' },
  ]
  const cases = [clone('innocent'), clone('.GIT'), modules, worktree]
  for (const [at, sketches] of cases.entries()) {
    const target = join(parent, `${at}`)
    const { inert } = await placeTree(sketchedTree([...GIT_FILES, ...sketches]), target, { foreign: true })
    assert.ok(
      inert.some(({ path }) => /\/config(\.worktree)?$/.test(path)),
      `case ${at}`,
    )
  }
})

test('settings and hooks that are links, and settings of a strange size, are put aside', async (t) => {
  const target = join(temporaryDirectory(t), 'Sim')
  const sketches = [
    { path: '.git' },
    { path: '.git/config', target: '../evil' },
    { path: '.git/hooks', target: '../evil-hooks' },
    { path: 'sub' },
    { path: 'sub/.git' },
    { path: 'sub/.git/config', bytes: '#'.repeat(100_000) },
    { path: 'evil', bytes: 'x' },
    { path: 'evil-hooks' },
  ]
  const { inert } = await placeTree(sketchedTree([...GIT_FILES, ...sketches]), target, { foreign: true })
  assert.equal(
    inert.map(({ path }) => path),
    ['.git/config.pintglas-inert', '.git/hooks.pintglas-inert', 'sub/.git/config.pintglas-inert'],
  )
  assert.not.ok(existsSync(join(target, '.git/config')))
})

test('a tree that holds the new name already is refused', async (t) => {
  const sketches = [...clone('.git'), { path: '.git/hooks/post-checkout.pintglas-inert', bytes: 'x' }]
  // The one that is there is a hook by its place, and gets the name once more: both fit.
  await placeTree(sketchedTree(sketches), join(temporaryDirectory(t), 'Sim'), { foreign: true })
  const taken = [
    { path: '.git' },
    { path: '.git/config', target: 'x' },
    { path: '.git/config.pintglas-inert', bytes: 'x' },
  ]
  await failure('UnsafePath', () =>
    placeTree(sketchedTree(taken), join(temporaryDirectory(t), 'Sim'), { foreign: true }),
  )
})

const git = (() => {
  try {
    execFileSync('git', ['--version'])
    return undefined
  } catch {
    return 'git is not installed here'
  }
})()

test(
  'real git runs nothing in a pulled clone of somebody else, and works in it',
  async (t) => {
    const directory = imageDirectory(t)
    const trap = join(temporaryDirectory(t), 'sprung')
    const run = (where: string, ...args: string[]) =>
      execFileSync('git', ['-C', where, ...args], {
        encoding: 'utf8',
        env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' },
      })
    const repository = join(directory, 'pharo-local/iceberg/o/p')
    writeFiles(repository, { 'a.st': 'one' })
    run(repository, 'init', '-q')
    run(repository, 'add', '.')
    run(repository, '-c', 'user.name=x', '-c', 'user.email=x@x', 'commit', '-q', '-m', 'one')
    run(repository, 'config', 'core.fsmonitor', `touch ${trap}; false`)
    run(repository, 'config', 'alias.spring', `!touch ${trap}`)
    mkdirSync(join(repository, '.git/hooks'), { recursive: true })
    writeFileSync(join(repository, '.git/hooks/post-checkout'), `#!/bin/sh\ntouch ${trap}\n`)
    chmodSync(join(repository, '.git/hooks/post-checkout'), 0o755)
    const scan = await scanOf(directory)
    const spring = (where: string) => {
      run(where, 'status', '--short')
      run(where, 'checkout', '-q', '-b', `b${Math.trunc(performance.now())}`)
      return existsSync(trap)
    }
    const target = join(dirname(directory), 'placed')
    const { inert } = await placeTree(treeOf(scan), target, { foreign: true })
    assert.is(spring(join(target, 'pharo-local/iceberg/o/p')), false)
    assert.match(run(join(target, 'pharo-local/iceberg/o/p'), 'log', '--oneline'), 'one')
    assert.ok(inert.some(({ what }) => what.includes('core.fsmonitor') && what.includes('alias.spring')))
    assert.is(spring(repository), true, 'the trap works where nothing was made inert')
  },
  { skip: git },
)
