import { appendFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { good, type start } from '../cli/process.ts'
import { imageDirectory, nextSnapshot } from '../gen/directory.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { Api } from '../tap/api.ts'
import { newSampler } from '../tap/sampler-process.ts'

// biome-ignore lint/suspicious/noExplicitAny: JSON of the API; a wrong guess fails the assertion that reads it
type Json = any

const MB = 1_000_000
const KIB = 1024

test('what changed since the parent: files with shared bytes and deltas, and what was done in the image', async (t) => {
  const sampler = await newSampler(t)
  const directory = imageDirectory(join(newFolder(t), 'Ants'), { seed: 1, sizeBytes: 3 * MB })
  const path = (...names: string[]) => join(directory.path, ...names)
  writeFileSync(path('gone.txt'), 'old')
  writeFileSync(path('log.bin'), Buffer.alloc(200 * KIB, 7))
  appendFileSync(path('Ants.changes'), `\r\r${'"filler"'.repeat(20_000)}!`)
  const first = await good(t, sampler.home, 'push', directory.path)
  nextSnapshot(directory, { seed: 2, newObjects: 50, slideFrom: 0.1, changesBytes: 3000 })
  rmSync(path('gone.txt'))
  mkdirSync(path('new'))
  writeFileSync(path('new', 'näme <b>.txt'), 'fresh')
  symlinkSync('log.bin', path('link'))
  appendFileSync(path('log.bin'), 'tail')
  const second = await good(t, sampler.home, 'push', directory.path)
  const api = await Api.of(sampler.url)

  const none = await api.good(`/versions/${first.record}/changes`)
  assert.equal([none.parent, none.files, none.code, none['new-bytes']], [null, [], [], first.size])

  const told = await api.good(`/versions/${second.record}/changes`)
  assert.equal([told.parent, told['parent-version'], told['more-files']], [first.record, '0.0.1', 0])
  const of = (name: string) => told.files.find((file: Json) => file.path === name)
  assert.equal([of('gone.txt').change, of('new/näme <b>.txt').change, of('link').kind], ['removed', 'added', 'symlink'])
  assert.equal([of('log.bin').shared, of('log.bin').size], [192 * KIB, 200 * KIB + 4])
  assert.type(of('Ants.image').delta, 'number')
  assert.is(told['shared-bytes'] + told['derived-bytes'] + told['new-bytes'], second.size)
  assert.ok(told['derived-bytes'] > MB)
  const [tail, ...others] = told.code
  assert.equal([tail.path, tail.truncated, others], ['Ants.changes', false, []])
  const methods = tail.changes.filter((change: Json) => change.kind === 'method')
  assert.ok(methods.length > 3 && methods.every((one: Json) => one['class-name'] !== '' && one.selector !== ''))
  assert.is(tail.changes.at(-1).kind, 'session')
})

test('of a .changes that was rewritten nothing is told, and of a very long tail the end', async (t) => {
  const sampler = await newSampler(t)
  const { path } = imageDirectory(join(newFolder(t), 'Ants'), { seed: 1, sizeBytes: MB })
  const changes = join(path, 'Ants.changes')
  await good(t, sampler.home, 'push', path)
  appendFileSync(changes, Array.from({ length: 80_000 }, (_, at) => `\r\rThing number: ${at}!`).join(''))
  const long = await good(t, sampler.home, 'push', path)
  writeFileSync(changes, readFileSync(changes).subarray(1))
  const rewritten = await good(t, sampler.home, 'push', path)
  const api = await Api.of(sampler.url)
  const [tail] = (await api.good(`/versions/${long.record}/changes`)).code
  assert.ok(tail.truncated)
  assert.equal([tail.changes.length, tail.changes.at(-1).source], [2000, 'Thing number: 79999'])
  const other = await api.good(`/versions/${rewritten.record}/changes`)
  assert.equal(other.code, [])
  assert.equal(
    other.files.map((file: Json) => [file.path, file.change]),
    [['Ants.changes', 'changed']],
  )
})

test('a version that is not here has no changes to tell, and says so', async (t) => {
  const sampler = await newSampler(t)
  const { path } = imageDirectory(join(newFolder(t), 'Ants'), { seed: 1, sizeBytes: MB })
  const first = await good(t, sampler.home, 'push', path)
  writeFileSync(join(path, 'more.txt'), 'more')
  const second = await good(t, sampler.home, 'push', path)
  await good(t, sampler.home, 'unpin', '--force', 'Ants@0.0.1')
  await good(t, sampler.home, 'gc')
  const api = await Api.of(sampler.url)
  assert.equal(await api.refusal(`/versions/${second.record}/changes`), [404, 'GlasNotStocked'])
  assert.equal(await api.refusal(`/versions/${first.record}/changes`), [404, 'GlasNotStocked'])
  const { glases } = await api.good('/lineages')
  const [newer, older] = glases[0].versions
  assert.equal(
    [newer.parent, newer.via, older.parent, older.via, older.here],
    [first.record, 'record', null, 'none', false],
  )
})

test('lineages come glas by glas, each with its parents, and end with the last one', async (t) => {
  const sampler = await newSampler(t)
  const folder = newFolder(t)
  for (const name of ['Ants', 'Bees']) {
    const { path } = imageDirectory(join(folder, name), { seed: 1, sizeBytes: MB, name })
    await good(t, sampler.home, 'push', path)
    writeFileSync(join(path, 'more.txt'), 'more')
    await good(t, sampler.home, 'push', path)
  }
  const api = await Api.of(sampler.url)
  const { glases, next } = await api.good('/lineages')
  assert.is(next, null)
  assert.equal(glases.map((glas: Json) => glas['image-name']).sort(), ['Ants', 'Bees'])
  for (const { versions } of glases) {
    assert.equal(
      versions.map((one: Json) => [one.version, one.parent, one.via, one.depth]),
      [
        ['0.0.2', versions[1].record, 'record', 2],
        ['0.0.1', null, 'none', 1],
      ],
    )
  }
  const [first, second] = glases
  const rest = await api.good(`/lineages?after=${first['glas-id']}`)
  assert.equal([rest.glases.length, rest.glases[0]['glas-id'], rest.next], [1, second['glas-id'], null])
  assert.equal((await api.good(`/lineages?glas=${first['glas-id']}`)).glases.length, 1)
  assert.equal(await api.refusal('/lineages?after=../x'), [400, 'BadUsage'])
  const limited = await open(t, sampler.home, first['glas-id'])
  const { glases: seen } = await api.as({ authorization: `Bearer ${limited}` }).good('/lineages')
  assert.equal(
    seen.map((glas: Json) => glas['glas-id']),
    [first['glas-id']],
  )
})

test('searching by image-ids finds what came before and after, as the original page did', async (t) => {
  const sampler = await newSampler(t)
  const { path } = imageDirectory(join(newFolder(t), 'Ants'), { seed: 1, sizeBytes: MB })
  const pushed: Json[] = []
  for (const text of ['one', 'two', 'three']) {
    writeFileSync(join(path, 'work.txt'), text)
    pushed.push(await good(t, sampler.home, 'push', path))
  }
  const api = await Api.of(sampler.url)
  const [one, two, three] = pushed
  const found = async (query: string) => (await api.good(`/search?${query}`)).records.sort()
  assert.equal(await found(`supercedes=${one['image-id']}`), [two.record, three.record].sort())
  assert.equal(await found(`successor=${two['image-id']}`), [one.record])
  assert.equal(await found(`imageId=${three['image-id'].slice(-5)}`), [three.record])
  assert.equal(await api.refusal('/search?imageId=%3Cb%3E'), [400, 'BadUsage'])
})

async function open(t: Parameters<typeof start>[0], home: string, glas: string): Promise<string> {
  const { token } = await good(t, home, 'token', 'add', 'limited', '--role', 'viewer', '--glas', glas)
  return token
}
