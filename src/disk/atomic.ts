import { randomBytes } from 'node:crypto'
import { dirname } from 'node:path'
import type { FileLayer } from './files.ts'
import { removeIfThere } from './files.ts'

export interface AtomicOptions {
  /** Permissions of the new file; 0o600 where not given. */
  mode?: number
}

/** A name beside `path` that nobody else uses; what ends in `.new` may be cleaned away after a crash. */
export function siblingName(path: string): string {
  return `${path}.${process.pid}-${randomBytes(4).toString('hex')}.new`
}

/**
 * Replaces a small file so that after a crash at any moment it holds the old bytes or the new ones, never a part:
 * sibling, sync, rename, sync of the directory. The directory must exist. May be run again at will.
 */
export async function writeFileAtomic(
  files: FileLayer,
  path: string,
  bytes: Uint8Array,
  options: AtomicOptions = {},
): Promise<void> {
  const sibling = await writeSibling(files, path, bytes, options)
  try {
    await files.rename(sibling, path)
  } catch (error) {
    await removeIfThere(files, sibling)
    throw error
  }
  await files.syncDirectory(dirname(path))
}

/** The first half of an atomic write: a synced sibling of `path`, for the caller to rename or link, and to remove. */
export async function writeSibling(
  files: FileLayer,
  path: string,
  bytes: Uint8Array,
  options: AtomicOptions = {},
): Promise<string> {
  const sibling = siblingName(path)
  const file = await files.open(sibling, 'create', options.mode)
  try {
    await file.write([bytes], 0)
    await file.sync()
    await file.close()
  } catch (error) {
    await file.close().catch(() => {})
    await removeIfThere(files, sibling)
    throw error
  }
  return sibling
}
