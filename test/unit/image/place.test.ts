import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { newImageId } from '../../../src/glas/image-id.ts'
import { probeFolding } from '../../../src/image/folding.ts'
import { type PlaceOptions, placeTree, type Tree } from '../../../src/image/place.ts'
import { removeTree } from '../../../src/image/placing.ts'
import { readSidecar } from '../../../src/image/sidecar.ts'
import { test } from '../../harness.ts'
import {
  failure,
  imageDirectory,
  listing,
  scanOf,
  setPlainTimes,
  sketchedTree,
  temporaryDirectory,
  treeOf,
  writeFiles,
} from './fixture.ts'

const SIDECAR = {
  glasId: '0123456789abcdef0123456789abcdef',
  imageId: newImageId(),
  record: CID.parse('bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'),
  version: [0, 0, 1],
} as const

const NOBODY = 65534

const SMALL = sketchedTree([{ path: 'Sim.image', bytes: 'new' }])

test('a directory comes back byte for byte, with modes, times, links, empty directories and any names', async (t) => {
  const directory = imageDirectory(t, {
    'data/e\u0301/é 😀.txt': 'x',
    'two\nlines': 'x',
    'empty/': '',
    'empty.txt': '',
    'big.bin': Buffer.alloc(3_000_000, 'abcd'),
  })
  symlinkSync('data/é/../../Sim.image', join(directory, 'link'))
  setPlainTimes(directory)
  const scan = await scanOf(directory)
  const target = join(dirname(directory), 'placed')
  const placed = await placeTree(treeOf(scan), target)
  assert.equal(placed, { directory: target, oldDirectory: null, inert: [] })
  assert.equal(listing(target), listing(directory))
  assert.equal(readdirSync(dirname(target)).sort(), ['Sim', 'placed'], 'nothing is left beside it')
})

/** A path part of lower-case letters; kinds and attributes at random. */
const treeSketch = fc.uniqueArray(
  fc.record(
    {
      path: fc
        .array(fc.constantFrom('a', 'b', 'ü', 'x y', '-'), { minLength: 1, maxLength: 4 })
        .map((p) => p.join('/')),
      bytes: fc.string({ maxLength: 50 }),
      kind: fc.constantFrom('file', 'directory', 'symlink' as const),
      mode: fc.integer({ min: 0, max: 0o777 }),
      mtimeSec: fc.integer({ min: -(2 ** 31), max: 2 ** 33 }),
      mtimeNsec: fc.integer({ min: 0, max: 999_999 }).map((usec) => usec * 1000),
    },
    { noNullPrototype: true },
  ),
  { selector: ({ path }) => path, maxLength: 20 },
)

test('any tree survives being placed, scanned and placed again', async (t) => {
  const parent = temporaryDirectory(t)
  let run = 0
  await fc.assert(
    fc.asyncProperty(treeSketch, async (sketches) => {
      const byPath = new Map(sketches.map((sketch) => [sketch.path, sketch]))
      const inDirectories = ({ path }: { path: string }) =>
        path.split('/').every((_, depth, parts) => {
          const above = parts.slice(0, depth).join('/')
          return above === '' || byPath.get(above)?.kind === 'directory'
        })
      const entries = sketches.filter(inDirectories).map(({ kind, bytes, ...rest }) => {
        if (kind === 'file') return { ...rest, bytes }
        return kind === 'symlink' ? { ...rest, target: 'b/./x' } : rest
      })
      const tree = sketchedTree([...entries, { path: 'Sim.image', bytes: 'image' }])
      const [first, second] = [join(parent, `${++run}-a`), join(parent, `${run}-b`)]
      await placeTree(tree, first)
      await placeTree(treeOf(await scanOf(first)), second)
      assert.equal(listing(second), listing(first))
      assert.is(readdirSync(first, { recursive: true }).length, entries.length + 1)
      await Promise.all([removeTree(first), removeTree(second)])
    }),
    { numRuns: 40, seed: 5 },
  )
})

