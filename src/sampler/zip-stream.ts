import { crc32 } from 'node:zlib'
import type { CID } from 'multiformats/cid'
import type { Parts } from '../beam/parts.ts'
import { entriesOf, type StockedEntry } from '../beam/tree.ts'
import { GlasError } from '../glas/errors.ts'
import type { GlasRecord } from '../glas/record.ts'
import {
  directoryBytes,
  encodeDirectoryEntry,
  encodeEnd,
  encodeLocalHeader,
  localHeaderBytes,
  MAX_ZIP_BYTES,
  MAX_ZIP_FILES,
  type ZipFile,
} from './zip-format.ts'

/** Check sums that are kept: a version is read twice for its first download, and once for the next. */
const MAX_KEPT_SUMS = 100_000
/** Links followed to the file that they stand for. */
const MAX_LINK_HOPS = 8

interface StockedFile extends ZipFile {
  /** Undefined for a directory. */
  cid: CID | undefined
  offsetBytes: number
}

type Piece = { lengthBytes: number; bytes: () => AsyncIterable<Uint8Array> }

/**
 * A version as a zip that the original launchers import: one top folder, files stored as they are. A link becomes the
 * file that it points to. The same version gives the same bytes, so a download that broke off can go on.
 */
export class ZipStream {
  readonly sizeBytes: number
  readonly #stock: Parts['stock']
  readonly #files: StockedFile[]
  readonly #sums: Map<string, number>

  private constructor(stock: Parts['stock'], files: StockedFile[], sums: Map<string, number>) {
    this.#stock = stock
    this.#files = files
    this.#sums = sums
    this.sizeBytes = endOf(files) + directoryBytes(files)
    if (files.length > MAX_ZIP_FILES) throw tooLarge('files', MAX_ZIP_FILES, files.length)
    if (this.sizeBytes > MAX_ZIP_BYTES) throw tooLarge('bytes', MAX_ZIP_BYTES, this.sizeBytes)
  }

  /** `sums` is kept by the caller from one version to the next. Throws LimitExceeded for what no such zip can hold. */
  static async of(stock: Parts['stock'], record: GlasRecord, sums: Map<string, number>): Promise<ZipStream> {
    const entries = await Array.fromAsync(entriesOf(stock, record))
    let offsetBytes = 0
    const files = inOrder(filesOf(entries, record.imageName)).map((file) => {
      const placed = { ...file, offsetBytes }
      offsetBytes += localHeaderBytes(file) + file.sizeBytes
      return placed
    })
    return new ZipStream(stock, files, sums)
  }

  /** The bytes from `start` up to and without `end`. */
  async *bytes(start: number, end: number, signal?: AbortSignal): AsyncGenerator<Uint8Array, void> {
    let at = 0
    for (const { lengthBytes, bytes } of this.#pieces(signal)) {
      const from = at
      at += lengthBytes
      if (at <= start) continue
      if (from >= end) return
      yield* cut(bytes(), from, { start, end })
    }
  }

  *#pieces(signal: AbortSignal | undefined): Generator<Piece, void> {
    for (const file of this.#files) {
      yield { lengthBytes: localHeaderBytes(file), bytes: () => this.#header(file, signal) }
      yield { lengthBytes: file.sizeBytes, bytes: () => this.#content(file, signal) }
    }
    yield { lengthBytes: directoryBytes(this.#files), bytes: () => this.#directory(signal) }
  }

  async *#header(file: StockedFile, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void> {
    yield encodeLocalHeader(file, await this.#sumOf(file, signal))
  }

  async *#directory(signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void> {
    let sizeBytes = 0
    for (const file of this.#files) {
      const entry = encodeDirectoryEntry(file, await this.#sumOf(file, signal), file.offsetBytes)
      sizeBytes += entry.length
      yield entry
    }
    yield encodeEnd(this.#files.length, { offsetBytes: endOf(this.#files), sizeBytes })
  }

  async *#content({ cid, sizeBytes }: StockedFile, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void> {
    if (cid !== undefined && sizeBytes > 0) yield* this.#stock.readFile(cid, { expectedBytes: sizeBytes, signal })
  }

  async #sumOf(file: StockedFile, signal: AbortSignal | undefined): Promise<number> {
    const key = String(file.cid)
    const known = this.#sums.get(key)
    if (known !== undefined) return known
    let sum = 0
    for await (const chunk of this.#content(file, signal)) sum = crc32(chunk, sum)
    if (this.#sums.size >= MAX_KEPT_SUMS) this.#sums.clear()
    this.#sums.set(key, sum)
    return sum
  }
}

async function* cut(
  pieces: AsyncIterable<Uint8Array>,
  offset: number,
  { start, end }: { start: number; end: number },
): AsyncGenerator<Uint8Array, void> {
  let at = offset
  for await (const piece of pieces) {
    const wanted = piece.subarray(Math.max(0, start - at), Math.max(0, end - at))
    at += piece.length
    if (wanted.length > 0) yield wanted
    if (at >= end) return
  }
}

type File = Omit<StockedFile, 'offsetBytes'>

function filesOf(entries: readonly StockedEntry[], top: string): File[] {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]))
  const parents = new Set(entries.map(({ path }) => path.slice(0, Math.max(0, path.lastIndexOf('/')))))
  return entries.flatMap((entry): File[] => {
    const { path, mode, mtimeSec } = entry
    const isEmpty = entry.kind === 'directory' && !parents.has(path)
    if (isEmpty) return [{ path: `${top}/${path}/`, cid: undefined, sizeBytes: 0, mode, mtimeSec }]
    const file = fileBehind(entry, byPath)
    if (file === undefined) return []
    return [{ path: `${top}/${path}`, cid: file.cid, sizeBytes: file.sizeBytes, mode: file.mode, mtimeSec }]
  })
}

/** The file that an entry is or, through links inside the version, points to. */
function fileBehind(entry: StockedEntry, byPath: ReadonlyMap<string, StockedEntry>): StockedEntry | undefined {
  let at: StockedEntry | undefined = entry
  for (let hops = 0; at?.kind === 'symlink' && hops < MAX_LINK_HOPS; hops++) {
    const folder = at.path.split('/').slice(0, -1)
    for (const part of (at.target ?? '').split('/')) {
      if (part === '..') folder.pop()
      else if (part !== '.' && part !== '') folder.push(part)
    }
    at = byPath.get(folder.join('/'))
  }
  return at?.kind === 'file' ? at : undefined
}

/** As a Tap packs it: the image, its changes, the sources, and then all others. */
function inOrder(files: File[]): File[] {
  const suffixes = ['.image', '.changes', '.sources']
  const rank = ({ path }: File) => {
    const at = suffixes.findIndex((suffix) => path.endsWith(suffix) && path.split('/').length === 2)
    return at < 0 ? suffixes.length : at
  }
  return files.sort((a, b) => rank(a) - rank(b) || (a.path < b.path ? -1 : 1))
}

function endOf(files: readonly StockedFile[]): number {
  const last = files.at(-1)
  return last === undefined ? 0 : last.offsetBytes + localHeaderBytes(last) + last.sizeBytes
}

function tooLarge(unit: string, limit: number, value: number): GlasError {
  const message = `A zip for the launcher holds at most ${limit} ${unit}; this version needs ${value}. \`pintglas pull\` gets it.`
  return new GlasError('LimitExceeded', message, { data: { limit, value, unit } })
}
