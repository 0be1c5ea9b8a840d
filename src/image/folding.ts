/** Finds out what the file system under a directory takes for one name, by trying. */
import { lstat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hasErrno } from '../disk/files.ts'
import type { Folding } from './paths.ts'

/** With a letter of both cases and an accent in composed form. */
const PROBE_NAME = '.probe-aA-\u00e9'

/** `directory` must be writable, and empty but for what belongs to the caller. Leaves nothing behind. */
export async function probeFolding(directory: string): Promise<Folding> {
  const probe = join(directory, PROBE_NAME)
  await writeFile(probe, '', { flag: 'wx' })
  try {
    const foldsCase = await isThere(join(directory, PROBE_NAME.replace('aA', 'Aa')))
    const foldsForm = await isThere(join(directory, PROBE_NAME.normalize('NFD')))
    return { foldsCase, foldsForm }
  } finally {
    await unlink(probe)
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return false
    throw error
  }
}
