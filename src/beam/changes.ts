import type { CID } from 'multiformats/cid'
import { GlasError, isGlasError } from '../glas/errors.ts'
import type { GlasId } from '../glas/glas-id.ts'
import { decodeRecord, type GlasRecord } from '../glas/record.ts'
import { versionText } from '../glas/version.ts'
import { type ChangedFile, changedFiles } from './changed-files.ts'
import { type ChangesTail, changesTail } from './changes-tail.ts'
import { findVersion } from './lookup.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'

export interface Changes {
  record: string
  /** Null for the first version of a line: then nothing is compared. */
  parent: string | null
  'parent-version': string | null
  files: ChangedFile[]
  /** Files that differ beside those that are listed. */
  'more-files': number
  /** Of all files of this version: in blocks that the parent has too. */
  'shared-bytes': number
  /** In images that are kept here as deltas, without the deltas. */
  'derived-bytes': number
  /** In deltas, and in blocks that the parent has not. */
  'new-bytes': number
  /** What was done in the image, as its `.changes` file tells it. */
  code: ChangesTail[]
}

/** Files in one answer; the largest differences are those that are shown. */
const MAX_LISTED_FILES = 2000

/**
 * What a version has that its parent has not. Both have to be here: GlasNotStocked. A parent in a glas that `sees` does
 * not let through counts as none.
 */
export async function changes(
  parts: Pick<Parts, 'home' | 'index' | 'swarm' | 'stock'>,
  { reference, sees = () => true }: { reference: string; sees?: (glasId: GlasId) => boolean },
  options: CallOptions,
): Promise<Changes> {
  const { record: cid } = findVersion(parts, reference, options)
  const record = await recordHere(parts, cid, 'The version')
  const same = { record: String(cid), files: [], 'more-files': 0, code: [] }
  const parent = record.parent === null ? null : await recordHere(parts, record.parent, 'The version that it came from')
  if (record.parent === null || parent === null || !sees(parent.glasId)) {
    const sizes = { 'shared-bytes': 0, 'derived-bytes': 0, 'new-bytes': record.sizeBytes }
    return { ...same, parent: null, 'parent-version': null, ...sizes }
  }
  try {
    const { files, pairs } = await changedFiles(parts.stock, record.contents, parent.contents, options.signal)
    const code: ChangesTail[] = []
    for (const pair of pairs.filter(({ path }) => /^[^/]+\.changes$/.test(path))) {
      const tail = await changesTail(parts.stock, pair)
      if (tail !== undefined) code.push(tail)
    }
    return {
      record: String(cid),
      parent: String(record.parent),
      'parent-version': versionText(parent.version),
      files: largest(files),
      'more-files': Math.max(0, files.length - MAX_LISTED_FILES),
      ...sizesOf(files, record.sizeBytes),
      code,
    }
  } catch (error) {
    if (isGlasError(error, 'BlockMissing')) throw notHere('All of one of the two versions')
    throw error
  }
}

function sizesOf(files: readonly ChangedFile[], sizeBytes: number) {
  const sum = (of: (file: ChangedFile) => number) => files.reduce((bytes, file) => bytes + of(file), 0)
  const other = sum(({ size, shared }) => size - shared)
  const derived = sum(({ size, shared, delta }) => (delta === null ? 0 : Math.max(0, size - shared - delta)))
  const shared = Math.max(0, sizeBytes - other)
  return { 'shared-bytes': shared, 'derived-bytes': derived, 'new-bytes': other - derived }
}

async function recordHere({ stock }: Pick<Parts, 'stock'>, cid: CID, what: string): Promise<GlasRecord> {
  if (!(await stock.has(cid))) throw notHere(what, cid)
  return decodeRecord(await stock.get(cid))
}

function largest(files: ChangedFile[]): ChangedFile[] {
  if (files.length <= MAX_LISTED_FILES) return files
  const difference = ({ size, before, shared }: ChangedFile) => size + before - 2 * shared
  const listed = [...files].sort((a, b) => difference(b) - difference(a)).slice(0, MAX_LISTED_FILES)
  return listed.sort((a, b) => (a.path < b.path ? -1 : 1))
}

function notHere(what: string, cid?: CID): GlasError {
  const data = cid === undefined ? {} : { record: String(cid) }
  return new GlasError('GlasNotStocked', `${what} is not here: pin both to compare them.`, { data })
}
