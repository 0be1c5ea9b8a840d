/**
 * Pack files: 8 bytes magic (`PGPACK`, a zero byte, format 1), then frames. Appended to by one writer in one epoch,
 * never changed afterwards. Many blocks in few files, written in order: right for parallel file systems.
 */
import { join } from 'node:path'
import type { DiskFile, FileLayer } from '../disk/files.ts'
import type { FrameHeader } from './frame.ts'
import { decodeFrameHeader, FRAME_HEADER_BYTES, FRAME_MAGIC, isDataIntact } from './frame.ts'

export const PACK_MAGIC = Uint8Array.from([0x50, 0x47, 0x50, 0x41, 0x43, 0x4b, 0, 1])
/** A pack this large is sealed: a size that is quick to copy when it is swept, and few files for a large stock. */
export const PACK_SEAL_BYTES = 256 * 1024 * 1024
/** Reading ahead for headers: many small frames at once, few wasted bytes between large ones. */
const SCAN_BYTES = 64 * 1024
/** How much goes to the disk in one write. */
const WRITE_BATCH_BYTES = 4 * 1024 * 1024
/** So much is left for the sync at the end: what came before goes to the disk while more is compressed. */
const SYNC_BEHIND_BYTES = 32 * 1024 * 1024
/** Open files are a scarce thing; a large stock has some hundred packs. */
const MAX_OPEN_PACKS = 64

interface Waiting {
  pieces: readonly Uint8Array[]
  bytes: number
  placed: (offset: number) => void
  done: () => void
  failed: (error: unknown) => void
}

/** Appends frames; those that come while a write is running go out together with the next one. */
export class PackWriter {
  readonly name: string
  /** Those who are about to append: a pack is closed when there is nobody left. */
  users = 0
  readonly #file: DiskFile
  #waiting: Waiting[] = []
  #writtenBytes = 0
  #broken: unknown
  #pumping: Promise<void> | undefined
  #syncedBytes = 0
  #syncing: Promise<unknown> | undefined

  constructor(name: string, file: DiskFile) {
    this.name = name
    this.#file = file
  }

  static async create(layer: FileLayer, folder: string, name: string): Promise<PackWriter> {
    const writer = new PackWriter(name, await layer.open(join(folder, name), 'create'))
    await writer.append([PACK_MAGIC], () => {})
    return writer
  }

  get writtenBytes(): number {
    return this.#writtenBytes
  }

  /**
   * Done when the pieces are written; they must not change until then. `placed` is told their offset at the moment from
   * which `writtenBytes` counts them. A failure (a full disk) is that of the frames in the same write alone: the next
   * write begins where the last good one ended.
   */
  append(pieces: readonly Uint8Array[], placed: (offset: number) => void): Promise<void> {
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
    return new Promise((done, failed) => {
      this.#waiting.push({ pieces, bytes, placed, done, failed })
      this.#pumping ??= this.#pump()
    })
  }

  async #pump(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#takeBatch()
      const start = this.#writtenBytes
      try {
        await this.#file.write(
          batch.flatMap((entry) => entry.pieces),
          start,
        )
      } catch (error) {
        for (const entry of batch) entry.failed(error)
        continue
      }
      for (const entry of batch) {
        entry.placed(this.#writtenBytes)
        this.#writtenBytes += entry.bytes
        entry.done()
      }
      this.#syncBehind()
    }
    this.#pumping = undefined
  }

  /** Acknowledges nothing; a failure is met by the next `sync`. */
  #syncBehind(): void {
    if (this.#syncing !== undefined || this.#writtenBytes - this.#syncedBytes < SYNC_BEHIND_BYTES) return
    this.#syncing = this.sync()
      .catch(() => {})
      .finally(() => {
        this.#syncing = undefined
      })
  }

  #takeBatch(): Waiting[] {
    let bytes = 0
    let count = 0
    for (const entry of this.#waiting) {
      if (count > 0 && bytes + entry.bytes > WRITE_BATCH_BYTES) break
      bytes += entry.bytes
      count++
    }
    return this.#waiting.splice(0, count)
  }

  /**
   * Makes everything written so far last, and gives how many bytes that is. Once it failed it fails for ever: nobody
   * knows then which pages are on the disk, and a second sync may lie.
   */
  async sync(): Promise<number> {
    if (this.#broken !== undefined) throw this.#broken
    const bytes = this.#writtenBytes
    try {
      await this.#file.sync()
    } catch (error) {
      this.#broken = error
      throw error
    }
    this.#syncedBytes = Math.max(this.#syncedBytes, bytes)
    return bytes
  }

  async close(): Promise<void> {
    await this.#pumping
    await this.#syncing
    await this.#file.close()
  }
}

