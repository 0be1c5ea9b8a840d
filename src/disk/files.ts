/**
 * The few things that everything durable here asks of a file system, as a port, and the real one. Crash tests put a
 * layer in its place that loses what was not synced, so whoever writes through it must say which data and which
 * directory entries have to last: `DiskFile.sync` for the bytes of a file, `FileLayer.syncDirectory` for its name.
 */
import { constants } from 'node:fs'
import * as fs from 'node:fs/promises'
import { dirname } from 'node:path'
import { GlasError } from '../glas/errors.ts'

/** `create` fails with EEXIST when there is one already; `change` reads and writes what is there. */
export type OpenMode = 'read' | 'change' | 'create'

export interface DiskFile {
  /** Fills `into` from `offsetBytes` on and gives the number of bytes read: fewer only at the end of the file. */
  read(into: Uint8Array, offsetBytes: number): Promise<number>
  /** Writes all pieces, one after the other, from `offsetBytes` on. The pieces must not change until it is done. */
  write(pieces: readonly Uint8Array[], offsetBytes: number): Promise<void>
  truncate(sizeBytes: number): Promise<void>
  /** The data written so far survives a power failure once this is done. Says nothing about the file's name. */
  sync(): Promise<void>
  sizeBytes(): Promise<number>
  close(): Promise<void>
}

export interface FileStat {
  sizeBytes: number
  /** Modification time by the clock of the file system, not by ours. */
  modifiedMs: number
}

/** System errors (with `code` ENOENT, EEXIST and so on) pass through as they are; see `hasErrno`. */
export interface FileLayer {
  /** `permissions` are those of a file that is created; 0o600 where not given: what we keep is the user's own. */
  open(path: string, mode: OpenMode, permissions?: number): Promise<DiskFile>
  rename(from: string, to: string): Promise<void>
  /** A second name for the same file; fails with EEXIST when `path` is taken, on network file systems too. */
  link(existing: string, path: string): Promise<void>
  unlink(path: string): Promise<void>
  /** One directory, for the user alone; fails with EEXIST. See `ensureDirectory`. */
  makeDirectory(path: string): Promise<void>
  /** Names in a directory, in no order. */
  list(path: string): Promise<string[]>
  /** Undefined when there is nothing of that name. */
  stat(path: string): Promise<FileStat | undefined>
  /** Names made, moved and removed in the directory so far survive a power failure once this is done. */
  syncDirectory(path: string): Promise<void>
}

export function hasErrno(error: unknown, ...errnos: string[]): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && errnos.includes(error.code)
}

const OPEN_FLAGS: Record<OpenMode, number> = {
  read: constants.O_RDONLY,
  change: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
}

class RealFile implements DiskFile {
  readonly #handle: fs.FileHandle

  constructor(handle: fs.FileHandle) {
    this.#handle = handle
  }

  async read(into: Uint8Array, offsetBytes: number): Promise<number> {
    let done = 0
    while (done < into.length) {
      const { bytesRead } = await this.#handle.read(into, done, into.length - done, offsetBytes + done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return done
  }

  async write(pieces: readonly Uint8Array[], offsetBytes: number): Promise<void> {
    let left = pieces.filter((piece) => piece.length > 0)
    let position = offsetBytes
    while (left.length > 0) {
      const { bytesWritten } = await this.#handle.writev(left, position)
      position += bytesWritten
      left = withoutFirst(left, bytesWritten)
    }
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#handle.truncate(sizeBytes)
  }

  sync(): Promise<void> {
    return this.#handle.datasync()
  }

  async sizeBytes(): Promise<number> {
    return (await this.#handle.stat()).size
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

function withoutFirst(pieces: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes
  const left: Uint8Array[] = []
  for (const piece of pieces) {
    if (skip >= piece.length) skip -= piece.length
    else {
      left.push(skip === 0 ? piece : piece.subarray(skip))
      skip = 0
    }
  }
  return left
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } catch (error) {
    // Some network and FUSE file systems cannot sync a directory, and write names through at once.
    if (!hasErrno(error, 'EINVAL', 'ENOTSUP')) throw error
  } finally {
    await handle.close()
  }
}

export const realFiles: FileLayer = {
  open: async (path, mode, permissions = 0o600) => new RealFile(await fs.open(path, OPEN_FLAGS[mode], permissions)),
  rename: (from, to) => fs.rename(from, to),
  link: (existing, path) => fs.link(existing, path),
  unlink: (path) => fs.unlink(path),
  makeDirectory: (path) => fs.mkdir(path, 0o700),
  list: (path) => fs.readdir(path),
  stat: async (path) => {
    try {
      const { size, mtimeMs } = await fs.stat(path)
      return { sizeBytes: size, modifiedMs: mtimeMs }
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return undefined
      throw error
    }
  },
  syncDirectory,
}

/** Makes the directory and those above it, and makes their names last. Does nothing when it is there. */
export async function ensureDirectory(files: FileLayer, path: string): Promise<void> {
  if ((await files.stat(path)) !== undefined) return
  const parent = dirname(path)
  if (parent !== path) await ensureDirectory(files, parent)
  try {
    await files.makeDirectory(path)
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error
  }
  await files.syncDirectory(parent)
}

/** The whole of a small file; undefined when it is not there, LimitExceeded when it is larger than `limitBytes`. */
export async function readSmallFile(
  files: FileLayer,
  path: string,
  limitBytes: number,
): Promise<Uint8Array | undefined> {
  let file: DiskFile
  try {
    file = await files.open(path, 'read')
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
  try {
    const sizeBytes = await file.sizeBytes()
    if (sizeBytes > limitBytes) {
      throw new GlasError('LimitExceeded', `${path} has ${sizeBytes} bytes, and at most ${limitBytes} are read.`, {
        data: { path, limit: limitBytes, value: sizeBytes, unit: 'bytes' },
      })
    }
    const bytes = new Uint8Array(sizeBytes)
    return bytes.subarray(0, await file.read(bytes, 0))
  } finally {
    await file.close()
  }
}

/** Removes a file; one that is gone already is fine. */
export async function removeIfThere(files: FileLayer, path: string): Promise<void> {
  try {
    await files.unlink(path)
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error
  }
}
