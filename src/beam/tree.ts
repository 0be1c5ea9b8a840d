import type { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import type { GlasRecord } from '../glas/record.ts'
import { decodeAttributes, MAX_ATTRIBUTES_BYTES } from '../image/attributes.ts'
import { type Attributes, MAX_ENTRIES, SYMLINK_MODE, type TreeEntry } from '../image/entry.ts'
import { checkPath } from '../image/paths.ts'
import type { Tree } from '../image/place.ts'
import { readWhole } from './content.ts'
import type { Parts } from './parts.ts'
import { TreeWriter } from './tree-writer.ts'

/** Something of the contents with its place in the stock; the CID of links and directories is not used. */
export interface StockedEntry extends TreeEntry {
  cid: CID
}

/** The same without what a UnixFS directory of ours does not say. */
export type BareEntry = Omit<StockedEntry, keyof Attributes>

/** For what no attributes say anything of: it was made by another program, or lost a file. */
export const DEFAULT_MODES = { file: 0o644, directory: 0o755, symlink: SYMLINK_MODE }

/**
 * Files that the attributes do not list; ours list all. A few directories that share their parts unfold to any number
 * of files, while a list of so many has to be sent.
 */
const MAX_UNLISTED = 10_000

/** Everything in a version, in the order of a walk, with its attributes. LimitExceeded for a tree without end. */
export async function* entriesOf(
  stock: Parts['stock'],
  record: GlasRecord,
  signal?: AbortSignal,
): AsyncGenerator<StockedEntry> {
  const attributes = decodeAttributes(await readWhole(stock, record.attributes, MAX_ATTRIBUTES_BYTES))
  let unlisted = 0
  for await (const entry of walkDirectory(stock, record.contents, signal)) {
    if (!attributes.has(entry.path) && ++unlisted > MAX_UNLISTED) throw tooMany(MAX_UNLISTED)
    yield { ...entry, ...attributesFor(entry, attributes) }
  }
}

/** A directory in the stock and everything below it. UnsafePath for a path that leads out, LimitExceeded as above. */
export async function* walkDirectory(
  stock: Pick<Parts['stock'], 'readDirectory'>,
  cid: CID,
  signal?: AbortSignal,
): AsyncGenerator<BareEntry> {
  const root = { path: '', kind: 'directory', sizeBytes: 0, target: null, cid } as const
  yield root
  const waiting: Array<{ path: string; cid: CID }> = [root]
  let count = 0
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const found of await stock.readDirectory(at.cid, { signal })) {
      if (++count > MAX_ENTRIES) throw tooMany(MAX_ENTRIES)
      const entry: BareEntry = {
        path: at.path === '' ? found.name : `${at.path}/${found.name}`,
        kind: found.kind,
        sizeBytes: found.kind === 'file' ? found.sizeBytes : 0,
        target: found.kind === 'symlink' ? found.target : null,
        cid: found.cid,
      }
      checkPath(entry.path) // before it can grow without end: directories may share their parts
      if (entry.kind === 'directory') waiting.push(entry)
      yield entry
    }
  }
}

/** The contents of a version, ready to be placed. The bytes of all files together are held to what the record says. */
export function treeOf(
  { stock, threads }: Pick<Parts, 'stock' | 'threads'>,
  record: GlasRecord,
  signal: AbortSignal,
): Tree {
  const cids = new Map<string, CID>()
  return {
    async *entries() {
      let sizeBytes = 0
      for await (const entry of entriesOf(stock, record, signal)) {
        sizeBytes += entry.sizeBytes
        if (sizeBytes > record.sizeBytes) throw largerThanSaid(record.sizeBytes)
        cids.set(entry.path, entry.cid)
        yield entry
      }
    },
    content(entry) {
      const cid = cids.get(entry.path)
      if (cid === undefined) throw new GlasError('BadRecord', `"${entry.path}" is not in the contents.`)
      return stock.readFile(cid, { expectedBytes: entry.sizeBytes, signal })
    },
    writer: new TreeWriter(stock, threads, cids),
  }
}

function attributesFor(
  { path, kind }: Pick<TreeEntry, 'path' | 'kind'>,
  attributes: ReadonlyMap<string, Attributes>,
): Attributes {
  return attributes.get(path) ?? { mode: DEFAULT_MODES[kind], mtimeSec: 0, mtimeNsec: 0 }
}

function tooMany(limit: number): GlasError {
  return new GlasError(
    'LimitExceeded',
    `This directory has more files than the ${limit} that it may have. It is damaged or made to harm.`,
    {
      data: { limit, unit: 'files' },
    },
  )
}

function largerThanSaid(limitBytes: number): GlasError {
  const message = `The contents are larger than the ${limitBytes} bytes that the record says. They are made to harm.`
  return new GlasError('LimitExceeded', message, { data: { limit: limitBytes, unit: 'bytes' } })
}
