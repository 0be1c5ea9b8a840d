/**
 * An append-only file of checksummed records. How many of its bytes count is said elsewhere, by the ledger: what lies
 * before that mark must be right, what lies behind it is the remains of a crash and is never read.
 *
 * Layout: 8 bytes magic (`PGLOG`, two zero bytes, format 1), then records: u32 length of the payload, u32 CRC-32 of
 * the length field and the payload, payload. All numbers little-endian. The checksum covers the length so that a
 * stretch of zeros, which a crash can leave, is no valid record.
 */
import { crc32 } from 'node:zlib'
import { GlasError } from '../glas/errors.ts'
import type { DiskFile, FileLayer } from './files.ts'

const MAGIC = Uint8Array.from([0x50, 0x47, 0x4c, 0x4f, 0x47, 0, 0, 1])
const HEADER_BYTES = 8
/** Records are facts about blocks and names, never contents; one that is larger is a mistake or an attack. */
export const MAX_LOG_RECORD_BYTES = 1024 * 1024
/** What may wait in memory for the next flush, so that a caller that never flushes is told. */
export const MAX_UNFLUSHED_BYTES = 64 * 1024 * 1024
/** One read of the file: large against a record, small against memory. */
const READ_BYTES = 256 * 1024

/** One writer of a new log file. `append` is immediate and in memory; `flush` makes everything appended so far last. */
export class LogWriter {
  readonly path: string
  readonly #file: DiskFile
  #pending: Uint8Array[] = [MAGIC]
  #pendingBytes = MAGIC.length
  #flushedBytes = 0
  #flushing: Promise<number> = Promise.resolve(0)
  #broken: unknown

  constructor(path: string, file: DiskFile) {
    this.path = path
    this.#file = file
  }

  /** Takes a copy of the payload (1 byte to MAX_LOG_RECORD_BYTES). */
  append(payload: Uint8Array): void {
    if (payload.length === 0 || payload.length > MAX_LOG_RECORD_BYTES) {
      throw tooLarge('a log record', payload.length, MAX_LOG_RECORD_BYTES)
    }
    const record = encodeRecord(payload)
    if (this.#pendingBytes + record.length > MAX_UNFLUSHED_BYTES) {
      throw tooLarge('the unflushed part of a log', this.#pendingBytes + record.length, MAX_UNFLUSHED_BYTES)
    }
    this.#pending.push(record)
    this.#pendingBytes += record.length
  }

  /** One write and one sync for all that was appended so far; gives the length of the file up to there, in bytes. */
  flush(): Promise<number> {
    this.#flushing = this.#flushing.catch(() => 0).then(() => this.#flushNow())
    return this.#flushing
  }

  async #flushNow(): Promise<number> {
    if (this.#broken !== undefined) throw this.#broken
    if (this.#pending.length === 0) return this.#flushedBytes
    // A copy: what is appended while this is being written belongs to the next flush.
    const pieces = [...this.#pending]
    await this.#file.write(pieces, this.#flushedBytes)
    try {
      await this.#file.sync()
    } catch (error) {
      // After a failed sync nobody knows which pages are on the disk, and a second sync may lie.
      this.#broken = error
      throw error
    }
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
    this.#pending = this.#pending.slice(pieces.length)
    this.#pendingBytes -= bytes
    this.#flushedBytes += bytes
    return this.#flushedBytes
  }

  /** Closes the file; what was not flushed is lost. */
  async close(): Promise<void> {
    await this.#flushing.catch(() => {})
    await this.#file.close()
  }
}

/** A new, empty log; fails with EEXIST. Its name lasts once the caller has synced the directory. */
export async function createLog(files: FileLayer, path: string): Promise<LogWriter> {
  return new LogWriter(path, await files.open(path, 'create'))
}

function encodeRecord(payload: Uint8Array): Uint8Array {
  const record = new Uint8Array(HEADER_BYTES + payload.length)
  const view = new DataView(record.buffer)
  view.setUint32(0, payload.length, true)
  view.setUint32(4, recordChecksum(record.subarray(0, 4), payload), true)
  record.set(payload, HEADER_BYTES)
  return record
}

function recordChecksum(lengthField: Uint8Array, payload: Uint8Array): number {
  return crc32(payload, crc32(lengthField))
}

/**
 * The payloads of the first `acknowledgedBytes` of a log, in order; each is the reader's own. Throws BadPack with the
 * file and the offset where the log is shorter than that, or a record before the mark is damaged.
 */
export async function* readLog(
  files: FileLayer,
  path: string,
  acknowledgedBytes: number,
): AsyncGenerator<Uint8Array, void> {
  const file = await files.open(path, 'read')
  try {
    const reader = new BoundedReader(path, file, acknowledgedBytes)
    const magic = await reader.take(MAGIC.length)
    if (Buffer.compare(magic, MAGIC) !== 0) throw damaged(path, 0, 'does not begin like a log of format 1')
    while (reader.offset < acknowledgedBytes) yield await readRecord(reader)
  } finally {
    await file.close()
  }
}

async function readRecord(reader: BoundedReader): Promise<Uint8Array> {
  const start = reader.offset
  const header = await reader.take(HEADER_BYTES)
  const view = new DataView(header.buffer, header.byteOffset)
  const length = view.getUint32(0, true)
  const checksum = view.getUint32(4, true)
  if (length === 0 || length > MAX_LOG_RECORD_BYTES) {
    throw damaged(reader.path, start, `has a record of ${length} bytes`)
  }
  const payload = await reader.take(length)
  if (recordChecksum(header.subarray(0, 4), payload) !== checksum) {
    throw damaged(reader.path, start, 'has a record whose checksum is wrong')
  }
  return payload
}

class BoundedReader {
  readonly path: string
  offset = 0
  readonly #file: DiskFile
  readonly #endBytes: number
  #buffer: Uint8Array = new Uint8Array(0)
  #bufferStart = 0

  constructor(path: string, file: DiskFile, endBytes: number) {
    this.path = path
    this.#file = file
    this.#endBytes = endBytes
  }

  /** A copy of the next `bytes` bytes. */
  async take(bytes: number): Promise<Uint8Array> {
    if (this.offset + bytes > this.#endBytes) throw damaged(this.path, this.offset, 'ends inside a record')
    if (this.offset + bytes > this.#bufferStart + this.#buffer.length) await this.#fill(bytes)
    const from = this.offset - this.#bufferStart
    this.offset += bytes
    return this.#buffer.slice(from, from + bytes)
  }

  async #fill(bytes: number): Promise<void> {
    const wanted = Math.min(Math.max(bytes, READ_BYTES), this.#endBytes - this.offset)
    const buffer = new Uint8Array(wanted)
    const read = await this.#file.read(buffer, this.offset)
    if (read < bytes) throw damaged(this.path, this.offset + read, 'is shorter than what was acknowledged')
    this.#buffer = buffer.subarray(0, read)
    this.#bufferStart = this.offset
  }
}

function damaged(path: string, offset: number, what: string): GlasError {
  return new GlasError('BadPack', `The log ${path} ${what}, at byte ${offset}. Restore the file from a backup.`, {
    data: { path, offset },
  })
}

function tooLarge(what: string, value: number, limit: number): GlasError {
  return new GlasError('LimitExceeded', `The size of ${what} must be between 1 and ${limit} bytes, not ${value}.`, {
    data: { limit, value, unit: 'bytes' },
  })
}
