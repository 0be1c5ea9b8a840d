import { ERROR_KINDS, errorKind, GlasError, toGlasError } from '../glas/errors.ts'

/** The framework's own status where a request has a body that is too large. */
const TOO_LARGE = 413
const NOT_FOUND = 404

/** What a request failed of, with a code of the table; what the framework itself refuses is given one, too. */
export function failureOf(error: unknown): GlasError {
  const { statusCode: status, message } = error as { statusCode?: unknown; message?: unknown }
  if (error instanceof GlasError || typeof status !== 'number' || status >= 500) return toGlasError(error)
  if (status === TOO_LARGE) return new GlasError('LimitExceeded', String(message))
  if (status === NOT_FOUND) return new GlasError('NameNotFound', String(message))
  return new GlasError('BadUsage', String(message))
}

export function statusOf({ code }: GlasError): number {
  return ERROR_KINDS[errorKind(code)].http
}
