import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { writeFileAtomic } from '../../../src/disk/atomic.ts'
import { ensureDirectory, readSmallFile, realFiles } from '../../../src/disk/files.ts'
import { errorCode, temporaryFolder } from '../../disk/fixture.ts'
import { LossyFiles, PowerOff, seeded } from '../../disk/lossy-files.ts'
import { test } from '../../harness.ts'

test('an atomic write replaces the file, with the permissions asked for, and leaves nothing else', async (t) => {
  const folder = await temporaryFolder(t)
  const path = join(folder, 'config')
  await writeFileAtomic(realFiles, path, Buffer.from('one'))
  await writeFileAtomic(realFiles, path, Buffer.from('two'), { mode: 0o640 })
  assert.is(await readFile(path, 'utf8'), 'two')
  assert.is((await stat(path)).mode & 0o777, 0o640)
  assert.equal(await readdir(folder), ['config'])
})

test('what is kept is readable by its user alone, where nothing else is said', async (t) => {
  const folder = join(await temporaryFolder(t), 'a/b')
  await ensureDirectory(realFiles, folder)
  await writeFileAtomic(realFiles, join(folder, 'key'), Buffer.from('secret'))
  assert.is((await stat(folder)).mode & 0o777, 0o700)
  assert.is((await stat(join(folder, 'key'))).mode & 0o777, 0o600)
})

test('a power failure during an atomic write leaves the old bytes or the new ones', async () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = seeded(seed)
    const files = new LossyFiles()
    await ensureDirectory(files, '/home')
    await writeFileAtomic(files, '/home/config', Buffer.alloc(3000, 'o'))
    files.failAtStep = files.steps + 1 + Math.floor(random() * 8)
    let done = false
    try {
      await writeFileAtomic(files, '/home/config', Buffer.alloc(4000, 'n'))
      done = true
    } catch (error) {
      if (!(error instanceof PowerOff)) throw error
    }
    const bytes = await readSmallFile(files.powerFailure(random), '/home/config', 10_000)
    const text = Buffer.from(bytes!).toString()
    assert.ok(text === 'n'.repeat(4000) || (!done && text === 'o'.repeat(3000)), `seed ${seed}`)
  }
})

test('pieces are written one after the other and read back from any offset', async (t) => {
  const file = await realFiles.open(join(await temporaryFolder(t), 'f'), 'create')
  const pieces = Array.from({ length: 3000 }, (_, i) => Buffer.from([i & 0xff, i >> 8]))
  await file.write([new Uint8Array(0), ...pieces], 10)
  const bytes = new Uint8Array(7000)
  assert.is(await file.read(bytes, 10), 6000)
  assert.equal(Buffer.from(bytes.subarray(0, 6000)), Buffer.concat(pieces))
  await file.close()
})

test('a small file that is too large is refused, and one that is not there is undefined', async (t) => {
  const path = join(await temporaryFolder(t), 'f')
  assert.is(await readSmallFile(realFiles, path, 10), undefined)
  await writeFile(path, 'twelve bytes')
  assert.is(await errorCode(() => readSmallFile(realFiles, path, 10)), 'LimitExceeded')
})
