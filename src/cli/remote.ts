import { connect, type Socket } from 'node:net'
import type { CallOptions } from '../beam/progress.ts'
import { hasErrno } from '../disk/files.ts'
import { ERROR_CODES, type ErrorCode, GlasError } from '../glas/errors.ts'
import { type AnswerLine, MAX_ANSWER_BYTES, readLines } from '../sampler/lines.ts'

/** A daemon answers on its local socket at once, or it does not run. */
const CONNECT_LIMIT_MS = 2_000

/** The socket of a running daemon, or undefined when none runs. */
export async function connectDaemon(path: string): Promise<Socket | undefined> {
  const socket = connect(path)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
      socket.setTimeout(CONNECT_LIMIT_MS, () => reject(new Error('no answer')))
    })
    socket.setTimeout(0)
    return socket
  } catch {
    socket.destroy()
    return undefined
  }
}

/** Has the daemon run a verb. Closing the connection, which an abort does, stops it there. */
export async function callDaemon(socket: Socket, verb: string, args: unknown, options: CallOptions): Promise<unknown> {
  const stop = () => socket.destroy()
  options.signal.addEventListener('abort', stop, { once: true })
  try {
    socket.write(`${JSON.stringify({ verb, args, offline: options.offline })}\n`)
    for await (const value of readLines(socket, MAX_ANSWER_BYTES)) {
      const line = value as AnswerLine
      if ('progress' in line) options.onProgress(line.progress)
      else if ('message' in line) options.onMessage(line.message)
      else if ('error' in line) throw errorOf(line.error)
      else return line.result
    }
  } catch (error) {
    options.signal.throwIfAborted()
    if (!hasErrno(error, 'ECONNRESET', 'EPIPE')) throw error // else it was killed
  } finally {
    options.signal.removeEventListener('abort', stop)
    socket.destroy()
  }
  options.signal.throwIfAborted()
  throw new GlasError('SamplerDown', 'The daemon ended before it answered. Look into daemon.log, then run it again.')
}

function errorOf(error: Extract<AnswerLine, { error: unknown }>['error']): GlasError {
  const code = (error.code in ERROR_CODES ? error.code : 'Internal') as ErrorCode
  return new GlasError(code, error.message, { retryable: error.retryable, data: error.data })
}
