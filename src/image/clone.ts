import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, lstat, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Scan, withImageAt } from './scan.ts'

/** An image that was written so short ago may be half of a save. */
const SAVING_IS_OVER_MS = 5_000

export interface ClonedImage {
  /** Reads the image from the clone. */
  scan: Scan
  remove(): Promise<void>
}

/**
 * A copy of the image that shares its blocks with it, in `folder`: made at once, and then nobody minds how slowly it is read,
 * nor whether the image is saved meanwhile. Undefined where the file system cannot do that (or `folder` is on another
 * one), for the composed format, and while the image may be being saved: then it is read where it lies.
 *
 * No hard link in its place: a save writes into the file that is there, and a second name for that file changes with it.
 */
export async function cloneImage(scan: Scan, folder: string): Promise<ClonedImage | undefined> {
  const { directory, imageFile, composed } = scan.image
  if (composed) return undefined
  const original = join(directory, imageFile)
  const path = join(folder, `${randomBytes(8).toString('hex')}.image`)
  const remove = () => rm(path, { force: true })
  try {
    const before = await lstat(original, { bigint: true })
    if (Date.now() - Number(before.mtimeMs) < SAVING_IS_OVER_MS) return undefined
    await copyFile(original, path, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL)
    const after = await lstat(original, { bigint: true })
    if (after.mtimeNs === before.mtimeNs && after.size === before.size && after.ino === before.ino) {
      return { scan: withImageAt(scan, path, { keepsAttributes: true }), remove }
    }
  } catch {
    // Most file systems.
  }
  await remove()
  return undefined
}
