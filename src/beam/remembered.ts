/**
 * Files that are not read again, because they look as they did when they were: size, times, and what the file system
 * calls them. A file is remembered only when its last change lies so far back that another one would have got another
 * time (docs/adr/0077).
 */
import { statfs } from 'node:fs/promises'
import { isLocalFileSystem } from '../disk/sync-together.ts'
import type { OpenFile } from '../image/read.ts'
import type { ScannedEntry } from '../image/scan.ts'
import { type Searched, type SecretSearch, searchVersion } from '../image/secrets.ts'
import type { AddedFile } from '../stock/dag-file.ts'
import type { RememberedFile } from '../stock/file-rows.ts'
import type { Lease } from '../stock/leases.ts'
import type { Parts } from './parts.ts'

/** Two changes within so long may get one time: FAT counts two seconds, all others less. */
const LOCAL_MARGIN_MS = 2_000
/** A file server has a clock of its own. */
const REMOTE_MARGIN_MS = 3_600_000
const NS_PER_MS = 1_000_000n

export class RememberedFiles {
  readonly #stock: Parts['stock']
  readonly #search: SecretSearch
  readonly #lease: Lease
  readonly #marginMs: number
  readonly #version: string
  readonly #read: RememberedFile[] = []

  private constructor(
    parts: { stock: Parts['stock']; search: SecretSearch; lease: Lease },
    marginMs: number,
    version: string,
  ) {
    this.#stock = parts.stock
    this.#search = parts.search
    this.#lease = parts.lease
    this.#marginMs = marginMs
    this.#version = version
  }

  /** For files of one directory, on one file system. */
  static async open(
    directory: string,
    parts: { stock: Parts['stock']; search: SecretSearch; lease: Lease },
  ): Promise<RememberedFiles> {
    const isLocal = isLocalFileSystem((await statfs(directory)).type)
    return new RememberedFiles(parts, isLocal ? LOCAL_MARGIN_MS : REMOTE_MARGIN_MS, await searchVersion())
  }

  /** The file as it lies in the stock, whole and under the lease; undefined for one that has to be read. */
  async find(entry: ScannedEntry, stamp: string): Promise<AddedFile | undefined> {
    const known = await this.#stock.rememberedFile(entry.absolutePath, this.#stampOf(entry, stamp), this.#lease)
    if (known === undefined) return undefined
    this.#search.known(JSON.parse(known.note) as Searched)
    return { cid: known.cid, sizeBytes: known.sizeBytes, totalBytes: known.totalBytes, newBlocks: 0, newBytes: 0 }
  }

  /** A file that was read now. One with findings is searched again each time. */
  add(entry: ScannedEntry, { stamp, openedMs }: Pick<OpenFile, 'stamp' | 'openedMs'>, file: AddedFile): void {
    const searched = this.#search.cleanFile(entry.path)
    const changedMs = Number(BigInt(stamp.slice(stamp.lastIndexOf(' ') + 1)) / NS_PER_MS)
    if (searched === undefined || openedMs - changedMs < this.#marginMs) return
    const { cid, sizeBytes, totalBytes } = file
    const note = JSON.stringify(searched)
    this.#read.push({ path: entry.absolutePath, stamp: this.#stampOf(entry, stamp), cid, sizeBytes, totalBytes, note })
  }

  /** For the next time. It is lost with the catalogue, which costs time and nothing else. */
  save(): void {
    this.#stock.rememberFiles(this.#read)
  }

  #stampOf({ path, role, leafBytes, broughtBack }: ScannedEntry, stamp: string): string {
    return [this.#version, path, role, leafBytes, broughtBack, stamp].join(' ')
  }
}
