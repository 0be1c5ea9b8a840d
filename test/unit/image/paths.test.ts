import * as assert from 'uvu/assert'
import type { TreeEntry } from '../../../src/image/entry.ts'
import { checkName, checkPath, checkTree, type Folding } from '../../../src/image/paths.ts'
import { test } from '../../harness.ts'
import { collect, failure, sketchedTree } from './fixture.ts'

type Sketches = Parameters<typeof sketchedTree>[0]
const entriesOf = (sketches: Sketches): Promise<TreeEntry[]> => collect(sketchedTree(sketches).entries())

const MAC: Folding = { foldsCase: true, foldsForm: true }

test('ordinary names pass, also those that mean something elsewhere', () => {
  for (const path of [
    'a',
    'a/b',
    '..a',
    'a..',
    '...',
    'a\\b',
    'C:x',
    'aux',
    'x\ny',
    '😀',
    '-',
    ' ',
    'a.',
    'é',
    'e\u0301',
  ]) {
    checkPath(path)
  }
})

test('names that lead out, end nowhere, or that no system could keep are refused', async () => {
  const bad = ['', '.', '..', '/a', '../a', 'a/../b', 'a/..', 'a//b', 'a/', './a', 'a/./b', 'a\0b', 'a\ud800b']
  const long = ['x'.repeat(256), 'é'.repeat(128), `${'a/'.repeat(200)}b`, `${`${'x'.repeat(200)}/`.repeat(20)}b`]
  const ours = ['pintglas.ston', 'a/pintglas.ston', 'PintGlas.STON', 'pintglas.ston/x']
  for (const path of [...bad, ...long, ...ours]) {
    const error = await failure('UnsafePath', () => checkPath(path))
    assert.is(error.data.path !== undefined, true)
  }
})

test('a name in a directory of the contents has no slash', async () => {
  checkName('a b')
  for (const name of ['a/b', '/', '..', '', 'a\0']) await failure('UnsafePath', () => checkName(name))
})

test('a tree has each path once, each in a directory', async () => {
  checkTree(await entriesOf([{ path: '' }, { path: 'a' }, { path: 'a/b', bytes: 'x' }, { path: 'c', target: 'a/b' }]))
  const bad: Sketches[] = [
    [
      { path: 'a', bytes: 'x' },
      { path: 'a', bytes: 'x' },
    ],
    [{ path: 'a', bytes: 'x' }, { path: 'a' }],
    [
      { path: 'a', bytes: 'x' },
      { path: 'a/b', bytes: 'x' },
    ],
    [{ path: 'a', target: 'b' }, { path: 'a/b', bytes: 'x' }, { path: 'b' }],
    [{ path: 'a/b', bytes: 'x' }],
    [{ path: '', bytes: 'x' }],
    [{ path: '', target: 'x' }],
  ]
  for (const sketches of bad) {
    const entries = await entriesOf(sketches)
    await failure('UnsafePath', () => checkTree(entries))
  }
})

test('links stay inside, through whatever other links they lead', async () => {
  const inside: Sketches[] = [
    [{ path: 'a', target: 'b' }],
    [{ path: 'd' }, { path: 'd/a', target: '../b' }],
    [{ path: 'd' }, { path: 'd/up', target: '..' }, { path: 'l', target: 'd/up/d/up/x' }],
    [{ path: 'a', target: 'a' }],
    [
      { path: 'a', target: 'b/..' },
      { path: 'b', target: 'a/..' },
    ],
  ]
  for (const sketches of inside) checkTree(await entriesOf(sketches))
  const outside: Sketches[] = [
    [{ path: 'a', target: '/' }],
    [{ path: 'a', target: '..' }],
    [{ path: 'a', target: 'x/../..' }],
    [{ path: 'd' }, { path: 'd/up', target: '..' }, { path: 'l', target: 'd/up/..' }],
    [
      { path: 'a', target: 'b/x' },
      { path: 'b', target: '/tmp' },
    ],
    [{ path: 'a', target: '' }],
    [{ path: 'a', target: 'x\0' }],
    [{ path: 'a', target: 'x/'.repeat(3000) }],
  ]
  for (const sketches of outside) {
    const entries = await entriesOf(sketches)
    await failure('UnsafePath', () => checkTree(entries))
  }
})

test('where names fold, two that become one are refused, and links are followed by their folded names', async () => {
  const collisions: Sketches[] = [
    [
      { path: 'Readme', bytes: 'x' },
      { path: 'README', bytes: 'x' },
    ],
    [
      { path: 'é', bytes: 'x' },
      { path: 'e\u0301', bytes: 'x' },
    ],
    [
      { path: 'straße', bytes: 'x' },
      { path: 'STRASSE', bytes: 'x' },
    ],
    [{ path: 'A' }, { path: 'A/x', bytes: 'x' }, { path: 'a', target: '.' }],
    [{ path: 'd' }, { path: 'd/up', target: '..' }, { path: 'l', target: 'd/UP/..' }],
  ]
  for (const sketches of collisions) {
    const entries = await entriesOf(sketches)
    checkTree(entries)
    await failure('UnsafePath', () => checkTree(entries, MAC))
  }
  checkTree(
    await entriesOf([
      { path: 'a', bytes: 'x' },
      { path: 'b', bytes: 'x' },
    ]),
    MAC,
  )
})
