import { appendFileSync, existsSync, linkSync, lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { bad, good, stopProcess } from '../cli/process.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { until } from '../loopback.ts'
import { WaitingTap } from '../tap/original-tap.ts'
import { ask, newImage, newSampler, nextOf, startSampler, thisHost, whenListed } from '../tap/sampler-process.ts'
import { HandingTap, snapshot } from '../tap/tap-of-today.ts'

const LIMIT_MS = 30_000
const here = { host: thisHost }

/** Another heap than the one in the directory: what a running image would save now. */
function newHeap(folder: string, from: string): string {
  const heap = join(folder, 'now.image')
  const bytes = readFileSync(from)
  bytes.write('now', bytes.length - 100)
  writeFileSync(heap, bytes)
  return heap
}

test('an image on this disk hands its snapshot over by path: the version has its heap, and the rest of its directory', async (t) => {
  const sampler = await newSampler(t)
  const { path, zip, record, folder } = newImage(t, here)
  const image = newHeap(folder, join(path, 'Ants.image'))
  const before = readFileSync(join(path, 'Ants.image'))
  const saving = { image, zip, pauseMs: 812 }
  const tap = await WaitingTap.start(sampler.url, record, () => {
    void snapshot(sampler.url, nextOf(record), saving)
  })
  const snapped = await good(t, sampler.home, 'snap', 'Ants')
  assert.equal([snapped.version, tap.requests], ['0.0.1', ['Ants']])
  const shown = await good(t, sampler.home, 'show', 'Ants')
  assert.equal([shown['pause-ms'], shown.path, shown.hostname], [812, path, thisHost])
  const { directory } = await good(t, sampler.home, 'pull', 'Ants', join(newFolder(t), 'back'))
  assert.ok(readFileSync(join(directory, 'Ants.image')).equals(readFileSync(image)))
  assert.ok(readFileSync(join(directory, 'Ants.changes')).equals(readFileSync(join(path, 'Ants.changes'))))
  assert.ok(readFileSync(join(path, 'Ants.image')).equals(before), 'what the image had saved before is as it was')
  await until(() => sampler.spooled().length === 0)
  assert.is((await good(t, sampler.home, 'push', path)).version, '0.0.2', 'the directory is the same glas')
})

test('the Tap is told what became of its snapshot, also when it is refused', async (t) => {
  const sampler = await newSampler(t)
  const { path, zip, record } = newImage(t, here)
  const saving = { image: join(path, 'Ants.image'), zip, pauseMs: 1 }
  const first = await snapshot(sampler.url, record, saving)
  assert.equal(first, { how: 'handed', answer: { took: 'Ants@0.0.1', outcome: 'pushed' } })
  const again = await snapshot(sampler.url, nextOf(record), saving)
  assert.equal(again.answer, { took: 'Ants@0.0.1', outcome: 'unchanged' })
  appendFileSync(join(path, 'Ants.changes'), `\n'https://ann:${'s3cret'.repeat(3)}@git.example.org/x.git'!\n`)
  const refused = await snapshot(sampler.url, nextOf(record), saving)
  assert.is(refused.answer?.error, 'SecretFound')
  await until(() => sampler.spooled().length === 0)
})

test('an image whose directory is not here is told to beam, in pieces, with the time that it stood still', async (t) => {
  const sampler = await newSampler(t)
  const { path, zip, record } = newImage(t)
  const saving = { image: join(path, 'Ants.image'), zip, pauseMs: 4711 }
  for (const [at, elsewhere] of [record, { ...record, ...here, path: '/nowhere' }].entries()) {
    const { how, answer } = await snapshot(sampler.url, { ...elsewhere, imageId: String(at).repeat(40) }, saving)
    assert.equal([how, answer], ['beamed', { beam: true }])
  }
  await until(() => sampler.said().match(/Took Ants@0\.0\.1/g)?.length === 2, LIMIT_MS)
  const { glases } = await good(t, sampler.home, 'ls')
  const shown = await good(t, sampler.home, 'show', glases[0]['glas-id'])
  assert.is(shown['pause-ms'], 4711)
})

test('many who ask at once get the one snapshot that is handed over', async (t) => {
  const sampler = await newSampler(t)
  const { path, zip, record } = newImage(t, here)
  const tap = await WaitingTap.start(sampler.url, record)
  await whenListed(sampler.url, 1)
  const body = JSON.stringify([record.host, record.path, record.name])
  const upload = () => ask(sampler.url, '/upload', { method: 'POST', body })
  const answers = await Promise.all(Array.from({ length: 20 }, upload))
  assert.ok(answers.every(({ text }) => text === 'OK'))
  const saving = { image: join(path, 'Ants.image'), zip, pauseMs: 5 }
  assert.is((await snapshot(sampler.url, nextOf(record), saving)).answer?.took, 'Ants@0.0.1')
  assert.equal(tap.requests, ['Ants'])
})

test('whoever sits at the image may say no, and who asked hears of it', async (t) => {
  const sampler = await newSampler(t)
  const { record } = newImage(t)
  const tap: WaitingTap = await WaitingTap.start(sampler.url, record, () => tap.send('{"refused":true}'))
  const refused = await bad(t, sampler.home, 'snap', 'Ants')
  assert.is(refused.code, 'NotAllowed')
  assert.match(refused.message, 'said no')
  assert.equal((await good(t, sampler.home, 'live')).taps.length, 1, 'the Tap is connected still')
})

test('only a file of one’s own in the folder that was made for it is taken; nothing else is read, and nothing remains', async (t) => {
  const sampler = await newSampler(t)
  const { path, record } = newImage(t, here)
  const image = join(path, 'Ants.image')
  const attempts: Array<[string, (spool: string) => unknown, string]> = [
    ['a link to another image', (spool) => symlinkSync(image, join(spool, 'Ants.image')), 'UnsafePath'],
    ['a second name of another file', (spool) => linkSync(image, join(spool, 'Ants.image')), 'UnsafePath'],
    ['a file that is not there', () => {}, 'UnsafePath'],
    ['an empty file', (spool) => writeFileSync(join(spool, 'Ants.image'), ''), 'UnsafePath'],
    ['a path outside', () => ({ file: image }), 'BadMessage'],
    ['a path upwards', () => ({ file: '../Ants.image' }), 'BadMessage'],
    ['no image', () => ({ file: 'Ants.changes' }), 'BadMessage'],
    ['no file', () => ({}), 'BadMessage'],
    ['an impossible pause', () => ({ file: 'Ants.image', pauseMs: -1 }), 'BadMessage'],
    ['a failure of the image', () => ({ error: 'no space left' }), 'FileError'],
  ]
  for (const [what, prepare, code] of attempts) {
    const handing = await HandingTap.start(sampler.url, { ...record, imageId: 'c'.repeat(40) })
    const { spool = '' } = (await handing.next()) ?? {}
    assert.is(lstatSync(spool).mode & 0o777, 0o700)
    const said = prepare(spool) ?? { file: 'Ants.image' }
    handing.tap.send(JSON.stringify(said))
    assert.is((await handing.next())?.error, code, what)
    await until(() => !existsSync(spool))
  }
  assert.equal((await good(t, sampler.home, 'ls')).glases, [])
  assert.ok(existsSync(image))
})

test('an image that vanishes while it saves leaves no folder, nor does a daemon that is killed meanwhile', async (t) => {
  const sampler = await newSampler(t)
  const { record, path } = newImage(t, here)
  const handing = await HandingTap.start(sampler.url, record)
  const { spool = '' } = (await handing.next()) ?? {}
  writeFileSync(join(spool, 'Ants.image'), readFileSync(join(path, 'Ants.image')).subarray(0, 1000))
  handing.tap.stop()
  await until(() => !existsSync(spool))
  const other = await HandingTap.start(sampler.url, record)
  await other.next()
  assert.ok(sampler.spooled().length > 0)
  await stopProcess(sampler.child, 'SIGKILL')
  const again = await startSampler(t, sampler.home)
  assert.equal(again.spooled(), [])
})