test('times before 1970 and far ahead are set to a fraction of a microsecond', async (t) => {
  const target = join(temporaryDirectory(t), 'Sim')
  const times = [
    [-1, 750_000_000],
    [0, 0],
    [1_700_000_000, 123_456_789],
    [4_102_444_800, 999_999_999],
  ] as const
  const entries = times.map(([mtimeSec, mtimeNsec], at) => ({ path: `${at}`, bytes: '', mtimeSec, mtimeNsec }))
  await placeTree(sketchedTree(entries), target)
  for (const [at, [sec, nsec]] of times.entries()) {
    const { mtimeNs } = lstatSync(join(target, `${at}`), { bigint: true })
    const off = mtimeNs - (BigInt(sec) * 1_000_000_000n + BigInt(nsec))
    assert.ok(off > -1000n && off < 1000n, `${off} ns`)
  }
})

test('an existing target is refused, whatever it is, and stays as it was', async (t) => {
  const parent = temporaryDirectory(t)
  writeFiles(parent, { 'directory/mine.txt': 'x', 'empty/': '', file: 'x' })
  symlinkSync('nowhere', join(parent, 'link'))
  const before = listing(parent)
  for (const name of ['directory', 'empty', 'file', 'link']) {
    const error = await failure('TargetExists', () => placeTree(SMALL, join(parent, name)))
    assert.match(error.message, '--force')
  }
  assert.equal(listing(parent), before)
  for (const name of ['file', 'link']) {
    await failure('TargetExists', () => placeTree(SMALL, join(parent, name), { replace: 'delete old' }))
  }
  assert.equal(listing(parent), before)
})

test('replacing keeps the old directory beside the new one, or deletes it', async (t) => {
  const parent = temporaryDirectory(t)
  const target = join(parent, 'Sim')
  writeFiles(parent, { 'Sim/mine.txt': 'first' })
  const placed = await placeTree(SMALL, target, { replace: 'keep old' })
  assert.is(placed.oldDirectory, `${target}.before-1`)
  assert.is(readFileSync(join(parent, 'Sim.before-1/mine.txt'), 'utf8'), 'first')
  await placeTree(SMALL, target, { replace: 'keep old' })
  assert.is(readFileSync(join(parent, 'Sim.before-2/Sim.image'), 'utf8'), 'new')
  assert.is((await placeTree(SMALL, target, { replace: 'delete old' })).oldDirectory, null)
  assert.equal(readdirSync(parent).sort(), ['Sim', 'Sim.before-1', 'Sim.before-2'])
})

test('the sidecar is there when the directory gets its name, and names its real path', async (t) => {
  const real = temporaryDirectory(t)
  const link = join(temporaryDirectory(t), 'link')
  symlinkSync(real, link)
  await placeTree(SMALL, join(link, 'Sim'), { sidecar: SIDECAR })
  const sidecar = await readSidecar(join(real, 'Sim'))
  assert.is(sidecar?.path, join(real, 'Sim'))
  assert.is(sidecar?.glasId, SIDECAR.glasId)
})

test('missing parents of the target are made', async (t) => {
  const target = join(temporaryDirectory(t), 'a/b/Sim')
  await placeTree(SMALL, target)
  assert.is(readFileSync(join(target, 'Sim.image'), 'utf8'), 'new')
})

test('what fails in the middle leaves the target as it was, and nothing beside it', async (t) => {
  const parent = temporaryDirectory(t)
  writeFiles(parent, { 'Sim/mine.txt': 'x' })
  const before = listing(parent)
  const many = Array.from({ length: 50 }, (_, at) => ({ path: `d${at}/f`, bytes: 'x'.repeat(1000) }))
  const whole = sketchedTree([...many.map(({ path }) => ({ path: dirname(path), mode: 0o555 })), ...many])
  const failing: Array<[what: string, tree: Tree, options?: PlaceOptions]> = [
    ['a source that fails', { ...whole, content: () => failingContent() }],
    ['too few bytes', { ...whole, content: () => contentOf('x') }],
    ['too many bytes', { ...whole, content: () => contentOf('x'.repeat(2000)) }],
    ['an abort', whole, { signal: AbortSignal.abort() }],
  ]
  for (const [what, tree, options] of failing) {
    for (const target of ['Sim', 'New']) {
      let failed = false
      await placeTree(tree, join(parent, target), { replace: 'keep old', ...options }).catch(() => (failed = true))
      assert.ok(failed, what)
      assert.equal([...listing(parent).keys()], [...before.keys()], what)
    }
  }
  assert.is(readFileSync(join(parent, 'Sim/mine.txt'), 'utf8'), 'x')
})

