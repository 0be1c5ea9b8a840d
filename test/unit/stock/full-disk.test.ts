import * as assert from 'uvu/assert'
import type { DiskFile, FileLayer } from '../../../src/disk/files.ts'
import { realFiles } from '../../../src/disk/files.ts'
import { toGlasError } from '../../../src/glas/errors.ts'
import { errorCode, temporaryFolder } from '../../disk/fixture.ts'
import { test } from '../../harness.ts'
import { someBytes } from './memory-blocks.ts'
import { pushVersion, rawBlock, stockFor } from './stock-fixture.ts'

/** The real file system, until something is said to fail. */
class FailingFiles {
  failWrites = false
  failSyncs = false
  readonly layer: FileLayer = {
    ...realFiles,
    open: async (...args) => {
      const file = await realFiles.open(...args)
      return args[0].endsWith('.pack') && args[1] === 'create' ? this.#failing(file) : file
    },
  }

  #failing(file: DiskFile): DiskFile {
    return {
      read: (into, offset) => file.read(into, offset),
      write: async (pieces, offset) => {
        if (!this.failWrites) return file.write(pieces, offset)
        await file.write([pieces[0]!.subarray(0, 10)], offset)
        throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC', syscall: 'write' })
      },
      truncate: (size) => file.truncate(size),
      sync: async () => {
        if (!this.failSyncs) return file.sync()
        throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO', syscall: 'fsync' })
      },
      sizeBytes: () => file.sizeBytes(),
      close: () => file.close(),
    }
  }
}

test('a full disk fails what did not fit, and nothing else; afterwards the stock goes on', async (t) => {
  const files = new FailingFiles()
  const folder = await temporaryFolder(t)
  const stock = await stockFor(t, folder, { files: files.layer })
  const before = rawBlock(30_000, 1)
  await stock.put(before.cid, before.bytes)
  files.failWrites = true
  try {
    await pushVersion(stock, { a: someBytes(9000, 2) })
    assert.unreachable()
  } catch (error) {
    assert.is(toGlasError(error).code, 'DiskFull')
  }
  files.failWrites = false
  const record = await pushVersion(stock, { a: someBytes(9000, 2) })
  await stock.close()
  const next = await stockFor(t, folder)
  assert.ok(Buffer.from(await next.get(before.cid)).equals(before.bytes))
  for await (const cid of next.blocksOf([record])) await next.get(cid)
  assert.equal(await next.check(), [])
})

test('after a failed sync nothing is acknowledged any more, until the stock is opened again', async (t) => {
  const files = new FailingFiles()
  const folder = await temporaryFolder(t)
  const stock = await stockFor(t, folder, { files: files.layer })
  const kept = await pushVersion(stock, { a: someBytes(9000, 1) })
  files.failSyncs = true
  assert.is(await errorCode(() => pushVersion(stock, { a: someBytes(9000, 2) })), 'EIO')
  files.failSyncs = false
  assert.is(await errorCode(() => stock.commit()), 'EIO')
  await stock.close()
  const next = await stockFor(t, folder)
  assert.equal(
    next.pins().map((pin) => String(pin.cid)),
    [String(kept)],
  )
  assert.equal(await next.check(), [])
})
