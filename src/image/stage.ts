/** Writes a checked tree into an empty directory. It survives a power failure once it is done, or synced by the caller. */
import { constants } from 'node:fs'
import { type FileHandle, lutimes, mkdir, open, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { hasErrno } from '../disk/files.ts'
import { GlasError } from '../glas/errors.ts'
import { type Attributes, MODE_MASK, sortByPath, type TreeEntry } from './entry.ts'

/** Files written at a time. Syncs that wait together are done together, and small files go to a thread together. */
const FILES_AT_ONCE = 64

/** Exclusive: whatever is there already, a link above all, was not put there by us. */
export const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

export type Content = (entry: TreeEntry) => AsyncIterable<Uint8Array>

/** Another way to write files than by their `Content`, in threads say. */
export interface FileWriter {
  /**
   * Makes the file at `path`, which nobody has, with bytes and attributes, as `content` would; false when that is left
   * to `content`, and nothing was made.
   */
  write(path: string, entry: TreeEntry, options: StageOptions): Promise<boolean>
}

export interface StageOptions {
  /** False leaves it to the caller to make all of it durable together. */
  syncEach: boolean
  signal?: AbortSignal | undefined
  /** Told after each chunk that was written, with its length. */
  onBytes?: ((bytes: number) => void) | undefined
}

/**
 * `entries` must have passed `checkTree`, and may hold the root as ''; `directory` is empty and writable. Directories
 * stay writable for the user alone until `finishDirectories`. Bytes that do not fit the size of their entry are
 * BlockMismatch. When it fails, nothing is being written any more.
 */
export async function stageFiles(
  directory: string,
  entries: readonly TreeEntry[],
  { content, writer }: { content: Content; writer?: FileWriter | undefined },
  options: StageOptions,
): Promise<void> {
  const sorted = sortByPath([...entries])
  for (const { path, kind } of sorted)
    if (kind === 'directory' && path !== '') await mkdir(join(directory, path), 0o700)
  const waiting = sorted.filter(({ kind }) => kind !== 'directory').values()
  const stop = new AbortController()
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal])
  const work = async () => {
    for (const entry of waiting) {
      signal.throwIfAborted()
      const path = join(directory, entry.path)
      if (entry.kind === 'symlink') await writeLink(path, entry)
      else if (!(await writer?.write(path, entry, { ...options, signal }))) {
        await writeFile(path, entry, { chunks: content(entry), ...options, signal })
      }
    }
  }
  const workers = Array.from({ length: FILES_AT_ONCE }, () => work().catch((error: unknown) => stop.abort(error)))
  await Promise.all(workers)
  stop.signal.throwIfAborted()
}

/** Gives all directories their mode and time, from the bottom up: those that may not be written are full by then. */
export async function finishDirectories(
  directory: string,
  entries: readonly TreeEntry[],
  { syncEach }: Pick<StageOptions, 'syncEach'>,
): Promise<void> {
  const directories = sortByPath(entries.filter(({ kind }) => kind === 'directory'))
  for (const entry of directories.reverse()) await finishDirectory(directory, entry, syncEach)
}

async function writeFile(
  path: string,
  entry: TreeEntry,
  { chunks, syncEach, signal, onBytes }: StageOptions & { chunks: AsyncIterable<Uint8Array> },
): Promise<void> {
  const handle = await createFile(path)
  try {
    let position = 0
    for await (const chunk of chunks) {
      signal?.throwIfAborted()
      if (position + chunk.byteLength > entry.sizeBytes) throw wrongSize(entry, 'more')
      await writeAll(handle, chunk, position)
      position += chunk.byteLength
      onBytes?.(chunk.byteLength)
    }
    if (position !== entry.sizeBytes) throw wrongSize(entry, 'fewer')
    await finishFile(handle, entry, syncEach)
  } finally {
    await handle.close()
  }
}

export function createFile(path: string): Promise<FileHandle> {
  return open(path, CREATE_FLAGS, 0o600)
}

/** The file is full: gives it its mode and time, and syncs it where that is wanted. */
export async function finishFile(handle: FileHandle, entry: TreeEntry, syncEach: boolean): Promise<void> {
  await setAttributes(handle, entry)
  if (syncEach) await handle.sync()
}

async function writeAll(handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  let writtenBytes = 0
  while (writtenBytes < chunk.byteLength) {
    const { bytesWritten } = await handle.write(
      chunk,
      writtenBytes,
      chunk.byteLength - writtenBytes,
      position + writtenBytes,
    )
    writtenBytes += bytesWritten
  }
}

async function writeLink(path: string, entry: TreeEntry): Promise<void> {
  await symlink(entry.target ?? '', path)
  const time = timeOf(entry)
  await lutimes(path, time, time)
}

async function finishDirectory(directory: string, entry: TreeEntry, syncEach: boolean): Promise<void> {
  const handle = await open(join(directory, entry.path), constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await setAttributes(handle, entry)
    if (!syncEach) return
    await handle.sync().catch((error: unknown) => {
      // Some network and FUSE file systems cannot sync a directory, and write names through at once.
      if (!hasErrno(error, 'EINVAL', 'ENOTSUP')) throw error
    })
  } finally {
    await handle.close()
  }
}

async function setAttributes(handle: FileHandle, attributes: Attributes): Promise<void> {
  await handle.chmod(attributes.mode & MODE_MASK)
  const time = timeOf(attributes)
  await handle.utimes(time, time)
}

/**
 * The time nearest to the attributes that Node can set: it takes seconds as a double, which are exact to about 0.2
 * microseconds today. As text, because a negative number, a time before 1970, would be taken for now.
 */
export function timeOf({ mtimeSec, mtimeNsec }: Attributes): string {
  return String(mtimeSec + mtimeNsec / 1e9)
}

export function wrongSize({ path, sizeBytes }: TreeEntry, what: 'more' | 'fewer'): GlasError {
  return new GlasError('BlockMismatch', `"${path}" has ${what} bytes than the ${sizeBytes} that its version names.`, {
    data: { path, sizeBytes },
  })
}
