/** Writes files of the stock in threads: blocks go there as they are kept, and are decompressed and verified once more. */
import type { CID } from 'multiformats/cid'
import { isGlasError } from '../glas/errors.ts'
import { MODE_MASK, type TreeEntry } from '../image/entry.ts'
import { createFile, type FileWriter, finishFile, type StageOptions, timeOf, wrongSize } from '../image/stage.ts'
import { digestOf } from '../stock/cid.ts'
import type { KeptPiece } from '../stock/dag-read.ts'
import { ByteWindow } from '../stock/gate.ts'
import type { FileToMake, KeptBlock } from './block-jobs.ts'
import type { BlockThreads } from './block-threads.ts'
import type { Parts } from './parts.ts'

/** Files up to this size are made in a thread from beginning to end, and many of them are one job. */
const SMALL_FILE_BYTES = 256 * 1024
const FILES_PER_JOB = 32
/** Of large files: on their way to the disk, before decompression, while more is read. */
const IN_FLIGHT_BYTES = 8 * 1024 * 1024

interface Waiting {
  file: FileToMake
  made: PromiseWithResolvers<void>
}

export class TreeWriter implements FileWriter {
  readonly #stock: Parts['stock']
  readonly #threads: BlockThreads
  readonly #cids: ReadonlyMap<string, CID>
  #waiting: Waiting[] = []

  /** `cids` by path; what is not among them is left to others. */
  constructor(stock: Parts['stock'], threads: BlockThreads, cids: ReadonlyMap<string, CID>) {
    this.#stock = stock
    this.#threads = threads
    this.#cids = cids
  }

  async write(path: string, entry: TreeEntry, options: StageOptions): Promise<boolean> {
    const cid = this.#cids.get(entry.path)
    if (cid === undefined) return false
    const { signal } = options
    const pieces = this.#stock.readKept(cid, { expectedBytes: entry.sizeBytes, signal })
    if (entry.sizeBytes <= SMALL_FILE_BYTES) await this.#makeSmall(path, entry, { pieces, options })
    else await this.#writeLarge(path, entry, { pieces, options })
    return true
  }

  async #makeSmall(path: string, entry: TreeEntry, { pieces, options }: Reading): Promise<void> {
    const all = await Array.fromAsync(pieces)
    const { sizeBytes } = entry
    if (all.reduce((sum, { block }) => sum + block.rawLength, 0) !== sizeBytes) throw wrongSize(entry, 'fewer')
    const blocks = all.map(keptBlock)
    const file = { path, blocks, mode: entry.mode & MODE_MASK, time: timeOf(entry), sync: options.syncEach }
    await this.#orRead(all, this.#make(file))
    options.onBytes?.(sizeBytes)
  }

  /** Files that are asked for at the same time go to one thread together. */
  #make(file: FileToMake): Promise<void> {
    const made = Promise.withResolvers<void>()
    this.#waiting.push({ file, made })
    if (this.#waiting.length === 1) setImmediate(() => this.#makeWaiting())
    return made.promise
  }

  #makeWaiting(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (let at = 0; at < waiting.length; at += FILES_PER_JOB) {
      void this.#makeSome(waiting.slice(at, at + FILES_PER_JOB))
    }
  }

  /** Never rejects: each file is told what came of it. */
  async #makeSome(some: readonly Waiting[]): Promise<void> {
    try {
      await this.#threads.run({ kind: 'make', files: some.map(({ file }) => file) })
      for (const { made } of some) made.resolve()
    } catch (error) {
      for (const { made } of some) made.reject(error)
    }
  }

  async #writeLarge(path: string, entry: TreeEntry, { pieces, options }: Reading): Promise<void> {
    const handle = await createFile(path)
    const window = new ByteWindow(IN_FLIGHT_BYTES)
    try {
      let position = 0
      for await (const piece of pieces) {
        options.signal?.throwIfAborted()
        const job = { kind: 'write', block: keptBlock(piece), fd: handle.fd, position } as const
        const { rawLength } = piece.block
        position += rawLength
        await window.add(
          rawLength,
          this.#orRead([piece], this.#threads.run(job)).then(() => options.onBytes?.(rawLength)),
        )
      }
      await window.drain()
      if (position !== entry.sizeBytes) throw wrongSize(entry, 'fewer')
      await finishFile(handle, entry, options.syncEach)
    } finally {
      await window.drain().catch(() => {}) // nothing may write to a number that is somebody else's file by then
      await handle.close()
    }
  }

  /** A block that is damaged is read once more by the stock, which can say where it lies. */
  async #orRead(pieces: readonly KeptPiece[], work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      if (isGlasError(error, 'BlockMismatch') || isGlasError(error, 'BadMessage')) {
        for (const { cid } of pieces) await this.#stock.get(cid)
      }
      throw error
    }
  }
}

interface Reading {
  pieces: AsyncIterable<KeptPiece>
  options: StageOptions
}

function keptBlock({ cid, block }: KeptPiece): KeptBlock {
  return { ...block, digest: digestOf(cid) }
}
