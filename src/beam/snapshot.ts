import type { CID } from 'multiformats/cid'
import type { ImageFormat } from '../glas/record.ts'
import { encodeAttributes, type PathAttributes } from '../image/attributes.ts'
import { type OpenFile, withFile } from '../image/read.ts'
import { readImage } from '../image/read-image.ts'
import { OTHER_LEAF_BYTES, type Scan, type ScannedEntry } from '../image/scan.ts'
import { SecretSearch } from '../image/secrets.ts'
import { describeImage } from '../spur/header.ts'
import type { Kept } from '../stock/add-image.ts'
import type { TreeEntry } from '../stock/dag-directory.ts'
import type { AddedFile } from '../stock/dag-file.ts'
import type { Lease } from '../stock/leases.ts'
import { isoDate } from './dates.ts'
import { paceOf } from './pace.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'
import type { Relatives } from './relatives.ts'
import { RememberedFiles } from './remembered.ts'

/** Small files read at once: enough that the disk is not waited for one file at a time. */
const FILES_AT_ONCE = 8

/** What one reading of an image directory brought into the stock. */
export interface Snapshot {
  contents: CID
  /** Not in the stock yet: new times alone are no change, and an unchanged directory stores nothing. */
  attributes: PathAttributes[]
  sizeBytes: number
  /** Of blocks that were not in the stock, before compression. */
  newBytes: number
  files: number
  format: ImageFormat | null
  /** When the image was saved. */
  date: string
  search: SecretSearch
  /** How each file of the image came to lie in the stock, by its path. */
  kept: ReadonlyMap<string, Kept>
}

/** A file as it looks from outside. */
type Stamped = Pick<ScannedEntry, 'stamp' | 'mode' | 'mtimeSec' | 'mtimeNsec'>

interface Read {
  file: AddedFile
  attributes: PathAttributes
}

/**
 * Reads everything once, but for what looks as it did when it was read before: cut, hashed, stored under the lease and
 * searched for secrets on the way. The image first, then its `.changes`: that may be longer than at the save, never shorter. Throws as the readers do.
 */
export async function takeSnapshot(
  stock: Parts['stock'],
  { scan, relatives, bytesPerSecond }: { scan: Scan; relatives: Relatives; bytesPerSecond: number },
  lease: Lease,
  options: CallOptions,
): Promise<Snapshot> {
  const search = new SecretSearch()
  const remembered = await RememberedFiles.open(scan.image.directory, { stock, search, lease })
  const reads = new Map<string, Read>()
  const kept = new Map<string, Kept>()
  const progress = progressOf(scan, options)
  const pace = paceOf(bytesPerSecond, options.signal)
  const reuse = async (entry: ScannedEntry, { stamp, ...found }: Stamped) => {
    const file = await remembered.find(entry, stamp)
    if (file === undefined) return false
    if (entry.role === 'image') kept.set(entry.path, { as: 'known' })
    reads.set(entry.path, { file, attributes: pathAttributes(entry, found) })
    progress(file.sizeBytes)
    return true
  }
  const take = async (entry: ScannedEntry, file: OpenFile) => {
    const { leafBytes } = entry
    const { sizeBytes } = file
    if (entry.role === 'image' && (await reuse(entry, file))) return
    const searched = (read: AsyncIterable<Uint8Array>) => search.tap({ ...entry, sizeBytes }, pace(read))
    const chunks = searched(file.chunks)
    const chunksIn = (memory: Uint8Array) => searched(file.chunksIn(memory))
    const adding = { leafBytes, lease, signal: options.signal, onBytes: progress }
    const add = async () => {
      if (entry.role !== 'image') return stock.addFile(chunks, adding)
      const from = { chunksIn, sizeBytes, relatives: await relatives(entry.path) }
      const added = await stock.addImage(chunks, { ...adding, ...from })
      kept.set(entry.path, added.kept)
      return added
    }
    const added = await add()
    remembered.add(entry, file, added)
    reads.set(entry.path, { file: added, attributes: pathAttributes(entry, file) })
  }
  const format = await readImage(scan, describeImage, take, {
    signal: options.signal,
    onRetry: (error) => options.onMessage(`${error.message} Trying again.`),
  })
  await takeOthers(scan, { reuse, take }, options.signal)
  remembered.save()
  const root = await stock.addDirectory(treeOf(scan.entries, reads), { lease })
  const files = [...reads.values()].map((read) => read.file)
  return {
    contents: root.cid,
    attributes: attributesOf(scan, reads),
    sizeBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
    newBytes: files.reduce((sum, file) => sum + file.newBytes, root.newBytes),
    files: reads.size,
    format,
    date: dateOf(scan, reads),
    search,
    kept,
  }
}

