/**
 * The attributes block: modes and modification times of everything in the contents, which would change the CIDs of
 * touched files if they stood in the DAG. Canonical dag-cbor of `{format: 1, files: [[path, mode, sec, nsec], ...]}`,
 * sorted by the bytes of the path; the image directory itself is ''. Described in docs/formats.md.
 */
import { decodeCanonical, encodeCanonical } from '../glas/canonical.ts'
import { GlasError } from '../glas/errors.ts'
import { Fields } from '../glas/fields.ts'
import { type Attributes, MAX_ENTRIES, MODE_MASK, sortByPath } from './entry.ts'
import { checkPath } from './paths.ts'

const ATTRIBUTES_FORMAT = 1
/** MAX_ENTRIES of them, and the directory itself, with paths of a hundred bytes and more. */
export const MAX_ATTRIBUTES_BYTES = 128 * 1024 * 1024
/** The years -271821 to 275760, the range of every calendar that may have to show them. */
const MAX_MTIME_SEC = 8_640_000_000_000
const MAX_NSEC = 999_999_999

export interface PathAttributes extends Attributes {
  path: string
}

/** Throws BadRecord or LimitExceeded for what a reader would refuse, so that nothing is stored that nobody can read. */
export function encodeAttributes(attributes: readonly PathAttributes[]): Uint8Array {
  const files = sortByPath([...attributes]).map(({ path, mode, mtimeSec, mtimeNsec }) => [
    path,
    mode,
    mtimeSec,
    mtimeNsec,
  ])
  const bytes = encodeCanonical({ format: ATTRIBUTES_FORMAT, files })
  decodeAttributes(bytes)
  return bytes
}

/** By path. Throws BadRecord, UnknownFormat, UnsafePath or LimitExceeded. */
export function decodeAttributes(bytes: Uint8Array): Map<string, Attributes> {
  const what = 'The attributes'
  const fields = new Fields(decodeCanonical(bytes, MAX_ATTRIBUTES_BYTES, 'BadRecord', what), 'BadRecord', what)
  const format = fields.integer('format')
  if (format !== ATTRIBUTES_FORMAT) {
    throw new GlasError('UnknownFormat', `${what} have format ${format}; this PintGlas reads ${ATTRIBUTES_FORMAT}.`)
  }
  const attributes = new Map<string, Attributes>()
  let previous: Buffer | null = null
  for (const file of fields.list('files', MAX_ENTRIES + 1)) {
    const { path, ...rest } = readFile(file)
    const key = Buffer.from(path)
    if (previous !== null && Buffer.compare(previous, key) >= 0) throw bad(`"${path}" is not in its place`)
    previous = key
    attributes.set(path, rest)
  }
  return attributes
}

/** Whether two versions differ in permissions or names. A new modification time alone is no change. */
export function sameModes(a: ReadonlyMap<string, Attributes>, b: ReadonlyMap<string, Attributes>): boolean {
  if (a.size !== b.size) return false
  for (const [path, { mode }] of a) if (b.get(path)?.mode !== mode) return false
  return true
}

function readFile(file: unknown): PathAttributes {
  if (!Array.isArray(file) || file.length !== 4) throw bad('an entry is not [path, mode, seconds, nanoseconds]')
  const [path, mode, mtimeSec, mtimeNsec] = file as unknown[]
  if (typeof path !== 'string') throw bad('a path is not text')
  if (path !== '') checkPath(path)
  if (!isIntegerWithin(mode, 0, MODE_MASK)) throw bad(`"${path}" has an impossible mode`)
  if (!isIntegerWithin(mtimeSec, -MAX_MTIME_SEC, MAX_MTIME_SEC)) throw bad(`"${path}" has an impossible time`)
  if (!isIntegerWithin(mtimeNsec, 0, MAX_NSEC)) throw bad(`"${path}" has impossible nanoseconds`)
  return { path, mode, mtimeSec, mtimeNsec }
}

function isIntegerWithin(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max
}

function bad(why: string): GlasError {
  return new GlasError('BadRecord', `The attributes of this version are damaged: ${why}. Fetch it again.`)
}
