/**
 * Images that were rebuilt from deltas, as files: throw-away, not synced, and believed by nobody, for each block that
 * is read from one is hashed. Processes share the folder; a file appears by a rename and may vanish at any time.
 */
import { open, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { siblingName } from '../disk/atomic.ts'
import { ensureDirectory, hasErrno, realFiles } from '../disk/files.ts'

/** Room for a handful of large images: a version is mostly read from end to end, and then not again for long. */
export const MAX_REBUILT_BYTES = 2 * 1024 * 1024 * 1024
/** Leftovers of a process that died while it wrote: by then nobody is writing any more. */
const LEFTOVER_MS = 60 * 60 * 1000
/** One write; larger ones keep a thread of the pool for long. */
const WRITE_BYTES = 16 * 1024 * 1024
const ENDING = '.image'

export class RebuiltImages {
  readonly #folder: string
  readonly #limitBytes: number

  /** The folder is made when it is needed. */
  constructor(folder: string, limitBytes: number) {
    this.#folder = folder
    this.#limitBytes = limitBytes
  }

  /** A part of an image, not verified; undefined when the image is not here, or shorter. */
  async read(root: CID, offset: number, bytes: number): Promise<Uint8Array | undefined> {
    const path = this.#pathOf(root)
    try {
      const file = await open(path, 'r')
      try {
        const into = Buffer.allocUnsafeSlow(bytes)
        const { bytesRead } = await file.read(into, 0, bytes, offset)
        return bytesRead === bytes ? into : undefined
      } finally {
        await file.close()
        // The files used last are those that stay.
        await utimes(path, new Date(), new Date()).catch(() => {})
      }
    } catch (error) {
      if (hasErrno(error, 'ENOENT', 'EACCES', 'EIO', 'ENOTDIR')) return undefined
      throw error
    }
  }

  has(root: CID): Promise<boolean> {
    return stat(this.#pathOf(root)).then(
      () => true,
      () => false,
    )
  }

  /** Keeps an image, and lets others go where there is no room. A disk that takes none costs time, not the image. */
  async keep(root: CID, bytes: Uint8Array): Promise<void> {
    if (bytes.length > this.#limitBytes) return
    const path = this.#pathOf(root)
    const sibling = siblingName(path)
    try {
      await ensureDirectory(realFiles, this.#folder)
      await this.#makeRoom(this.#limitBytes - bytes.length)
      const file = await open(sibling, 'wx', 0o600)
      try {
        for (let at = 0; at < bytes.length; at += WRITE_BYTES)
          await file.write(bytes, at, Math.min(WRITE_BYTES, bytes.length - at))
      } finally {
        await file.close()
      }
      await rename(sibling, path)
    } catch (error) {
      await rm(sibling, { force: true }).catch(() => {})
      if (!(error instanceof Error && 'syscall' in error)) throw error
    }
  }

  async drop(root: CID): Promise<void> {
    await rm(this.#pathOf(root), { force: true }).catch(() => {})
  }

  #pathOf(root: CID): string {
    return join(this.#folder, `${root}${ENDING}`)
  }

  /** Removes the files that were not used for longest, until the others have at most so many bytes. */
  async #makeRoom(leftBytes: number): Promise<void> {
    const files: Array<{ path: string; sizeBytes: number; usedMs: number }> = []
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name)
      const stats = await stat(path).catch(() => undefined)
      if (stats === undefined) continue
      if (name.endsWith(ENDING)) files.push({ path, sizeBytes: stats.size, usedMs: stats.mtimeMs })
      else if (Date.now() - stats.mtimeMs > LEFTOVER_MS) await rm(path, { force: true })
    }
    let bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    for (const { path, sizeBytes } of files.sort((a, b) => a.usedMs - b.usedMs)) {
      if (bytes <= leftBytes) return
      await rm(path, { force: true })
      bytes -= sizeBytes
    }
  }
}
