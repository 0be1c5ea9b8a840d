import { CID } from 'multiformats/cid'
import { GlasError } from './errors.ts'
import { isGlasId } from './glas-id.ts'
import { DAG_CBOR_CODEC, isPlainCid } from './hash.ts'
import { MAX_IMAGE_NAME_BYTES, MIN_GLAS_ID_PREFIX_CHARS } from './limits.ts'
import { isTag } from './tag.ts'
import { looksLikeVersion, parseVersion, type Version } from './version.ts'

export type Selector =
  | { kind: 'latest' }
  | { kind: 'version'; version: Version }
  | { kind: 'tag'; tag: string }
  | { kind: 'record'; record: CID }

/** `<glas-id | unique prefix | image name>[@version | @latest | @tag | @record]`, parsed but not yet looked up. */
export interface Reference {
  /** As typed: a full glas-id, or what may be a prefix of one, an image name, or both. */
  name: string
  selector: Selector
}

const PREFIX = /^[0-9a-f]+$/

/** Throws InvalidReference. The name ends at the last `@`, for an image name may hold one. */
export function parseReference(text: string): Reference {
  const at = text.lastIndexOf('@')
  const name = at < 0 ? text : text.slice(0, at)
  const selector = at < 0 ? 'latest' : text.slice(at + 1)
  if (name === '' || selector === '' || Buffer.byteLength(name) > MAX_IMAGE_NAME_BYTES || name.includes('\0')) {
    throw invalid(text)
  }
  return { name, selector: parseSelector(text, selector) }
}

export function mayBePrefix(name: string): boolean {
  return PREFIX.test(name) && name.length >= MIN_GLAS_ID_PREFIX_CHARS && name.length < 32
}

export function isFullGlasId(reference: Reference): boolean {
  return isGlasId(reference.name)
}

function parseSelector(whole: string, selector: string): Selector {
  if (selector === 'latest') return { kind: 'latest' }
  if (looksLikeVersion(selector)) return { kind: 'version', version: parseVersion(selector) }
  const record = recordOf(selector)
  if (record !== undefined) return { kind: 'record', record }
  if (!isTag(selector)) throw invalid(whole)
  return { kind: 'tag', tag: selector }
}

function recordOf(text: string): CID | undefined {
  if (!/^b[a-z2-7]{50,}$/.test(text)) return undefined
  try {
    const cid = CID.parse(text)
    return isPlainCid(cid, DAG_CBOR_CODEC) ? cid : undefined
  } catch {
    return undefined
  }
}

function invalid(text: string): GlasError {
  const forms = 'name, name@0.0.7, name@latest, name@tag, or a glas-id (or the beginning of one) for the name'
  return new GlasError('InvalidReference', `"${text}" does not name a version. Write ${forms}.`)
}