interface OpenPack {
  file: Promise<DiskFile>
  users: number
}

/** Reading from packs, of which at most MAX_OPEN_PACKS stay open. A pack that is gone gives ENOENT. */
export class PackReader {
  readonly #layer: FileLayer
  readonly #folder: string
  readonly #open = new Map<string, OpenPack>()

  constructor(layer: FileLayer, folder: string) {
    this.#layer = layer
    this.#folder = folder
  }

  /** Up to `bytes` bytes from the offset on: fewer only at the end of the pack. */
  async read(name: string, offset: number, bytes: number): Promise<Uint8Array> {
    const pack = this.#take(name)
    try {
      const file = await pack.file
      const buffer = Buffer.allocUnsafeSlow(bytes)
      return buffer.subarray(0, await file.read(buffer, offset))
    } catch (error) {
      if (pack.users === 1) this.#open.delete(name)
      throw error
    } finally {
      pack.users--
    }
  }

  #take(name: string): OpenPack {
    const known = this.#open.get(name)
    const pack = known ?? { file: this.#layer.open(join(this.#folder, name), 'read'), users: 0 }
    pack.users++
    // Taken out and put back, so that the map is ordered by last use.
    this.#open.delete(name)
    this.#open.set(name, pack)
    if (this.#open.size > MAX_OPEN_PACKS) this.#closeOldest()
    return pack
  }

  #closeOldest(): void {
    for (const [name, pack] of this.#open) {
      if (pack.users > 0) continue
      this.#open.delete(name)
      void pack.file.then((file) => file.close()).catch(() => {})
      return
    }
  }

  /** Closes a pack that is about to be deleted. */
  async forget(name: string): Promise<void> {
    const pack = this.#open.get(name)
    this.#open.delete(name)
    await pack?.file.then((file) => file.close()).catch(() => {})
  }

  async close(): Promise<void> {
    for (const name of [...this.#open.keys()]) await this.forget(name)
  }
}

/** A frame of which the header says where it lies; undefined when header or stored bytes are damaged. */
export async function readFrame(
  reader: PackReader,
  { pack, offset, storedLength }: { pack: string; offset: number; storedLength: number },
): Promise<{ header: FrameHeader; stored: Uint8Array } | undefined> {
  const frame = await reader.read(pack, offset, FRAME_HEADER_BYTES + storedLength)
  const header = decodeFrameHeader(frame)
  const stored = frame.subarray(FRAME_HEADER_BYTES)
  return header === undefined || !isDataIntact(header, stored) ? undefined : { header, stored }
}

export interface ScannedFrame {
  offset: number
  header: FrameHeader
}

export interface ScannedDamage {
  offset: number
  /** Where the next good frame begins, or the end. */
  untilOffset: number
}

/**
 * All frames of a pack between two offsets (the first is that of a frame, or 0), by their headers alone. Where a
 * header is damaged the scan looks for the next good one and says what it jumped over.
 */
export async function* scanPack(
  reader: PackReader,
  name: string,
  fromOffset: number,
  endOffset: number,
): AsyncGenerator<ScannedFrame | ScannedDamage, void> {
  let offset = Math.max(fromOffset, PACK_MAGIC.length)
  let window: Uint8Array = new Uint8Array(0)
  let windowStart = offset
  while (offset < endOffset) {
    if (offset + FRAME_HEADER_BYTES > windowStart + window.length) {
      windowStart = offset
      window = await reader.read(name, offset, Math.min(SCAN_BYTES, endOffset - offset))
    }
    const header = decodeFrameHeader(window.subarray(offset - windowStart, offset - windowStart + FRAME_HEADER_BYTES))
    const end = header === undefined ? 0 : offset + FRAME_HEADER_BYTES + header.storedLength
    if (header === undefined || end > endOffset) {
      const untilOffset = await findFrame(reader, name, offset + 1, endOffset)
      yield { offset, untilOffset }
      offset = untilOffset
    } else {
      yield { offset, header }
      offset = end
    }
  }
}

async function findFrame(reader: PackReader, name: string, from: number, end: number): Promise<number> {
  for (let start = from; start < end; start += SCAN_BYTES - FRAME_HEADER_BYTES) {
    const window = Buffer.from(await reader.read(name, start, Math.min(SCAN_BYTES, end - start)))
    for (let at = window.indexOf(FRAME_MAGIC); at >= 0; at = window.indexOf(FRAME_MAGIC, at + 1)) {
      if (decodeFrameHeader(window.subarray(at, at + FRAME_HEADER_BYTES)) !== undefined) return start + at
    }
  }
  return end
}
