import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { unzip } from '../../src/sampler/unzip.ts'
import { seededRandom } from '../gen/random.ts'
import { type TestContext, test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { codeOf } from '../loopback.ts'
import { type PackedFile, writeZip } from '../tap/tap-zip.ts'

const text = (content: string) => Buffer.from(content)
const image = { name: 'Ants/Ants.image', content: text('heap') }

function unpacking(t: TestContext, files: Iterable<PackedFile>) {
  const folder = newFolder(t)
  const zip = writeZip(join(folder, 'beam.zip'), files)
  return unpackingFile(t, zip, join(folder, 'out'))
}

function unpackingFile(t: TestContext, zip: string, target: string) {
  const reserved: number[] = []
  const reserve = async (bytes: number) => void reserved.push(bytes)
  return { target, reserved, done: unzip(zip, target, { signal: t.signal, reserve }) }
}

test('names in UTF-8 that do not say so, and backslashes, are read as a Tap means them', async (t) => {
  const { done, target, reserved } = unpacking(t, [
    image,
    { name: 'Ants/Größe (1).changes', content: text('log') },
    { name: 'Ants\\pharo-local\\play-cache\\a.ph', content: text('play') },
    { name: 'Ants/empty/', content: text('') },
    { name: 'Ants/none', content: text('') },
  ])
  assert.is(await done, join(target, 'Ants'))
  assert.is(readFileSync(join(target, 'Ants/Größe (1).changes'), 'utf8'), 'log')
  assert.is(readFileSync(join(target, 'Ants/pharo-local/play-cache/a.ph'), 'utf8'), 'play')
  assert.ok(existsSync(join(target, 'Ants/empty')))
  assert.equal(reserved, [11])
})

test('sizes in 64 bits are read, and count like others', async (t) => {
  const { done, target, reserved } = unpacking(t, [{ ...image, zip64: true }])
  await done
  assert.is(readFileSync(join(target, 'Ants/Ants.image'), 'utf8'), 'heap')
  assert.equal(reserved, [4])
})

test('leftovers of earlier snapshots are skipped, and nothing else of a similar name', async (t) => {
  const { done, target } = unpacking(t, [
    image,
    { name: 'Ants/0123456789/Ants/Ants.image', content: text('old') },
    { name: 'Ants/0123456789/Ants.zip', content: text('old') },
    { name: 'Ants/abcdefabcd/results.csv', content: text('1,2') },
  ])
  await done
  assert.not.ok(existsSync(join(target, 'Ants/0123456789')))
  assert.ok(existsSync(join(target, 'Ants/abcdefabcd/results.csv')))
})

test('a name that leads out of the directory is refused before anything is written', async (t) => {
  for (const name of [
    '../out',
    'Ants/../../out',
    '/etc/out',
    '..\\out',
    'Ants/..',
    'Ants/a\0b',
    'Ants/pintglas.ston',
  ]) {
    const { done, target } = unpacking(t, [image, { name, content: text('x') }])
    assert.is(await codeOf(done), 'UnsafePath', name)
    assert.not.ok(existsSync(target))
  }
  const { done } = unpacking(t, [image, { name: Buffer.from([0x41, 0x6e, 0xff, 0x2f]), content: text('') }])
  assert.is(await codeOf(done), 'BadMessage')
})

test('what two readers could understand in two ways is refused', async (t) => {
  const wrong: PackedFile[][] = [
    [{ ...image, centralName: 'Ants/Bees.image' }],
    [{ ...image, centralSize: 5 }],
    [{ ...image, stored: true, centralSize: 3 }],
    [{ ...image, crc: 1 }],
    [{ ...image, zip64: true, centralMore: 1 }],
    [{ ...image, flags: 1 }],
    [image, image],
    [image, { name: 'Ants/Ants.image/x', content: text('x') }],
    [image, { name: 'Bees/Bees.image', content: text('x') }],
    [{ name: 'Ants.image', content: text('x') }],
    [image, { name: 'Ants/same.image', content: text('heap'), sharesData: true }],
    [],
  ]
  for (const [at, files] of wrong.entries()) {
    assert.is(await codeOf(unpacking(t, files).done), 'BadMessage', `number ${at}`)
  }
})

test('a zip that would fill the disk is refused by what it announces, and stopped when it lies about that', async (t) => {
  const zeros = Buffer.alloc(64 * 1024 * 1024)
  const many = Array.from({ length: 5 }, (_, at) => ({ name: `Ants/${at}`, content: zeros }))
  const bomb = unpacking(t, [image, ...many])
  assert.is(await codeOf(bomb.done), 'LimitExceeded')
  assert.not.ok(existsSync(bomb.target))
  const folder = newFolder(t)
  const zip = writeZip(join(folder, 'liar.zip'), [image, { name: 'Ants/big', content: zeros }])
  const bytes = readFileSync(zip)
  const size = Buffer.alloc(4)
  size.writeUInt32LE(zeros.length)
  for (let at = bytes.indexOf(size); at >= 0; at = bytes.indexOf(size)) bytes.writeUInt32LE(1000, at)
  writeFileSync(zip, bytes)
  const liar = unpackingFile(t, zip, join(folder, 'out'))
  assert.is(await codeOf(liar.done), 'BadMessage')
  assert.ok(!existsSync(join(liar.target, 'Ants/big')) || readFileSync(join(liar.target, 'Ants/big')).length <= 1000)
})

test('a disk without room is told before anything is unpacked', async (t) => {
  const folder = newFolder(t)
  const zip = writeZip(join(folder, 'beam.zip'), [image])
  const reserve = async () => {
    throw Object.assign(new Error('no room'), { code: 'ENOSPC', syscall: 'write' })
  }
  assert.is(await codeOf(unzip(zip, join(folder, 'out'), { signal: t.signal, reserve })), 'DiskFull')
})

test('500 damaged zips give an error or a directory, never a crash, and nothing outside', async (t) => {
  const folder = newFolder(t)
  const zip = writeZip(join(folder, 'good.zip'), [
    image,
    { name: 'Ants/Ants.changes', content: text('log '.repeat(50)) },
    { name: 'Ants/a/b', content: text('x'), stored: true },
  ])
  const good = readFileSync(zip)
  const random = seededRandom(7)
  const inside = join(folder, 'inside')
  mkdirSync(inside)
  for (let round = 0; round < 500; round++) {
    const keptBytes = random.chance(0.2) ? random.below(good.length) : good.length
    const bytes = Buffer.from(good.subarray(0, keptBytes))
    for (let flips = random.below(5); flips > 0 && bytes.length > 0; flips--) {
      bytes[random.below(bytes.length)] = random.below(256)
    }
    const path = join(inside, 'beam.zip')
    writeFileSync(path, bytes)
    const code = await codeOf(unpackingFile(t, path, join(inside, `out-${round}`)).done)
    assert.ok(['none', 'BadMessage', 'UnsafePath', 'LimitExceeded'].includes(code), `${code} in round ${round}`)
  }
})
