import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { bad, good, stopProcess } from '../cli/process.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { until } from '../loopback.ts'
import { beam, frameHead, recordFrame, upgrade, WaitingTap } from '../tap/original-tap.ts'
import {
  ask,
  bottles,
  newImage,
  newSampler,
  nextOf,
  startSampler,
  thisHost,
  whenListed,
} from '../tap/sampler-process.ts'
import { zipOfDirectory } from '../tap/tap-zip.ts'

const BEAM_LIMIT_MS = 20_000

test('a snapshot that an original Tap beams becomes a version with the names and the image-id of the Tap', async (t) => {
  const sampler = await newSampler(t)
  const { zip, record, image } = newImage(t)
  await beam(sampler.url, record, zip)
  await until(() => sampler.said().includes('Took Ants@0.0.1'), BEAM_LIMIT_MS)
  const [bottle, ...others] = await bottles(sampler.url)
  assert.equal(others, [])
  assert.equal(
    [bottle.host, bottle.path, bottle.name, bottle.imageId],
    [record.host, record.path, 'Ants', record.imageId],
  )
  assert.match(bottle['glas-id'], /^[0-9a-f]{32}$/)
  const shown = await good(t, sampler.home, 'show', 'Ants')
  assert.equal([shown.hostname, shown.path, shown['image-id']], [record.host, record.path, record.imageId])
  const { directory } = await good(t, sampler.home, 'pull', 'Ants@0.0.1', join(newFolder(t), 'back'))
  assert.ok(readFileSync(join(directory, 'Ants.image')).equals(image))
  await until(() => sampler.spooled().length === 0)
})

test('later snapshots of the same image are later versions of the same glas, each with the one before as its parent', async (t) => {
  const sampler = await newSampler(t)
  const first = newImage(t)
  await beam(sampler.url, first.record, first.zip)
  const second = nextOf(first.record)
  const { zip } = newImage(t, { sizeBytes: 1_100_000 })
  await beam(sampler.url, second, zip)
  await until(() => sampler.said().includes('Took Ants@0.0.2'), BEAM_LIMIT_MS)
  const one = await good(t, sampler.home, 'show', 'Ants@0.0.1')
  const two = await good(t, sampler.home, 'show', 'Ants@0.0.2')
  assert.is(two['glas-id'], one['glas-id'])
  assert.is(two.parent, one.record)
  const later = await ask(sampler.url, `/launcher-supercedes/${first.record.imageId}`)
  assert.equal(
    JSON.parse(later.text).map((bottle: { imageId: string }) => bottle.imageId),
    [second.imageId],
  )
})

test('a directory that is pushed and an image that is beamed from it are one glas, whichever is first', async (t) => {
  const sampler = await newSampler(t)
  const pushedFirst = newImage(t, { name: 'Bees', host: thisHost })
  const pushed = await good(t, sampler.home, 'push', pushedFirst.path)
  const changed = newImage(t, { name: 'Bees', sizeBytes: 1_200_000 })
  await beam(sampler.url, nextOf(pushedFirst.record), changed.zip)
  await until(() => sampler.said().includes('Took Bees@0.0.2'), BEAM_LIMIT_MS)
  const beamed = await good(t, sampler.home, 'show', 'Bees@0.0.2')
  assert.equal([beamed['glas-id'], beamed.parent], [pushed['glas-id'], pushed.record])

  const beamedFirst = newImage(t, { name: 'Cats', host: thisHost })
  await beam(sampler.url, beamedFirst.record, beamedFirst.zip)
  await until(() => sampler.said().includes('Took Cats@0.0.1'), BEAM_LIMIT_MS)
  writeFileSync(join(beamedFirst.path, 'notes.txt'), 'more')
  const after = await good(t, sampler.home, 'push', beamedFirst.path)
  assert.is(after.version, '0.0.2')
  assert.ok(after['image-id'].startsWith(`${beamedFirst.record.imageId}-`))
})

test('live images are listed, and replaced by a newer one of the same names', async (t) => {
  const sampler = await newSampler(t)
  const { record } = newImage(t)
  const { host, path, name } = record
  const older = await WaitingTap.start(sampler.url, record)
  const tap = await WaitingTap.start(sampler.url, record)
  await older.closed
  assert.equal(JSON.parse((await ask(sampler.url, '/launcher-taps')).text), [{ host, path, name }])
  const [listed, ...others] = (await good(t, sampler.home, 'live')).taps
  assert.equal([listed.host, listed.path, listed.name, listed.here, others], [host, path, name, true, []])
  tap.stop()
  await whenListed(sampler.url, 0)
  const body = JSON.stringify([host, path, name])
  assert.is((await ask(sampler.url, '/upload', { method: 'POST', body })).status, 404)
  assert.is((await ask(sampler.url, '/upload', { method: 'POST', body: 'nonsense' })).status, 404)
  assert.equal((await ask(sampler.url, '/launcher-taps')).text, '[]')
})

