import { GlasError, toGlasError } from '../glas/errors.ts'

/** The peer broke a limit: `what` names whose, such as `A message`. */
export function exceeded(what: string, limit: number, value: number, unit: string): GlasError {
  const message = `${what} from a peer may have ${limit} ${unit}; this one has ${value}. The stream was closed.`
  return new GlasError('LimitExceeded', message, { data: { limit, value, unit } })
}

/** The stream or the connection ended too early. */
export function gone(when: string, cause?: unknown): GlasError {
  return new GlasError('PeerUnreachable', `The peer went away ${when}. Try again when it is reachable.`, { cause })
}

/** The peer let a time limit pass. */
export function tooSlow(what: string, limitMs: number): GlasError {
  const message = `The peer ${what} for ${limitMs / 1000} s. The stream was closed; try again or use another peer.`
  return new GlasError('TimedOut', message, { data: { limit: limitMs, unit: 'ms' } })
}

/** Why libp2p closed a stream. */
export function closeError(error: Error, maxUnreadBytes: number): GlasError {
  if (error instanceof GlasError) return error
  if (error.name === 'StreamBufferError') {
    const limit = maxUnreadBytes
    return new GlasError('LimitExceeded', `A peer sent more than ${limit} bytes that nobody asked for.`, {
      cause: error,
      data: { limit, unit: 'bytes' },
    })
  }
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return toGlasError(error)
  return gone('and closed the stream', error)
}
