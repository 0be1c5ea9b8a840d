import { decodeCanonical, decodeKnown, encodeCanonical } from './canonical.ts'
import { type ErrorCode, GlasError } from './errors.ts'
import { Fields } from './fields.ts'
import { sha256 } from './hash.ts'
import { isSignedBy, type KeyPair, type PublicKey, type Purpose, SIGNATURE_BYTES, signBytes } from './keys.ts'

/** A body that was signed and verified, with what travels: canonical dag-cbor of `[unsigned bytes, signature]`. */
export interface Signed<Body> {
  body: Body
  /** SHA-256 of the unsigned bytes. */
  id: Uint8Array
  bytes: Uint8Array
}

/** How one signed thing is told from another. */
export interface SignedForm<Body> {
  purpose: Purpose
  /** Number of the format; a reader refuses any other and ignores unknown fields of this one. */
  format: number
  maxBytes: number
  code: ErrorCode
  /** Names the thing in messages, such as `The entry`. */
  what: string
  read: (fields: Fields) => Body
  signerOf: (body: Body) => PublicKey
}

/** Signs a map (without its format number); throws when a reader would refuse it or the key is not the signer's. */
export function seal<Body>(form: SignedForm<Body>, map: Record<string, unknown>, signer: KeyPair): Signed<Body> {
  const unsigned = encodeCanonical({ ...map, format: form.format })
  return openSealed(form, encodeCanonical([unsigned, signBytes(signer, form.purpose, unsigned)]))
}

/** Decodes and verifies canonical form, format number, fields and signature. */
export function openSealed<Body>(form: SignedForm<Body>, bytes: Uint8Array): Signed<Body> {
  const { code, what, maxBytes } = form
  const pair = decodeCanonical(bytes, maxBytes, code, what)
  const { unsigned, signature } = parts(form, pair)
  const body = readBody(form, decodeCanonical(unsigned, maxBytes, code, what))
  const good = signature.byteLength === SIGNATURE_BYTES
  if (!good || !isSignedBy(form.signerOf(body), form.purpose, unsigned, signature)) {
    throw new GlasError('BadSignature', `${what} has no good signature.`)
  }
  return { body, id: sha256(unsigned), bytes }
}

/**
 * The same for bytes that `openSealed` accepted before and that a checksum guards since: neither the signature nor
 * the canonical form is looked at again, which is six times as fast.
 */
export function readSealed<Body>(form: SignedForm<Body>, bytes: Uint8Array): Signed<Body> {
  const { code, what } = form
  const { unsigned } = parts(form, decodeKnown(bytes, code, what))
  return { body: readBody(form, decodeKnown(unsigned, code, what)), id: sha256(unsigned), bytes }
}

/** The id that the bytes have if they are good; only their outer form is looked at. */
export function sealedId<Body>(form: SignedForm<Body>, bytes: Uint8Array): Uint8Array {
  const { maxBytes, code, what } = form
  return sha256(parts(form, decodeCanonical(bytes, maxBytes, code, what)).unsigned)
}

function parts<Body>(form: SignedForm<Body>, pair: unknown): { unsigned: Uint8Array; signature: Uint8Array } {
  const [unsigned, signature] = Array.isArray(pair) && pair.length === 2 ? pair : []
  if (!(unsigned instanceof Uint8Array) || !(signature instanceof Uint8Array)) {
    throw new GlasError(form.code, `${form.what} is not a pair of body and signature.`)
  }
  return { unsigned, signature }
}

function readBody<Body>(form: SignedForm<Body>, value: unknown): Body {
  const fields = new Fields(value, form.code, form.what)
  const format = fields.integer('format')
  if (format !== form.format) {
    throw new GlasError('UnknownFormat', `${form.what} has format ${format}; this PintGlas reads ${form.format}.`)
  }
  return form.read(fields)
}
