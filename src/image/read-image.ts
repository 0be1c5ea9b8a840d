/** Reads the image itself, and notices when it is being saved at the same time. */
import { type FileHandle, lstat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { GlasError, isGlasError } from '../glas/errors.ts'
import type { ImageFormat } from '../glas/record.ts'
import { describeComposed } from './composed.ts'
import { stampOf } from './entry.ts'
import { fill, type OpenFile, openFile, withHandle } from './read.ts'
import type { Scan, ScannedEntry } from './scan.ts'

/** Saving takes some seconds even for large images; whoever saves all the time must be asked for a snapshot instead. */
export const IMAGE_TRIES = 3
const RETRY_DELAY_MS = 1000
/** Enough of the file for any header. */
export const IMAGE_HEAD_BYTES = 1024
/** An image that is too short and was not touched for so long is not being saved: it is damaged. */
const SAVING_IS_OVER_MS = 60_000

export interface ImageShape {
  /** Null for an image of another format: kept as it is. */
  format: ImageFormat | null
  /** Bytes that a complete file has at least; null where the format does not tell. */
  expectedBytes: number | null
}

/** What is needed of a reader of image headers. Gets the first IMAGE_HEAD_BYTES, or fewer. May throw BadImage. */
export type DescribeImage = (head: Uint8Array) => ImageShape

export type UseFile = (entry: ScannedEntry, file: OpenFile) => Promise<void>

export interface ReadImageOptions {
  signal?: AbortSignal
  /** Told before each new try, with the error of the last one. */
  onRetry?: (error: GlasError) => void
}

/**
 * Reads all files of the image, one in the usual case, and gives each to `use` in turn. When the image changed
 * meanwhile, or is not complete, all of them are read once more, so `use` may be called several times for one entry
 * and only its last call counts. Throws ImageChanged after IMAGE_TRIES tries, BadImage for a damaged image.
 */
export async function readImage(
  scan: Scan,
  describe: DescribeImage,
  use: UseFile,
  options: ReadImageOptions = {},
): Promise<ImageFormat | null> {
  const entries = scan.entries.filter(({ role, kind }) => role === 'image' && kind === 'file')
  const { signal } = options
  for (let tries = 1; ; tries++) {
    try {
      return await readOnce(entries, { describe: scan.image.composed ? null : describe, use, signal })
    } catch (error) {
      if (!isGlasError(error, 'ImageChanged') || tries === IMAGE_TRIES) throw error
      options.onRetry?.(error)
      await sleep(RETRY_DELAY_MS, undefined, { signal })
    }
  }
}

interface Reading {
  /** Null in the composed format, where no single file tells. */
  describe: DescribeImage | null
  use: UseFile
  signal: AbortSignal | undefined
}

async function readOnce(entries: ScannedEntry[], reading: Reading): Promise<ImageFormat | null> {
  const before = await stampsOf(entries)
  let format: ImageFormat | null = null
  for (const entry of entries) {
    const described = await readFile(entry, before.get(entry.path), reading)
    format = described ?? format
  }
  if (reading.describe === null) format = await unlessSaving(entries, () => describeComposed(entries))
  const after = await stampsOf(entries)
  for (const [path, stamp] of after) {
    if (stamp !== before.get(path)) throw imageChanged(path, 'changed while it was read')
  }
  return format
}

async function readFile(
  entry: ScannedEntry,
  stamp: string | undefined,
  { describe, use, signal }: Reading,
): Promise<ImageFormat | null> {
  return withHandle(entry, async (handle, stats) => {
    if (stampOf(stats) !== stamp) throw imageChanged(entry.path, 'changed before it was read')
    const head = await headOf(handle)
    const format =
      describe === null ? null : await unlessSaving([entry], async () => formatOf(describe(head), Number(stats.size)))
    await use(entry, openFile(entry, { handle, stats, signal }))
    const headAfter = await headOf(handle)
    if (Buffer.compare(head, headAfter) !== 0) throw imageChanged(entry.path, 'got another header while it was read')
    return format
  })
}

function formatOf({ format, expectedBytes }: ImageShape, sizeBytes: number): ImageFormat | null {
  if (expectedBytes === null || sizeBytes >= expectedBytes) return format
  const what = `its header announces ${expectedBytes} bytes, and the file has ${sizeBytes}`
  throw new GlasError('BadImage', `The image is not complete: ${what}. Save it again, or take an older copy.`, {
    data: { expectedBytes, sizeBytes },
  })
}

/** A save in progress looks like damage for a while. */
async function unlessSaving<T>(entries: readonly ScannedEntry[], describe: () => Promise<T>): Promise<T> {
  try {
    return await describe()
  } catch (error) {
    if (!isGlasError(error, 'BadImage')) throw error
    for (const { path, absolutePath } of entries) {
      const { mtimeMs } = await lstat(absolutePath)
      if (Date.now() - mtimeMs < SAVING_IS_OVER_MS) throw imageChanged(path, `is being saved (${error.message})`, error)
    }
    throw error
  }
}

async function headOf(handle: FileHandle): Promise<Uint8Array> {
  const head = new Uint8Array(IMAGE_HEAD_BYTES)
  return head.subarray(0, await fill(handle, head, 0))
}

async function stampsOf(entries: readonly ScannedEntry[]): Promise<Map<string, string>> {
  const stamps = new Map<string, string>()
  for (const { path, absolutePath } of entries) {
    const stats = await lstat(absolutePath, { bigint: true }).catch((cause: unknown) => {
      throw imageChanged(path, 'vanished', cause)
    })
    stamps.set(path, stampOf(stats))
  }
  return stamps
}

function imageChanged(path: string, what: string, cause?: unknown): GlasError {
  const message = `The image "${path}" ${what}. Run it again when the image has been saved.`
  return new GlasError('ImageChanged', message, { cause, retryable: true, data: { path } })
}
