/** How the bytes of a block lie in a pack and go over the wire: as they are, or compressed with zstd. */
import { promisify } from 'node:util'
import { constants, zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync } from 'node:zlib'
import { GlasError } from '../glas/errors.ts'
import { MAX_BLOCK_BYTES } from './cid.ts'
import { Gate } from './gate.ts'

export const CODEC_RAW = 0
export const CODEC_ZSTD = 1

export interface StoredBlock {
  /** CODEC_RAW or CODEC_ZSTD. */
  codec: number
  rawLength: number
  /** The block's bytes in that codec. */
  stored: Uint8Array
}

/** Level 1 keeps up with a disk on one core; higher ones win little on images. */
const LEVEL = 1
/** Threads of libuv's pool, unless somebody changed it: more jobs at once would only hold memory. */
const JOBS_AT_ONCE = 4
/** Smaller blocks are done at once: handing one to another thread costs more than 0.1 ms. */
const SYNC_BYTES = 32 * 1024
/** Window of 2 MiB, as large as a block can be: a hostile frame cannot ask for more memory than that. */
const WINDOW_LOG_MAX = 21
/** Compression that saves less than one byte in 32 is not worth the work of undoing it. */
const WORTH_SHIFT = 5

const compressParams = { [constants.ZSTD_c_compressionLevel]: LEVEL }
const decompressParams = { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX }
const compressAsync = promisify(zstdCompress)
const decompressAsync = promisify(zstdDecompress)
const jobs = new Gate(JOBS_AT_ONCE)

/** The smaller of the two forms; incompressible bytes stay as they are and are not copied. */
export async function encodeStored(bytes: Uint8Array): Promise<StoredBlock> {
  const compressed =
    bytes.length <= SYNC_BYTES
      ? zstdCompressSync(bytes, { params: compressParams })
      : // One chunk for the whole output: with small ones each takes its own way through the thread pool.
        await jobs.run(() => compressAsync(bytes, { params: compressParams, chunkSize: bytes.length }))
  if (compressed.length > bytes.length - (bytes.length >> WORTH_SHIFT)) {
    return { codec: CODEC_RAW, rawLength: bytes.length, stored: bytes }
  }
  return { codec: CODEC_ZSTD, rawLength: bytes.length, stored: compressed }
}

/**
 * The block's bytes, exactly `rawLength` of them. Never uses more memory than that says, which is at most
 * MAX_BLOCK_BYTES: throws UnknownFormat, LimitExceeded or, for bytes that do not fit together, BadMessage.
 */
export async function decodeStored(block: StoredBlock): Promise<Uint8Array> {
  const { rawLength, stored } = block
  if (rawLength <= SYNC_BYTES) return decodeStoredSync(block)
  if (!isCompressed(block)) return stored
  let bytes: Uint8Array
  try {
    bytes = await jobs.run(() => decompressAsync(stored, decompressOptions(rawLength)))
  } catch (error) {
    throw badStored('it cannot be decompressed', error)
  }
  return checkedLength(bytes, rawLength)
}

/** The same at once, for small blocks and for threads that have nothing else to do. */
export function decodeStoredSync(block: StoredBlock): Uint8Array {
  const { rawLength, stored } = block
  if (!isCompressed(block)) return stored
  let bytes: Uint8Array
  try {
    bytes = zstdDecompressSync(stored, decompressOptions(rawLength))
  } catch (error) {
    throw badStored('it cannot be decompressed', error)
  }
  return checkedLength(bytes, rawLength)
}

function decompressOptions(rawLength: number) {
  return { params: decompressParams, maxOutputLength: rawLength, chunkSize: Math.max(rawLength, 64) }
}

/** False for a block that is stored as it is; throws for one that cannot be right. */
function isCompressed(block: StoredBlock): boolean {
  const { codec, rawLength } = block
  checkLengths(block)
  if (codec === CODEC_RAW) return false
  if (codec !== CODEC_ZSTD) throw new GlasError('UnknownFormat', `A block has the unknown codec ${codec}.`)
  if (rawLength === 0) throw badStored('an empty block is never compressed')
  return true
}

function checkedLength(bytes: Uint8Array, rawLength: number): Uint8Array {
  if (bytes.length === rawLength) return bytes
  throw badStored(`it has ${bytes.length} bytes instead of ${rawLength}`)
}

function checkLengths({ codec, rawLength, stored }: StoredBlock): void {
  if (!Number.isSafeInteger(rawLength) || rawLength < 0 || rawLength > MAX_BLOCK_BYTES) {
    throw new GlasError('LimitExceeded', `A block of ${rawLength} bytes is too large.`, {
      data: { limit: MAX_BLOCK_BYTES, value: rawLength, unit: 'bytes' },
    })
  }
  if (codec === CODEC_RAW ? stored.length !== rawLength : stored.length >= rawLength) {
    throw badStored(`${stored.length} bytes are stored for ${rawLength}`)
  }
}

function badStored(why: string, cause?: unknown): GlasError {
  return new GlasError('BadMessage', `A stored block is damaged: ${why}.`, { cause })
}
