import { encodeCanonical } from './canonical.ts'
import { GlasError } from './errors.ts'
import { sha256 } from './hash.ts'
import { fromHex, type PublicKey, toHex } from './keys.ts'

/** 32 lower-case hex digits that follow from the owner's key and the image's root: nobody else can make them. */
export type GlasId = string

export const GLAS_ID_BYTES = 16
const GLAS_ID = /^[0-9a-f]{32}$/

/** First 128 bits of SHA-256 over the canonical dag-cbor of `{owner, root}`; `root` is the image-id's first segment. */
export function glasIdOf(owner: PublicKey, root: string): GlasId {
  return toHex(sha256(encodeCanonical({ owner, root })).subarray(0, GLAS_ID_BYTES))
}

export function isGlasId(text: string): boolean {
  return GLAS_ID.test(text)
}

export function parseGlasId(text: string): GlasId {
  if (!isGlasId(text)) throw new GlasError('InvalidName', `"${text}" is not a glas-id: 32 hex digits in lower case.`)
  return text
}

export const glasIdBytes = (glasId: GlasId): Uint8Array => fromHex(glasId)