test('many requests at once are all answered OK and make one snapshot; a later one makes another', async (t) => {
  const sampler = await newSampler(t)
  const { zip, record } = newImage(t)
  const tap = await WaitingTap.start(sampler.url, record)
  await whenListed(sampler.url, 1)
  const body = JSON.stringify([record.host, record.path, record.name])
  const upload = () => ask(sampler.url, '/upload', { method: 'POST', body })
  const answers = await Promise.all(Array.from({ length: 20 }, upload))
  assert.ok(answers.every(({ status, text }) => status === 200 && text === 'OK'))
  await beam(sampler.url, nextOf(record), zip)
  await until(() => sampler.said().includes('Took Ants@0.0.1'), BEAM_LIMIT_MS)
  assert.equal(tap.requests, ['Ants'])
  const { zip: later } = newImage(t, { sizeBytes: 1_100_000 })
  const snapped = good(t, sampler.home, 'snap', 'Ants')
  await until(() => tap.requests.length === 2, BEAM_LIMIT_MS)
  await beam(sampler.url, nextOf(record), later)
  assert.is((await snapped).version, '0.0.2')
})

test('a transfer that is cut off, or whose zip is damaged, leaves no version and no file', async (t) => {
  const sampler = await newSampler(t)
  const { zip, record, folder } = newImage(t)
  await beam(sampler.url, record, zip, { cutAfterBytes: 100_000 })
  await until(() => sampler.said().includes('came to nothing'))
  const broken = join(folder, 'broken.zip')
  const bytes = readFileSync(zip)
  bytes[Math.floor(bytes.length / 2)]! ^= 1
  writeFileSync(broken, bytes)
  await beam(sampler.url, record, broken)
  writeFileSync(broken, bytes.subarray(0, bytes.length - 1000))
  await beam(sampler.url, record, broken)
  await until(() => sampler.said().match(/came to nothing/g)?.length === 3, BEAM_LIMIT_MS)
  assert.equal(await bottles(sampler.url), [])
  assert.equal(sampler.spooled(), [])
  assert.equal((await good(t, sampler.home, 'ls')).glases, [])
})

test('a daemon that was killed in a transfer cleans up when it starts again', async (t) => {
  const sampler = await newSampler(t)
  const { zip, record } = newImage(t)
  await beam(sampler.url, record, zip)
  await until(() => sampler.said().includes('Took'), BEAM_LIMIT_MS)
  const { socket } = await upgrade(sampler.url)
  socket.write(recordFrame({ ...record, action: 'beam' }))
  socket.write(Buffer.concat([frameHead(5_000_000, { opcode: 2 }).bytes, Buffer.alloc(2_000_000)]))
  await until(() => sampler.spooled().some((path) => path.endsWith('beam.zip')))
  await stopProcess(sampler.child, 'SIGKILL')
  assert.ok(sampler.spooled().length > 0)
  const again = await startSampler(t, sampler.home)
  assert.equal(again.spooled(), [])
  assert.is((await bottles(again.url)).length, 1)
})

test('a snapshot with a secret in it is refused and leaves nothing, unless whoever asks allows it', async (t) => {
  const sampler = await newSampler(t)
  const { path, record, folder } = newImage(t)
  appendFileSync(join(path, 'Ants.changes'), `\n'https://ann:${'s3cret'.repeat(3)}@git.example.org/x.git'!\n`)
  const zip = zipOfDirectory(join(folder, 'secret.zip'), path, 'Ants')
  const tap = await WaitingTap.start(sampler.url, record, () => void beam(sampler.url, nextOf(record), zip))
  const refused = await bad(t, sampler.home, 'snap', 'Ants')
  assert.is(refused.code, 'SecretFound')
  assert.equal([await bottles(sampler.url), sampler.spooled()], [[], []])
  assert.is((await good(t, sampler.home, 'snap', '--secrets', 'allow', 'Ants')).version, '0.0.1')
  assert.is((await bad(t, sampler.home, 'snap', 'Bees')).code, 'PeerNotFound')
  tap.stop()
})

test('a snapshot that does not come is said to be gone with its Tap', async (t) => {
  const sampler = await newSampler(t)
  const { record } = newImage(t)
  const tap: WaitingTap = await WaitingTap.start(sampler.url, record, () => tap.stop())
  assert.is((await bad(t, sampler.home, 'snap', 'Ants')).code, 'PeerUnreachable')
})
