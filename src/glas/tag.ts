import { GlasError } from './errors.ts'
import { MAX_TAG_CHARS } from './limits.ts'
import { looksLikeVersion } from './version.ts'

const TAG = /^[A-Za-z][A-Za-z0-9._-]*$/

/** Tags stand where versions, record ids and `latest` can stand, so they must not look like any of them. */
export function isTag(text: string): boolean {
  const taken = text === 'latest' || looksLikeVersion(text) || /^baf[a-z2-7]{20,}$/.test(text)
  return TAG.test(text) && text.length <= MAX_TAG_CHARS && !taken
}

/** Throws InvalidName. */
export function parseTag(text: string): string {
  if (!isTag(text)) {
    const rule = `A tag begins with a letter and has letters, digits, ".", "_" and "-", ${MAX_TAG_CHARS} at most.`
    throw new GlasError('InvalidName', `"${text}" cannot be a tag. ${rule}`)
  }
  return text
}