async function* contentOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}

// biome-ignore lint/correctness/useYield: a source that fails before its first chunk
async function* failingContent(): AsyncGenerator<Uint8Array> {
  throw new Error('gone')
}

test('two pulls to one name at once: one of them wins, the other one is refused', async (t) => {
  const parent = temporaryDirectory(t)
  const results = await Promise.allSettled([
    placeTree(SMALL, join(parent, 'Sim')),
    placeTree(SMALL, join(parent, 'Sim')),
  ])
  const refused = results.filter(({ status }) => status === 'rejected')
  assert.is(refused.length, 1)
  assert.is((refused[0] as PromiseRejectedResult).reason.code, 'TargetExists')
  assert.equal(readdirSync(parent), ['Sim'])
})

test('bytes are told as they are written', async (t) => {
  let bytes = 0
  const tree = sketchedTree([
    { path: 'a', bytes: 'xx' },
    { path: 'b', bytes: 'yyy' },
  ])
  await placeTree(tree, join(temporaryDirectory(t), 'Sim'), { onBytes: (count) => (bytes += count) })
  assert.is(bytes, 5)
})

test('a target with a name too long for what stands beside it is refused; a long one that fits is not', async (t) => {
  const parent = temporaryDirectory(t)
  await failure('InvalidName', () => placeTree(SMALL, join(parent, 'x'.repeat(250))))
  await placeTree(SMALL, join(parent, 'x'.repeat(240)), {})
  await placeTree(SMALL, join(parent, 'x'.repeat(240)), { replace: 'keep old' })
  assert.is(readdirSync(parent).length, 2)
})

test('the probe of the file system leaves nothing behind', async (t) => {
  const directory = temporaryDirectory(t)
  const folding = await probeFolding(directory)
  assert.equal(readdirSync(directory), [])
  writeFileSync(join(directory, 'case'), '')
  const folds = readdirSync(directory).length === 1 && lstatOrNull(join(directory, 'CASE')) !== null
  assert.is(folding.foldsCase, folds)
})

function lstatOrNull(path: string) {
  return lstatSync(path, { throwIfNoEntry: false }) ?? null
}

test(
  'on a file system that folds case, names that become one are refused before anything is written',
  async (t) => {
    const parent = temporaryDirectory(t)
    const tree = sketchedTree([
      { path: 'Readme', bytes: 'one' },
      { path: 'README', bytes: 'two' },
    ])
    await failure('UnsafePath', () => placeTree(tree, join(parent, 'Sim')))
    assert.equal(readdirSync(parent), [])
  },
  { skip: existsSync(tmpdir().toUpperCase()) ? undefined : 'names differ by case on this file system' },
)

test(
  'somebody without special rights places closed directories, and removes them',
  (t) => {
    const parent = temporaryDirectory(t)
    const home = join(parent, 'home')
    mkdirSync(home)
    chownSync(home, NOBODY, NOBODY)
    chmodSync(parent, 0o755)
    const script = join(import.meta.dirname, 'place-unprivileged.ts')
    const options = { uid: NOBODY, gid: NOBODY, encoding: 'utf8' } as const
    const { status, stderr } = spawnSync(process.execPath, [script, home], options)
    assert.is(status, 0, stderr)
    assert.is(lstatSync(join(home, 'Sim/closed')).mode & 0o777, 0o555)
    assert.is(lstatSync(join(home, 'Sim/closed/inner')).mode & 0o777, 0)
    assert.is(readFileSync(join(home, 'Sim/closed/inner/secret.txt'), 'utf8'), 'x')
    assert.equal(readdirSync(home), ['Sim'])
  },
  { skip: process.getuid?.() === 0 ? undefined : 'only root can become somebody else' },
)
