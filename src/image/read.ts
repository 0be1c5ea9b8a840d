/** Reads the files of a scanned directory: each opened once and read once, in chunks, never through a symlink. */
import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { hasErrno } from '../disk/files.ts'
import { GlasError } from '../glas/errors.ts'
import { type Attributes, attributesOf, stampOf } from './entry.ts'

/** One read: large enough for the disk, small enough for a few of them in memory. A whole leaf of an image. */
const READ_CHUNK_BYTES = 1024 * 1024

/** Not through a link that came in after the scan, and without waiting on a pipe that did. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

export interface FileSource {
  /** As the user knows it, for messages. */
  path: string
  absolutePath: string
}

/** An open file. Its attributes are those at the moment of opening, which may be newer than the scan's. */
export interface OpenFile extends Attributes {
  path: string
  sizeBytes: number
  stamp: string
  /**
   * The first `sizeBytes` bytes; each chunk is a buffer of its own. What is appended meanwhile is left for next time.
   * Throws FileError when the file has become shorter. Can be read once.
   */
  chunks: AsyncIterable<Uint8Array>
  /** When its stamp was taken, by the clock that stamps files. */
  openedMs: number
  /** Instead of `chunks`: each is the next part of `memory`, which has `sizeBytes` bytes. */
  chunksIn(memory: Uint8Array): AsyncIterable<Uint8Array>
}

interface ReadOptions {
  signal?: AbortSignal | undefined
}

/** Opens a file for as long as `use` runs. Throws FileError (retryable) when it vanished or is no longer a file. */
export async function withFile<T>(
  source: FileSource,
  use: (file: OpenFile) => Promise<T>,
  options: ReadOptions = {},
): Promise<T> {
  return withHandle(source, (handle, stats) => use(openFile(source, { handle, stats, ...options })))
}

/** As `withFile`, for those who look at the handle itself. */
export async function withHandle<T>(
  source: FileSource,
  use: (handle: FileHandle, stats: BigIntStats) => Promise<T>,
): Promise<T> {
  let handle: FileHandle
  try {
    handle = await open(source.absolutePath, OPEN_FLAGS)
  } catch (cause) {
    throw cannotOpen(source.path, cause)
  }
  try {
    const stats = await handle.stat({ bigint: true })
    if (!stats.isFile()) throw changed(source.path, 'is no longer a file')
    return await use(handle, stats)
  } finally {
    await handle.close()
  }
}

export function openFile(
  { path }: FileSource,
  open: ReadOptions & { handle: FileHandle; stats: BigIntStats },
): OpenFile {
  const sizeBytes = Number(open.stats.size)
  const newMemory = (_: number, bytes: number) => Buffer.allocUnsafeSlow(bytes)
  const chunks = readChunks({ path, sizeBytes, memoryFor: newMemory }, open)
  const chunksIn = (memory: Uint8Array) => {
    return readChunks({ path, sizeBytes, memoryFor: (at, bytes) => memory.subarray(at, at + bytes) }, open)
  }
  const { mode, mtimeNs } = open.stats
  return {
    path,
    sizeBytes,
    openedMs: Date.now(),
    stamp: stampOf(open.stats),
    ...attributesOf(mode, mtimeNs),
    chunks,
    chunksIn,
  }
}

interface Reading {
  path: string
  sizeBytes: number
  memoryFor(position: number, bytes: number): Uint8Array
}

async function* readChunks(
  { path, sizeBytes, memoryFor }: Reading,
  { handle, signal }: ReadOptions & { handle: FileHandle },
): AsyncGenerator<Uint8Array> {
  let position = 0
  while (position < sizeBytes) {
    signal?.throwIfAborted()
    const chunk = memoryFor(position, Math.min(READ_CHUNK_BYTES, sizeBytes - position))
    const filledBytes = await fill(handle, chunk, position)
    if (filledBytes < chunk.byteLength) {
      throw changed(path, `became shorter while it was read (${position + filledBytes} of ${sizeBytes} bytes)`)
    }
    yield chunk
    position += chunk.byteLength
  }
}

/** Reads until `chunk` is full or the file ends, and tells how many bytes it got. */
export async function fill(handle: FileHandle, chunk: Uint8Array, position: number): Promise<number> {
  let filledBytes = 0
  while (filledBytes < chunk.byteLength) {
    const { bytesRead } = await handle.read(chunk, filledBytes, chunk.byteLength - filledBytes, position + filledBytes)
    if (bytesRead === 0) break
    filledBytes += bytesRead
  }
  return filledBytes
}

function cannotOpen(path: string, cause: unknown): GlasError {
  if (hasErrno(cause, 'ENOENT')) return changed(path, 'vanished while the directory was read', cause)
  if (hasErrno(cause, 'ELOOP')) return changed(path, 'became a symbolic link while the directory was read', cause)
  if (hasErrno(cause, 'EACCES')) {
    const message = `"${path}" cannot be read: permission denied. Allow it, or leave it out in .pintglasignore.`
    return new GlasError('FileError', message, { cause, data: { path } })
  }
  return new GlasError('FileError', `"${path}" cannot be opened: ${String(cause)}`, { cause, data: { path } })
}

function changed(path: string, what: string, cause?: unknown): GlasError {
  const message = `"${path}" ${what}. Run it again; leave out in .pintglasignore what changes all the time.`
  return new GlasError('FileError', message, { cause, retryable: true, data: { path } })
}
