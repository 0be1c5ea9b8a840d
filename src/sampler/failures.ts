import { ERROR_KINDS, errorKind, GlasError, toGlasError } from '../glas/errors.ts'

/** On every answer, whoever asked and whatever came of it. */
export const SAFETY_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
}

/** The framework's own statuses where a code of the table says more than BadUsage. */
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

/** What goes with it: how to sign in, when to try again; and strangers hold no connection. */
export function headersOf({ code, data }: GlasError): Record<string, string> {
  const seconds = data['retry-after-seconds']
  return {
    ...(STRANGERS.has(code) ? { connection: 'close' } : {}),
    ...(code === 'NotSignedIn' ? { 'www-authenticate': 'Bearer realm="PintGlas"' } : {}),
    ...(seconds === undefined ? {} : { 'retry-after': String(seconds) }),
  }
}

const STRANGERS: ReadonlySet<string> = new Set(['NotAllowed', 'NotSignedIn', 'TooManyTries'])
