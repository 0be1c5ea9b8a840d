/** Images that Taps on this machine save into the spool, instead of sending them. */
import { constants } from 'node:fs'
import { lstat, open } from 'node:fs/promises'
import { join } from 'node:path'
import { GlasError } from '../glas/errors.ts'

/** What an image may have grown by since it was last saved, beyond a quarter of its size. */
const GROWTH_BYTES = 64 * 1024 * 1024

/** Room for the image that will be saved: about what its file takes now. */
export async function roomFor(imagePath: string): Promise<number> {
  return Math.ceil(1.25 * (await lstat(imagePath)).size) + GROWTH_BYTES
}

/**
 * The absolute path of a file that a Tap says it has saved into `folder`, which was made for it. It must be one file of
 * this user's own and nothing else: a link would make the daemon read for somebody what they could not read themselves.
 * Throws UnsafePath.
 */
export async function checkHanded(folder: string, file: string): Promise<string> {
  const path = join(folder, file)
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const stats = await handle.stat()
      const isOwn = process.getuid === undefined || stats.uid === process.getuid()
      if (stats.isFile() && stats.nlink === 1 && isOwn && stats.size > 0) return path
    } finally {
      await handle.close()
    }
  } catch (cause) {
    throw new GlasError('UnsafePath', `The image did not save itself as "${path}".`, { cause, data: { path } })
  }
  throw new GlasError('UnsafePath', `"${path}" is not a file that the image has saved.`, { data: { path } })
}
