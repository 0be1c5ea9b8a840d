import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { GlasError } from '../../src/glas/errors.ts'
import { checkTree } from '../../src/image/paths.ts'
import { placeTree } from '../../src/image/place.ts'
import { test } from '../harness.ts'
import { collect, failure, listing, sketchedTree, temporaryDirectory, writeFiles } from '../unit/image/fixture.ts'

type Sketches = Parameters<typeof sketchedTree>[0]

/** What a peer that lies could name, each beside a good file. */
const ATTACKS: Record<string, Sketches> = {
  'a name that climbs': [{ path: '../victim.txt', bytes: 'evil' }],
  'a name that climbs from below': [{ path: 'a' }, { path: 'a/../../victim.txt', bytes: 'evil' }],
  'an absolute name': [{ path: '/tmp/pintglas-evil', bytes: 'evil' }],
  'a NUL in a name': [{ path: 'a\0b', bytes: 'evil' }],
  'an empty part': [{ path: 'a' }, { path: 'a//b', bytes: 'evil' }],
  'a file through a link': [{ path: 'l', target: 'a' }, { path: 'a' }, { path: 'l/x', bytes: 'evil' }],
  'a file through a link that leads out': [
    { path: 'l', target: '..' },
    { path: 'l/victim.txt', bytes: 'evil' },
  ],
  'an absolute link': [{ path: 'l', target: '/etc' }],
  'a link that climbs': [{ path: 'l', target: '../victim.txt' }],
  'a link that climbs by another link': [
    { path: 'a' },
    { path: 'a/up', target: '..' },
    { path: 'l', target: 'a/up/..' },
  ],
  'a file twice': [
    { path: 'x', bytes: '1' },
    { path: 'x', bytes: '2' },
  ],
  'a file and a link of one name': [
    { path: 'x', target: 'y' },
    { path: 'x', bytes: '2' },
  ],
  'a file and a directory of one name': [{ path: 'x' }, { path: 'x', bytes: '2' }],
  'a directory of no parent': [{ path: 'no/parent' }],
  'the sidecar': [{ path: 'pintglas.ston', bytes: '{}' }],
  'the sidecar in other letters': [{ path: 'PINTGLAS.ston', bytes: '{}' }],
  'a root that is a link': [{ path: '', target: '/tmp' }],
  'a name of half a character': [{ path: 'a\udc00', bytes: 'evil' }],
  'a name that is too long': [{ path: 'x'.repeat(300), bytes: 'evil' }],
  'a tree that is too deep': Array.from({ length: 150 }, (_, depth) => ({ path: `${'d/'.repeat(depth)}d` })),
}

test('no attack by names gets anything written: not into the target, not beside it, not elsewhere', async (t) => {
  const parent = temporaryDirectory(t)
  writeFiles(parent, { 'victim.txt': 'mine', 'Sim/mine.txt': 'mine' })
  const before = listing(parent)
  for (const [what, sketches] of Object.entries(ATTACKS)) {
    for (const foreign of [true, false]) {
      for (const target of ['New', 'Sim']) {
        const tree = sketchedTree([{ path: 'Sim.image', bytes: 'x' }, ...sketches])
        const place = () => placeTree(tree, join(parent, target), { foreign, replace: 'delete old' })
        const error = await failure('UnsafePath', place)
        assert.ok(error.message.length > 10, what)
        assert.equal(listing(parent), before, what)
      }
    }
  }
})

test('bits that give rights are dropped', async (t) => {
  const target = join(temporaryDirectory(t), 'Sim')
  const tree = sketchedTree([
    { path: 'd', mode: 0o7777 },
    { path: 'd/run', bytes: 'x', mode: 0o6755 },
  ])
  await placeTree(tree, target)
  assert.match(listing(target).get('d') ?? '', /^directory 777 /)
  assert.match(listing(target).get('d/run') ?? '', /^file 755 /)
})

test('links made to be followed for ever are refused in time', async () => {
  const long = Array.from({ length: 1300 }, () => 'x/..').join('/')
  const sketches = Array.from({ length: 1000 }, (_, at) => ({
    path: `l${at}`,
    target: at === 0 ? long.slice(0, 4000) : `l${at - 1}/${'l0/'.repeat(1000)}`,
  }))
  const entries = await collect(sketchedTree(sketches).entries())
  try {
    checkTree(entries)
  } catch (error) {
    assert.ok(error instanceof GlasError && ['LimitExceeded', 'UnsafePath'].includes(error.code), String(error))
  }
})

test('an endless tree, an endless file and endless settings end at their limits', async (t) => {
  const parent = temporaryDirectory(t)
  const entry = { kind: 'file', mode: 0o644, mtimeSec: 0, mtimeNsec: 0, sizeBytes: 10, target: null } as const
  const content = async function* () {
    for (;;) yield Buffer.alloc(1024)
  }
  async function* endless() {
    for (let at = 0; ; at++) yield { ...entry, path: `${at}` }
  }
  async function* one(path: string) {
    yield { ...entry, path: '.git', kind: 'directory' as const }
    yield { ...entry, path }
  }
  await failure('LimitExceeded', () => placeTree({ entries: endless, content }, join(parent, 'Sim')))
  await failure('BlockMismatch', () => placeTree({ entries: () => one('.git/x'), content }, join(parent, 'Sim')))
  const settings = { entries: () => one('.git/config'), content }
  await failure('BlockMismatch', () => placeTree(settings, join(parent, 'Sim'), { foreign: true }))
  assert.equal(readdirSync(parent), [])
})

test('whatever the tree: it is placed whole below the target, or refused and nothing is there', async (t) => {
  const top = temporaryDirectory(t)
  const part = fc.constantFrom(
    'a',
    'b',
    '..',
    '.',
    '',
    '/',
    'A',
    '.git',
    'hooks',
    'config',
    'objects',
    'refs',
    'x\0',
    'é',
  )
  const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
  const sketch = fc.oneof(
    fc.record({ path, bytes: fc.string({ maxLength: 5 }) }, { noNullPrototype: true }),
    fc.record({ path, target: path }, { noNullPrototype: true }),
    fc.record({ path }, { noNullPrototype: true }),
  )
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(sketch, { maxLength: 6 }), fc.boolean(), async (sketches, foreign) => {
      const parent = join(top, `${++run}`)
      mkdirSync(join(parent, 'in'), { recursive: true })
      writeFiles(parent, { 'victim.txt': 'mine' })
      const before = readdirSync(parent).sort()
      try {
        await placeTree(sketchedTree(sketches), join(parent, 'in/Sim'), { foreign })
        assert.equal(readdirSync(join(parent, 'in')), ['Sim'])
      } catch (error) {
        assert.ok(error instanceof GlasError && error.code === 'UnsafePath', String(error))
        assert.equal(readdirSync(join(parent, 'in')), [])
      }
      assert.equal(readdirSync(parent).sort(), before)
      assert.is(readFileSync(join(parent, 'victim.txt'), 'utf8'), 'mine')
    }),
    { numRuns: 300, seed: 3 },
  )
})
