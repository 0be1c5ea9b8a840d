import { decodeCanonical, encodeCanonical } from '../glas/canonical.ts'
import { ERROR_CODES, type ErrorCode, GlasError, toGlasError } from '../glas/errors.ts'
import { Fields } from '../glas/fields.ts'

/** A refusal: canonical dag-cbor of `{code, message}`. */
export const MAX_REFUSAL_BYTES = 1024
const MAX_MESSAGE_BYTES = 512
const MAX_CODE_BYTES = 32

/** Why a peer gets no more. What failed inside this process is nobody else's business: only known codes go out. */
export function encodeRefusal(error: GlasError): Uint8Array {
  const message = error.code === 'Internal' ? 'It failed to answer.' : error.message
  return encodeCanonical({ code: error.code, message: clipped(message) })
}

/**
 * The refusal as an error of this side; `data.remote` says that it came from the peer, whose claim code and text are.
 * A malformed one gives BadMessage instead: either way the stream is over.
 */
export function decodeRefusal(bytes: Uint8Array): GlasError {
  const what = 'The refusal'
  try {
    const fields = new Fields(decodeCanonical(bytes, MAX_REFUSAL_BYTES, 'BadMessage', what), 'BadMessage', what)
    const code = fields.text('code', MAX_CODE_BYTES)
    const message = fields.text('message', MAX_MESSAGE_BYTES)
    const known: ErrorCode = Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'PeerUnreachable'
    return new GlasError(known, `The peer refused: ${message}`, { data: { remote: true } })
  } catch (error) {
    return toGlasError(error)
  }
}

/** True for what the peer said of us, as against what we found out about it. */
export function isRefusal(error: GlasError): boolean {
  return error.data.remote === true
}

/** Cut between characters; `stream` makes the decoder leave an unfinished one out. */
function clipped(message: string): string {
  const bytes = Buffer.from(message.toWellFormed())
  return new TextDecoder().decode(bytes.subarray(0, MAX_MESSAGE_BYTES), { stream: true })
}
