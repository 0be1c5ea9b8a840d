import { decode, encode } from '@ipld/dag-cbor'
import { type ErrorCode, GlasError } from './errors.ts'

/** Canonical dag-cbor of `value`: the one encoding that `decodeCanonical` accepts. */
export function encodeCanonical(value: unknown): Uint8Array {
  return encode(value)
}

/**
 * Decodes bytes that must be the canonical dag-cbor of a map or list, at most `maxBytes` long. Everything else is an
 * error with `code`; `what` names the thing in the message. Two encodings of one value would be two ids of one thing,
 * hence the comparison.
 */
export function decodeCanonical(bytes: Uint8Array, maxBytes: number, code: ErrorCode, what: string): unknown {
  if (bytes.byteLength > maxBytes) {
    throw new GlasError('LimitExceeded', `${what} has ${bytes.byteLength} bytes; at most ${maxBytes} are allowed.`, {
      data: { limit: maxBytes, value: bytes.byteLength, unit: 'bytes' },
    })
  }
  let value: unknown
  let again: Uint8Array
  try {
    value = decode(bytes)
    again = encode(value)
  } catch (cause) {
    throw new GlasError(code, `${what} is not valid dag-cbor.`, { cause })
  }
  if (Buffer.compare(bytes, again) !== 0) throw new GlasError(code, `${what} is not in canonical form.`)
  return value
}

/** Decodes bytes that `decodeCanonical` accepted before. */
export function decodeKnown(bytes: Uint8Array, code: ErrorCode, what: string): unknown {
  try {
    return decode(bytes)
  } catch (cause) {
    throw new GlasError(code, `${what} is not valid dag-cbor.`, { cause })
  }
}
