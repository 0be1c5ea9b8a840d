import { appendFileSync, renameSync, symlinkSync, truncateSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { GlasError } from '../../../src/glas/errors.ts'
import { withFile } from '../../../src/image/read.ts'
import { IMAGE_TRIES, readImage } from '../../../src/image/read-image.ts'
import type { Scan } from '../../../src/image/scan.ts'
import { describeImage } from '../../../src/spur/header.ts'
import { test } from '../../harness.ts'
import { collect, failure, imageDirectory, scanOf, temporaryDirectory, tinyImage, writeFiles } from './fixture.ts'

const MIB = 1024 * 1024

function entryOf(scan: Scan, path: string) {
  const entry = scan.entries.find((candidate) => candidate.path === path)
  if (entry === undefined) throw new Error(`not scanned: ${path}`)
  return entry
}

/** Reads the image, runs `meanwhile` before the end of each try, and gives the bytes of the last one. */
async function readWith(scan: Scan, meanwhile: (tries: number) => void) {
  const bytes = new Map<string, Buffer>()
  const retries: string[] = []
  let tries = 0
  const use = async ({ path }: { path: string }, { chunks }: { chunks: AsyncIterable<Uint8Array> }) => {
    bytes.set(path, Buffer.concat(await collect(chunks)))
    meanwhile(++tries)
  }
  const format = await readImage(scan, describeImage, use, { onRetry: ({ message }) => retries.push(message) })
  return { format, bytes, retries }
}

test('a file comes in chunks of at most 1 MiB, each a buffer of its own, with its attributes', async (t) => {
  const content = Buffer.alloc(2 * MIB + 5, 'abc')
  const scan = await scanOf(imageDirectory(t, { 'big.bin': content, 'empty.bin': '' }))
  await withFile(entryOf(scan, 'big.bin'), async (file) => {
    const chunks = await collect(file.chunks)
    assert.equal(
      chunks.map(({ byteLength }) => byteLength),
      [MIB, MIB, 5],
    )
    assert.ok(Buffer.concat(chunks).equals(content))
    assert.equal([file.sizeBytes, file.mode], [content.length, 0o644])
  })
  await withFile(entryOf(scan, 'empty.bin'), async (file) => assert.equal(await collect(file.chunks), []))
})

test('what is appended while a file is read is left for next time', async (t) => {
  const directory = imageDirectory(t, { 'Sim.changes': 'first' })
  const entry = entryOf(await scanOf(directory), 'Sim.changes')
  appendFileSync(join(directory, 'Sim.changes'), ' second')
  await withFile(entry, async (file) => {
    appendFileSync(join(directory, 'Sim.changes'), ' third')
    assert.is(Buffer.concat(await collect(file.chunks)).toString(), 'first second')
    assert.is(file.sizeBytes, 12)
  })
})

test('a file that becomes shorter, vanishes, or turns into a link or a directory is a FileError worth a second try', async (t) => {
  const directory = imageDirectory(t, { 'a.log': 'x'.repeat(100) })
  const path = join(directory, 'a.log')
  const entry = entryOf(await scanOf(directory), 'a.log')
  const read = () => withFile(entry, async (file) => collect(file.chunks))
  const shrunk = await failure('FileError', () =>
    withFile(entry, async (file) => {
      truncateSync(path, 10)
      return collect(file.chunks)
    }),
  )
  assert.match(shrunk.message, '10 of 100 bytes')
  unlinkSync(path)
  const gone = await failure('FileError', read)
  symlinkSync('Sim.image', path)
  const link = await failure('FileError', read)
  assert.match(gone.message, 'vanished')
  assert.match(link.message, 'symbolic link')
  for (const error of [shrunk, gone, link]) assert.is(error.retryable, true)
})

test('an image that stays the same is read once, and its format is known', async (t) => {
  const { format, bytes, retries } = await readWith(await scanOf(imageDirectory(t)), () => {})
  assert.equal(format, { number: 68021, wordSizeBytes: 8, imageVersion: 120 })
  assert.ok(bytes.get('Sim.image')?.equals(tinyImage()))
  assert.equal(retries, [])
})

test('an image that is no Spur image is read as it is', async (t) => {
  const directory = temporaryDirectory(t)
  writeFiles(directory, { 'Old.image': Buffer.from([0x69, 0x19, 0, 0, 1, 2, 3]), 'Odd.image': 'x' })
  for (const name of ['Old.image', 'Odd.image']) {
    const { format } = await readWith(await scanOf(join(directory, name)), () => {})
    assert.is(format, null)
  }
})

test('an image saved while it is read is read again, and the second reading counts', async (t) => {
  const directory = imageDirectory(t)
  const path = join(directory, 'Sim.image')
  const { bytes, retries } = await readWith(await scanOf(directory), (tries) => {
    if (tries === 1) writeFileSync(path, tinyImage(7))
  })
  assert.ok(bytes.get('Sim.image')?.equals(tinyImage(7)))
  assert.is(retries.length, 1)
})

test('an image replaced by another file of the same size and time is noticed', async (t) => {
  const directory = imageDirectory(t)
  const path = join(directory, 'Sim.image')
  const { bytes } = await readWith(await scanOf(directory), (tries) => {
    if (tries > 1) return
    writeFileSync(`${path}.new`, tinyImage(9))
    utimesSync(`${path}.new`, 1, 1)
    renameSync(`${path}.new`, path)
  })
  assert.ok(bytes.get('Sim.image')?.equals(tinyImage(9)))
})

test('an image that never rests is refused as ImageChanged after the named number of tries', async (t) => {
  const directory = imageDirectory(t)
  let tries = 0
  const error = await failure('ImageChanged', async () =>
    readWith(await scanOf(directory), (n) => {
      tries = n
      appendFileSync(join(directory, 'Sim.image'), 'more')
    }),
  )
  assert.is(tries, IMAGE_TRIES)
  assert.is(error.retryable, true)
})

test('a young image shorter than its header says is being saved: it is waited for', async (t) => {
  const directory = imageDirectory(t, { 'Sim.image': tinyImage(3).subarray(0, 2000) })
  const scan = await scanOf(directory)
  setTimeout(() => writeFileSync(join(directory, 'Sim.image'), tinyImage(3)), 300)
  const { bytes, retries } = await readWith(scan, () => {})
  assert.ok(bytes.get('Sim.image')?.equals(tinyImage(3)))
  assert.match(retries.join(), '2000')
})

test('an old image shorter than its header says is damaged, and nobody waits', async (t) => {
  const directory = imageDirectory(t, { 'Sim.image': tinyImage().subarray(0, 2000) })
  utimesSync(join(directory, 'Sim.image'), 1e9, 1e9)
  const scan = await scanOf(directory)
  const retries: string[] = []
  const onRetry = ({ message }: GlasError) => void retries.push(message)
  const error = await failure('BadImage', () => readImage(scan, describeImage, async () => {}, { onRetry }))
  assert.match(error.message, '4224 bytes, and the file has 2000')
  assert.equal(retries, [])
})
