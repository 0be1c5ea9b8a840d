import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { EntryKind } from '../../../src/image/entry.ts'
import { countLeftOut, LEFT_OUT_RULES, type LeftOutRule, matchingRule } from '../../../src/image/rules.ts'
import { test } from '../../harness.ts'

const DOCUMENT = join(import.meta.dirname, '../../../docs/left-out.md')

function documentedLine({ id, patterns, kind, holdsImage, always, reason }: LeftOutRule): string {
  const shown = patterns.map((pattern) => `\`${pattern}\``).join(' ') || '-'
  const applies = holdsImage ? 'directory that holds an image' : kind
  return `| \`${id}\` | ${shown} | ${applies} | ${always ? 'no' : 'yes'} | ${reason} |`
}

test('docs/left-out.md holds exactly the table of the code', () => {
  const text = readFileSync(DOCUMENT, 'utf8')
  const [, table = ''] = text.split('|---|---|---|---|---|\n')
  assert.equal(table.split('\n\n')[0]?.split('\n'), LEFT_OUT_RULES.map(documentedLine))
})

test('every credential file that is known by its name is left out, wherever it lies', () => {
  const expected: Record<string, string> = {
    'credentials.fuel': 'iceberg-credentials',
    '.git-credentials': 'git-credentials',
    credentials: 'git-credentials',
    '.aws/credentials': 'git-credentials',
    '.netrc': 'login-file',
    _netrc: 'login-file',
    '.npmrc': 'login-file',
    '.pypirc': 'login-file',
    '.docker/config.json': 'login-file',
    'tap.token': 'login-file',
    '.config/gh/hosts.yml': 'forge-token',
    '.config/hub': 'forge-token',
    '.config/glab-cli/config.yml': 'forge-token',
    '.env': 'environment',
    '.env.local': 'environment',
    '.envrc': 'environment',
    id_rsa: 'private-key',
    id_dsa: 'private-key',
    id_ecdsa: 'private-key',
    id_ed25519: 'private-key',
    'server.pem': 'private-key',
    'Server.PEM': 'private-key',
    'a.key': 'private-key',
    'a.p12': 'private-key',
    'a.pfx': 'private-key',
    'a.jks': 'private-key',
    'a.kdbx': 'private-key',
    known_hosts: 'ssh-hosts',
    '.bashrc': 'shell',
    '.zshrc': 'shell',
    '.profile': 'shell',
    '.bash_history': 'shell',
    'system-settings.ston': 'pharo-settings',
    mcSettings: 'pharo-settings',
    'sources.list': 'launcher-settings',
    'launcherSettings.ston': 'launcher-settings',
  }
  for (const [path, id] of Object.entries(expected)) {
    assert.is(matchingRule(path, 'file')?.id, id, path)
    assert.is(matchingRule(`home/me/${path}`, 'file')?.id, id, path)
  }
})

test('names that only resemble a rule stay in', () => {
  const kept: Array<[path: string, kind: EntryKind]> = [
    ['id_rsa.pub', 'file'],
    ['myid_rsa', 'file'],
    ['monkey', 'file'],
    ['config.json', 'file'],
    ['gh/hosts.yml', 'file'],
    ['.env', 'directory'],
    ['credentials', 'directory'],
    ['package-cache', 'directory'],
    ['github-cache', 'file'],
    ['MyPharoDebug.log', 'file'],
    ['PharoDebug.log.txt', 'file'],
    ['yarn.lock', 'file'],
    ['x.git/yarn.lock', 'file'],
    ['0123456789a', 'directory'],
    ['0123456789', 'file'],
    ['012345678g', 'directory'],
    ['a.pintglas-0123', 'file'],
  ]
  for (const [path, kind] of kept) assert.is(matchingRule(path, kind), null, path)
})

test('a link counts as what it stands for', () => {
  assert.is(matchingRule('id_rsa', 'symlink')?.id, 'private-key')
  assert.is(matchingRule('github-cache', 'symlink')?.id, 'metacello-cache')
})

test('the record gets counts by rule, and no names', () => {
  const leftOut = ['a', 'b', 'a'].map((rule, at) => ({ path: `secret-${at}`, rule, reason: '' }))
  assert.equal(countLeftOut(leftOut), { a: 2, b: 1 })
})
