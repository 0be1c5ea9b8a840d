import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { canSyncTogether, isKernelSince, isLocalFileSystem, syncTogether } from '../../../src/disk/sync-together.ts'
import { isGlasError } from '../../../src/glas/errors.ts'
import { test } from '../../harness.ts'
import { newFolder } from '../../home-peer.ts'

test('only a kernel that tells of failed writes is trusted', () => {
  for (const good of ['5.8.0', '5.15.0-91-generic', '6.1', '10.0']) assert.ok(isKernelSince(good), good)
  for (const old of ['5.7.19', '4.18.0-553.el8', '3.10', '', 'x']) assert.not(isKernelSince(old), old)
})

test('file systems of other machines are not taken for local', () => {
  assert.ok(isLocalFileSystem(0xef53))
  assert.ok(isLocalFileSystem(0x9123683e | 0), 'as a negative number, too')
  for (const [name, type] of Object.entries({ nfs: 0x6969, lustre: 0x0bd00bd0, fuse: 0x65735546, smb: 0xff534d42 })) {
    assert.not(isLocalFileSystem(type), name)
  }
})

test('a directory is synced where that can be done, and one that is not there is an error', async (t) => {
  const folder = newFolder(t)
  writeFileSync(join(folder, 'file'), 'bytes')
  if (!(await canSyncTogether(folder))) return
  await syncTogether(folder)
  const error = await syncTogether(join(folder, 'missing')).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(isGlasError(error, 'FileError'))
})
