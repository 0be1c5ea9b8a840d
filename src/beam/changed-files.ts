import type { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import type { DirectoryEntry } from '../stock/dag-read.ts'
import type { Parts } from './parts.ts'
import { walkDirectory } from './tree.ts'

type Reading = Pick<Parts['stock'], 'readDirectory' | 'leavesOf' | 'sizeOf' | 'keptAs'>

/** A file, or a link, that differs between two directories. */
export interface ChangedFile {
  path: string
  change: 'added' | 'removed' | 'changed'
  kind: 'file' | 'symlink'
  /** Bytes now, and before; 0 where it is not there. */
  size: number
  before: number
  /** Bytes that stand in blocks which the file before has, too. */
  shared: number
  /** Bytes of the delta that the file is kept as here; null where it is kept as blocks. */
  delta: number | null
}

/** A file that is in both directories, and differs. */
export interface FilePair {
  path: string
  now: { cid: CID; sizeBytes: number }
  before: { cid: CID; sizeBytes: number }
}

export interface FileChanges {
  files: ChangedFile[]
  /** Those that are `changed`, with where they are in the stock. */
  pairs: FilePair[]
}

/** Entries of directories that differ: equal ones are not read. A list of more is for no reader. */
const MAX_COMPARED = 50_000

/** What differs between two directories of the stock, by path. Throws BlockMissing, LimitExceeded. */
export async function changedFiles(stock: Reading, now: CID, before: CID, signal: AbortSignal): Promise<FileChanges> {
  const found: FileChanges = { files: [], pairs: [] }
  const waiting = [{ path: '', now, before }]
  let compared = 0
  const count = (entries: number) => {
    compared += entries
    if (compared <= MAX_COMPARED) return
    throw new GlasError(
      'LimitExceeded',
      `More than ${MAX_COMPARED} files differ: pull both versions to compare them.`,
      {
        data: { limit: MAX_COMPARED, unit: 'files' },
      },
    )
  }
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const entries = await bothOf(stock, at, signal)
    count(entries.length)
    for (const { name, now, before } of entries) {
      if (now !== undefined && before?.cid.equals(now.cid)) continue
      const path = at.path === '' ? name : `${at.path}/${name}`
      if (now?.kind === 'directory' && before?.kind === 'directory')
        waiting.push({ path, now: now.cid, before: before.cid })
      else if (now?.kind === 'file' && before?.kind === 'file') await addPair(stock, found, { path, now, before })
      else {
        if (before !== undefined)
          for await (const one of filesOf(stock, path, before)) {
            count(1)
            found.files.push(gone(one))
          }
        if (now !== undefined)
          for await (const one of filesOf(stock, path, now)) {
            count(1)
            found.files.push(added(one))
          }
      }
    }
  }
  found.files.sort((a, b) => (a.path < b.path ? -1 : 1))
  return found
}

async function bothOf(stock: Reading, { now, before }: { now: CID; before: CID }, signal: AbortSignal) {
  const byName = new Map<string, { now?: DirectoryEntry; before?: DirectoryEntry }>()
  for (const entry of await stock.readDirectory(now, { signal })) byName.set(entry.name, { now: entry })
  for (const entry of await stock.readDirectory(before, { signal })) {
    byName.set(entry.name, { ...byName.get(entry.name), before: entry })
  }
  return [...byName].map(([name, both]) => ({ name, ...both }))
}

async function addPair(stock: Reading, { files, pairs }: FileChanges, pair: FilePair): Promise<void> {
  const { path, now, before } = pair
  const shared = await sharedBytes(stock, now, before)
  const kept = await stock.keptAs(now.cid)
  const delta = kept?.as === 'delta' ? kept.deltaBytes : null
  files.push({ path, change: 'changed', kind: 'file', size: now.sizeBytes, before: before.sizeBytes, shared, delta })
  pairs.push(pair)
}

async function sharedBytes(stock: Reading, now: FilePair['now'], before: FilePair['before']): Promise<number> {
  const known = new Set<string>()
  for await (const cid of stock.leavesOf(before.cid, before.sizeBytes)) known.add(String(cid))
  let bytes = 0
  for await (const cid of stock.leavesOf(now.cid, now.sizeBytes)) {
    if (known.has(String(cid))) bytes += (await stock.sizeOf(cid)) ?? 0
  }
  return Math.min(bytes, now.sizeBytes)
}

interface Leaf {
  path: string
  kind: 'file' | 'symlink'
  sizeBytes: number
}

async function* filesOf(stock: Reading, path: string, entry: DirectoryEntry): AsyncGenerator<Leaf> {
  if (entry.kind !== 'directory') {
    yield { path, kind: entry.kind, sizeBytes: entry.kind === 'file' ? entry.sizeBytes : 0 }
    return
  }
  for await (const below of walkDirectory(stock, entry.cid)) {
    if (below.kind !== 'directory')
      yield { path: `${path}/${below.path}`, kind: below.kind, sizeBytes: below.sizeBytes }
  }
}

function added({ path, kind, sizeBytes }: Leaf): ChangedFile {
  return { path, change: 'added', kind, size: sizeBytes, before: 0, shared: 0, delta: null }
}

function gone({ path, kind, sizeBytes }: Leaf): ChangedFile {
  return { path, change: 'removed', kind, size: 0, before: sizeBytes, shared: 0, delta: null }
}
