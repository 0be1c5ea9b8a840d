/**
 * Unpacks the zip of a Tap. Whatever is in it, nothing is written outside the target, nothing that is larger than
 * announced, and nothing at all that two readers of zips could understand in two ways.
 */
import { createWriteStream } from 'node:fs'
import { mkdir, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { crc32 } from 'node:zlib'
import { type Entry, type LocalFileHeader, openPromise, parseExtraFields, type ZipFile } from 'yauzl'
import { hasErrno } from '../disk/files.ts'
import { GlasError, isGlasError } from '../glas/errors.ts'
import { MAX_ENTRIES } from '../image/entry.ts'
import { IMAGE_SUFFIX } from '../image/locate.ts'
import { checkPath } from '../image/paths.ts'

/** A heap with much free space shrinks to a fiftieth; more than this is made to fill the disk. */
const MAX_RATIO = 250
/** Below this no ratio matters. */
const FREE_UNPACKED_BYTES = 256 * 1024 * 1024
/** The largest image that a 32-bit Tap could send has 4 GiB; with its sources, logs and clones. */
const MAX_UNPACKED_BYTES = 16 * 1024 ** 3
/** Bit 3: the local header has zeros, and the true sizes come after the data. */
const SIZES_FOLLOW = 0x08
/** The id of the extra field with sizes of 64 bits, and what stands in the place of those of 32. */
const ZIP64 = 1
const ALL_ONES = 2 ** 32 - 1
/** What the original Tap leaves in the directory of its image: a folder of this name for each snapshot. */
const TAP_LEFTOVER = /^[0-9a-f]{10}$/

export interface UnzipOptions {
  signal: AbortSignal
  /** Asked for room before anything is written. */
  reserve: (bytes: number) => Promise<void>
}

interface Packed {
  entry: Entry
  path: string
}

/** With the place of its data in the zip. */
interface Placed extends Packed {
  dataStart: number
}

/**
 * Unpacks into the empty folder `target` and gives the one top folder of the zip, as a path. Leftovers of earlier
 * snapshots are skipped. Throws BadMessage for a damaged zip, UnsafePath, LimitExceeded, DiskFull.
 */
export async function unzip(zipPath: string, target: string, options: UnzipOptions): Promise<string> {
  const zip = await openZip(zipPath)
  try {
    const packed = await entriesOf(zip)
    const top = topFolderOf(packed)
    await options.reserve(sizeOf(packed, zip.fileSize))
    const isLeftover = leftoversOf(packed)
    for (const placed of await checkedPlaces(zip, packed, options.signal)) {
      if (!isLeftover(placed.path)) await unpack(zip, placed, join(target, placed.path), options.signal)
    }
    return join(target, top)
  } catch (error) {
    if (isGlasError(error) || hasErrno(error, 'ENOSPC', 'EDQUOT') || options.signal.aborted) throw error
    throw badZip((error as Error).message, error)
  } finally {
    zip.close()
  }
}

async function openZip(path: string): Promise<ZipFile> {
  try {
    return await openPromise(path, { autoClose: false, decodeStrings: false })
  } catch (error) {
    throw badZip((error as Error).message, error)
  }
}

async function entriesOf(zip: ZipFile): Promise<Packed[]> {
  if (zip.entryCount > MAX_ENTRIES) throw tooMuch('files', MAX_ENTRIES, zip.entryCount)
  const packed: Packed[] = []
  for await (const entry of zip.eachEntry()) {
    if (packed.length >= MAX_ENTRIES) throw tooMuch('files', MAX_ENTRIES, packed.length + 1)
    if (entry.isEncrypted()) throw badZip('it is encrypted')
    if (!entry.canDecodeFileData()) throw badZip(`it uses the method ${entry.compressionMethod}`)
    packed.push({ entry, path: pathOf(entry) })
  }
  return packed
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Taps write UTF-8 without saying so, and on Windows backslashes. A directory ends with a slash. */
function pathOf({ fileNameRaw }: Entry): string {
  let path: string
  try {
    path = UTF8.decode(fileNameRaw).replaceAll('\\', '/')
  } catch (error) {
    throw badZip('a name in it is not UTF-8', error)
  }
  checkPath(path.replace(/\/$/, ''))
  return path
}

function topFolderOf(packed: readonly Packed[]): string {
  const tops = new Set(packed.map(({ path }) => path.slice(0, Math.max(0, path.indexOf('/')))))
  const [top] = tops
  if (tops.size === 1 && top !== undefined && top !== '') return top
  throw badZip('it is no image directory: a Tap puts everything into one folder')
}

function sizeOf(packed: readonly Packed[], zipBytes: number): number {
  const unpackedBytes = packed.reduce((sum, { entry }) => sum + entry.uncompressedSize, 0)
  const limitBytes = Math.min(MAX_UNPACKED_BYTES, Math.max(FREE_UNPACKED_BYTES, zipBytes * MAX_RATIO))
  if (unpackedBytes > limitBytes) throw tooMuch('bytes when it is unpacked', limitBytes, unpackedBytes)
  return unpackedBytes
}

/** A folder of that name with an image below it is left out with everything in it. */
function leftoversOf(packed: readonly Packed[]): (path: string) => boolean {
  const folders = new Set<string>()
  for (const { path } of packed) {
    const folder = path.endsWith(IMAGE_SUFFIX) ? leftoverFolder(path) : undefined
    if (folder !== undefined) folders.add(folder)
  }
  return (path) => folders.has(leftoverFolder(path) ?? '')
}

function leftoverFolder(path: string): string | undefined {
  const parts = path.split('/').slice(0, -1)
  const at = parts.findIndex((part, nth) => nth > 0 && TAP_LEFTOVER.test(part))
  return at < 0 ? undefined : parts.slice(0, at + 1).join('/')
}

/**
 * The directory at the end of a zip and the header before each file say the same things twice; and the data of each
 * file lies somewhere of its own, for many names for the same data are how small zips get endless.
 */
async function checkedPlaces(zip: ZipFile, packed: readonly Packed[], signal: AbortSignal): Promise<Placed[]> {
  const placed: Placed[] = []
  for (const { entry, path } of packed) {
    signal.throwIfAborted()
    const local = await zip.readLocalFileHeaderPromise(entry)
    if (!saysTheSame(local, entry)) throw badZip('its directory says something else than the header of a file')
    placed.push({ entry, path, dataStart: local.fileDataStart })
  }
  let endOfLast = 0
  for (const { entry, dataStart } of placed.toSorted((a, b) => a.dataStart - b.dataStart)) {
    if (entry.compressedSize > 0 && dataStart < endOfLast) throw badZip('two files in it share their data')
    endOfLast = Math.max(endOfLast, dataStart + entry.compressedSize)
  }
  return placed
}

function saysTheSame(local: LocalFileHeader, entry: Entry): boolean {
  const sizesFollow = (local.generalPurposeBitFlag & SIZES_FOLLOW) !== 0
  const { compressedBytes, uncompressedBytes } = localSizes(local)
  const sameSizes =
    local.crc32 === entry.crc32 &&
    compressedBytes === entry.compressedSize &&
    uncompressedBytes === entry.uncompressedSize
  return (
    local.fileName.equals(entry.fileNameRaw) &&
    local.compressionMethod === entry.compressionMethod &&
    local.generalPurposeBitFlag === entry.generalPurposeBitFlag &&
    (sizesFollow || sameSizes)
  )
}

/** In zip64 a size is all ones, and stands in an extra field: first the one of the file, then the one in the zip. */
function localSizes({ compressedSize, uncompressedSize, extraField }: LocalFileHeader) {
  const longSizes = parseExtraFields(extraField).find(({ id }) => id === ZIP64)?.data ?? Buffer.alloc(0)
  let at = 0
  const longIfOnes = (size: number): number => {
    if (size !== ALL_ONES || longSizes.length < at + 8) return size
    at += 8
    return Number(longSizes.readBigUInt64LE(at - 8))
  }
  const uncompressedBytes = longIfOnes(uncompressedSize)
  return { uncompressedBytes, compressedBytes: longIfOnes(compressedSize) }
}

async function unpack(zip: ZipFile, { entry, path }: Packed, target: string, signal: AbortSignal): Promise<void> {
  if (path.endsWith('/')) {
    await mkdir(target, { recursive: true })
    return
  }
  await mkdir(dirname(target), { recursive: true })
  const sum = new Checksum()
  try {
    await pipeline(await zip.openReadStreamPromise(entry), sum, createWriteStream(target, { flags: 'wx' }), { signal })
  } catch (error) {
    throw hasErrno(error, 'EEXIST', 'EISDIR') ? badZip(`"${path}" is in it twice`, error) : error
  }
  if (sum.value !== entry.crc32) throw badZip(`the check sum of "${path}" is wrong`)
  const modified = entry.getLastModDate()
  await utimes(target, modified, modified)
}

class Checksum extends Transform {
  value = 0

  override _transform(chunk: Buffer, _encoding: string, done: (error: null, chunk: Buffer) => void): void {
    this.value = crc32(chunk, this.value)
    done(null, chunk)
  }
}

function badZip(why: string, cause?: unknown): GlasError {
  return new GlasError('BadMessage', `The zip of the snapshot cannot be used: ${why}.`, { cause })
}

function tooMuch(unit: string, limit: number, value: number): GlasError {
  const message = `The zip of the snapshot has ${value} ${unit}; at most ${limit} are taken.`
  return new GlasError('LimitExceeded', message, { data: { limit, value, unit } })
}