/** Modes and times of a snapshot that becomes a version. */
export function storeAttributes(
  stock: Parts['stock'],
  { attributes }: Pick<Snapshot, 'attributes'>,
  lease: Lease,
): Promise<AddedFile> {
  return stock.addFile(once(encodeAttributes(attributes)), { leafBytes: OTHER_LEAF_BYTES, lease })
}

/** Those of the file that was read, but where it is only a clone of the one that is meant. */
function pathAttributes(entry: ScannedEntry, read: Omit<Stamped, 'stamp'>): PathAttributes {
  const { mode, mtimeSec, mtimeNsec } = entry.keepsAttributes ? entry : read
  return { path: entry.path, mode, mtimeSec, mtimeNsec }
}

async function takeOthers(
  scan: Scan,
  {
    reuse,
    take,
  }: {
    reuse: (entry: ScannedEntry, found: Stamped) => Promise<boolean>
    take: (entry: ScannedEntry, file: OpenFile) => Promise<void>
  },
  signal: AbortSignal,
): Promise<void> {
  const files = scan.entries.filter(({ role, kind }) => role !== 'image' && kind === 'file')
  const waiting = files.values()
  const worker = async () => {
    for (const entry of waiting) {
      signal.throwIfAborted()
      if (!(await reuse(entry, entry))) await withFile(entry, (file) => take(entry, file), { signal })
    }
  }
  await Promise.all(Array.from({ length: FILES_AT_ONCE }, worker))
}

function progressOf(scan: Scan, { onProgress }: CallOptions): (bytes: number) => void {
  const totalBytes = scan.entries.reduce((sum, entry) => sum + entry.sizeBytes, 0)
  let doneBytes = 0
  return (bytes) => {
    doneBytes += bytes
    onProgress({ phase: 'reading', doneBytes, totalBytes: Math.max(totalBytes, doneBytes) })
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

type Entries = Map<string, TreeEntry>

/** Paths -> nested directories. A directory stands before what is in it where paths are sorted, and in any case here. */
function treeOf(entries: readonly ScannedEntry[], reads: ReadonlyMap<string, Read>): Entries {
  const root: Entries = new Map()
  const directories = new Map<string, Entries>([['', root]])
  const directory = (path: string): Entries => {
    const known = directories.get(path)
    if (known !== undefined) return known
    const made: Entries = new Map()
    directories.set(path, made)
    put(path, { kind: 'directory', entries: made })
    return made
  }
  const put = (path: string, entry: TreeEntry) => {
    const slash = path.lastIndexOf('/')
    directory(path.slice(0, Math.max(0, slash))).set(path.slice(slash + 1), entry)
  }
  for (const { path, kind, target } of entries) {
    const file = reads.get(path)?.file
    if (kind === 'directory') directory(path)
    else if (kind === 'symlink') put(path, { kind: 'symlink', target: target ?? '' })
    else if (file !== undefined) put(path, { kind: 'file', cid: file.cid, totalBytes: file.totalBytes })
  }
  return root
}

/** Of files as they were when they were opened; of all else as the scan found it. */
function attributesOf(scan: Scan, reads: ReadonlyMap<string, Read>): PathAttributes[] {
  return [scan.root, ...scan.entries].map(({ path, mode, mtimeSec, mtimeNsec }) => {
    return reads.get(path)?.attributes ?? { path, mode, mtimeSec, mtimeNsec }
  })
}

/** The newest of the image's files: there are several in the composed format. */
function dateOf(scan: Scan, reads: ReadonlyMap<string, Read>): string {
  const images = scan.entries.filter(({ role, kind }) => role === 'image' && kind === 'file')
  const times = images.flatMap(({ path }) => reads.get(path)?.attributes ?? [])
  const newest = times.reduce((a, b) => ((b.mtimeSec - a.mtimeSec || b.mtimeNsec - a.mtimeNsec) > 0 ? b : a))
  return isoDate(newest.mtimeSec, newest.mtimeNsec)
}
