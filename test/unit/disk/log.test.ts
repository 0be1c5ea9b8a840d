import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { DiskFile, FileLayer } from '../../../src/disk/files.ts'
import { realFiles } from '../../../src/disk/files.ts'
import { createLog, MAX_LOG_RECORD_BYTES, readLog } from '../../../src/disk/log.ts'
import { collect, errorCode, temporaryFolder } from '../../disk/fixture.ts'
import { test } from '../../harness.ts'

const payloads = [Buffer.from('one'), Buffer.alloc(300_000, 7), Buffer.from([0]), Buffer.from('four')]

async function writtenLog(folder: string): Promise<{ path: string; bytes: number }> {
  const path = join(folder, '1-1.log')
  const log = await createLog(realFiles, path)
  for (const payload of payloads) log.append(payload)
  const bytes = await log.flush()
  await log.close()
  return { path, bytes }
}

test('a log gives back what was flushed, in order', async (t) => {
  const { path, bytes } = await writtenLog(await temporaryFolder(t))
  const read = await collect(readLog(realFiles, path, bytes))
  assert.equal(
    read.map((payload) => Buffer.from(payload)),
    payloads,
  )
})

test('one flush serves all records appended before it, and the next goes on behind it', async (t) => {
  const path = join(await temporaryFolder(t), '1-1.log')
  const log = await createLog(realFiles, path)
  log.append(Buffer.from('a'))
  log.append(Buffer.from('b'))
  const [first, second] = await Promise.all([log.flush(), log.flush()])
  assert.is(first, second)
  log.append(Buffer.from('c'))
  const end = await log.flush()
  await log.close()
  assert.is((await collect(readLog(realFiles, path, end))).length, 3)
  assert.is((await collect(readLog(realFiles, path, first))).length, 2)
})

test('records appended while a flush is running belong to the next one', async (t) => {
  const path = join(await temporaryFolder(t), '1-1.log')
  let duringSync = () => {}
  const files: FileLayer = {
    ...realFiles,
    open: async (...args) => {
      const file = await realFiles.open(...args)
      const sync = async () => {
        duringSync()
        await file.sync()
      }
      return { ...bound(file), sync }
    },
  }
  const log = await createLog(files, path)
  log.append(Buffer.from('first'))
  duringSync = () => log.append(Buffer.from('second'))
  const end = await log.flush()
  duringSync = () => {}
  assert.is((await collect(readLog(realFiles, path, end))).length, 1)
  const next = await log.flush()
  await log.close()
  assert.is((await collect(readLog(realFiles, path, next))).length, 2)
})

function bound(file: DiskFile): DiskFile {
  return {
    read: (into, offset) => file.read(into, offset),
    write: (pieces, offset) => file.write(pieces, offset),
    truncate: (size) => file.truncate(size),
    sync: () => file.sync(),
    sizeBytes: () => file.sizeBytes(),
    close: () => file.close(),
  }
}

test('what lies behind the acknowledged bytes is never read, whatever it is', async (t) => {
  const { path, bytes } = await writtenLog(await temporaryFolder(t))
  await writeFile(path, Buffer.concat([await readFile(path), Buffer.alloc(5000, 0xff)]))
  assert.is((await collect(readLog(realFiles, path, bytes))).length, payloads.length)
})

test('damage before the mark is an error with file and offset, for any damaged byte', async (t) => {
  const { path, bytes } = await writtenLog(await temporaryFolder(t))
  const good = await readFile(path)
  for (const at of [0, 8, 12, 16, 19, 25, 200_000, bytes - 1]) {
    const bad = Buffer.from(good)
    bad[at] = bad[at]! ^ 0x20
    await writeFile(path, bad)
    try {
      await collect(readLog(realFiles, path, bytes))
      assert.unreachable(`byte ${at}`)
    } catch (error) {
      assert.is((error as { code: string }).code, 'BadPack')
      assert.is((error as { data: { path: string } }).data.path, path)
    }
  }
})

test('a log that is shorter than what was acknowledged is an error', async (t) => {
  const { path, bytes } = await writtenLog(await temporaryFolder(t))
  await writeFile(path, (await readFile(path)).subarray(0, bytes - 10))
  assert.is(await errorCode(() => collect(readLog(realFiles, path, bytes))), 'BadPack')
})

test('zeros where records should be are an error', async (t) => {
  const { path, bytes } = await writtenLog(await temporaryFolder(t))
  const bad = await readFile(path)
  bad.fill(0, 8)
  await writeFile(path, bad)
  assert.is(await errorCode(() => collect(readLog(realFiles, path, bytes))), 'BadPack')
})

test('records are neither empty nor larger than the limit', async (t) => {
  const log = await createLog(realFiles, join(await temporaryFolder(t), '1-1.log'))
  assert.throws(() => log.append(new Uint8Array(0)))
  assert.throws(() => log.append(new Uint8Array(MAX_LOG_RECORD_BYTES + 1)))
  await log.close()
})

test('a log that exists is not begun anew', async (t) => {
  const { path } = await writtenLog(await temporaryFolder(t))
  assert.is(await errorCode(() => createLog(realFiles, path)), 'EEXIST')
})
