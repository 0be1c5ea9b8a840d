/**
 * Every failure that a user can meet. Callers test `code`, never the message; the table below gives each code its
 * kind, and the kind gives the exit code and the HTTP status.
 */

export const ERROR_KINDS = {
  usage: { exit: 2, http: 400 },
  refused: { exit: 3, http: 409 },
  unknown: { exit: 3, http: 401 },
  forbidden: { exit: 3, http: 403 },
  slowed: { exit: 5, http: 429 },
  absent: { exit: 4, http: 404 },
  unreachable: { exit: 5, http: 503 },
  corrupt: { exit: 6, http: 502 },
  local: { exit: 7, http: 500 },
  interrupted: { exit: 130, http: 499 },
} as const

export type ErrorKind = keyof typeof ERROR_KINDS

/** Error code -> kind. A code is part of the interface: scripts test it. Documented in docs/operating.md. */
export const ERROR_CODES = {
  BadUsage: 'usage',
  InvalidName: 'usage',
  InvalidReference: 'usage',
  InvalidConfig: 'usage',
  NotAnImage: 'usage',
  SecretFound: 'refused',
  NotSearched: 'refused',
  UnsafePath: 'refused',
  TargetExists: 'refused',
  LimitExceeded: 'refused',
  NotAllowed: 'forbidden',
  NotSignedIn: 'unknown',
  TooManyTries: 'slowed',
  AmbiguousName: 'refused',
  CopiedDirectory: 'refused',
  StillNeeded: 'refused',
  Quarantined: 'refused',
  NameNotFound: 'absent',
  GlasNotStocked: 'absent',
  PeerNotFound: 'absent',
  NotRunning: 'absent',
  NoProviders: 'unreachable',
  PeerUnreachable: 'unreachable',
  TimedOut: 'unreachable',
  SamplerDown: 'unreachable',
  BlockMismatch: 'corrupt',
  BlockMissing: 'corrupt',
  BadRecord: 'corrupt',
  BadEntry: 'corrupt',
  BadSignature: 'corrupt',
  BadSton: 'corrupt',
  BadImage: 'corrupt',
  BadMessage: 'corrupt',
  BadPack: 'corrupt',
  BadDelta: 'corrupt',
  BadKey: 'corrupt',
  UnknownFormat: 'corrupt',
  StoreLocked: 'local',
  DiskFull: 'local',
  ImageChanged: 'local',
  FileError: 'local',
  Internal: 'local',
  Interrupted: 'interrupted',
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof ERROR_CODES

const RETRYABLE: ReadonlySet<ErrorKind> = new Set(['unreachable', 'slowed'])

export interface GlasErrorOptions {
  cause?: unknown
  /** True where the same call may well succeed later. Defaults to true for the kinds `unreachable` and `slowed`. */
  retryable?: boolean
  /** What a program needs to know of the failure: paths, limits, candidates. JSON values only. */
  data?: Record<string, unknown>
}

/**
 * `message` says what failed, on what, and what to do, in one or two sentences without a final newline. Strings in it
 * that came from a peer, a file or an image are escaped by the renderer, not here.
 */
export class GlasError extends Error {
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly data: Record<string, unknown>

  constructor(code: ErrorCode, message: string, options: GlasErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'GlasError'
    this.code = code
    this.retryable = options.retryable ?? RETRYABLE.has(ERROR_CODES[code])
    this.data = options.data ?? {}
  }
}

export function isGlasError(error: unknown, code?: ErrorCode): error is GlasError {
  return error instanceof GlasError && (code === undefined || error.code === code)
}

export function errorKind(code: ErrorCode): ErrorKind {
  return ERROR_CODES[code]
}

export function exitCodeOf(error: unknown): number {
  return ERROR_KINDS[errorKind(toGlasError(error).code)].exit
}

/** Gives anything that was thrown a code: system errors by their errno, aborts as Interrupted or TimedOut. */
export function toGlasError(error: unknown): GlasError {
  if (error instanceof GlasError) return error
  const { name, message, errno } = describe(error)
  if (name === 'TimeoutError') {
    return new GlasError('TimedOut', 'The time limit was reached. Try again, or give more with --timeout.', {
      cause: error,
    })
  }
  if (name === 'AbortError') return new GlasError('Interrupted', 'Interrupted.', { cause: error })
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    return new GlasError('DiskFull', `The disk is full (${message}). Free some space and run it again.`, {
      cause: error,
    })
  }
  if (errno !== undefined) return new GlasError('FileError', message, { cause: error, data: { errno } })
  return new GlasError('Internal', `Unexpected failure: ${message}`, { cause: error })
}

function describe(error: unknown): { name: string; message: string; errno: string | undefined } {
  if (!(error instanceof Error)) return { name: '', message: String(error), errno: undefined }
  const errno = 'syscall' in error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return { name: error.name, message: error.message, errno }
}
