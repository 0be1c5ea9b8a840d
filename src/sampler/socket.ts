import { once } from 'node:events'
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { CallOptions } from '../beam/progress.ts'
import { GlasError, toGlasError } from '../glas/errors.ts'
import { type AnswerLine, type CallLine, MAX_CALL_BYTES, readLines } from './lines.ts'

export type Call = (verb: string, args: unknown, options: CallOptions) => Promise<unknown>

/** Calls at once; a person types one at a time, a script a few. */
const MAX_CONNECTIONS = 64
/** Progress lines of one call go out at most this often. */
const PROGRESS_EVERY_MS = 100

/**
 * Answers the calls of the command line on a socket that only its owner can open. The caller has made sure that no
 * other daemon lives: a file left at `path` by a dead one is replaced.
 */
export async function serveSocket(path: string, call: Call): Promise<Server> {
  rmSync(path, { force: true })
  const server = createServer((socket) => void answer(socket, call))
  server.maxConnections = MAX_CONNECTIONS
  const up = once(server, 'listening')
  // The file is made within this call. A mask that stayed for longer would lock folders that others make meanwhile.
  const mask = process.umask(0o177)
  try {
    server.listen(path)
  } finally {
    process.umask(mask)
  }
  await up
  chmodSync(path, 0o600)
  return server
}

async function answer(socket: Socket, call: Call): Promise<void> {
  const controller = new AbortController()
  const send = (line: AnswerLine) => {
    if (socket.writable) socket.write(`${JSON.stringify(line)}\n`)
  }
  socket.on('error', () => controller.abort())
  socket.on('close', () => controller.abort())
  try {
    const { verb, args, offline } = await firstLine(socket)
    const options = {
      offline,
      signal: controller.signal,
      onProgress: paced(send),
      onMessage: (message: string) => send({ message }),
    }
    send({ result: (await call(verb, args, options)) ?? null })
  } catch (thrown) {
    const { code, message, retryable, data } = toGlasError(thrown)
    send({ error: { code, message, retryable, data } })
  }
  socket.end()
}

async function firstLine(socket: Socket): Promise<CallLine> {
  const lines = readLines(socket, MAX_CALL_BYTES)
  const { value } = await lines.next()
  void drain(lines)
  const line = value as Partial<CallLine> | undefined
  if (typeof line?.verb !== 'string') throw new GlasError('BadMessage', 'A call on the local socket names no verb.')
  return { verb: line.verb, args: line.args, offline: line.offline === true }
}

/** Goes on reading, so that the end of the connection is seen while the call runs. */
async function drain(lines: AsyncGenerator<unknown>): Promise<void> {
  try {
    for await (const _ of lines);
  } catch {
    // the socket's own events tell of its end
  }
}

function paced(send: (line: AnswerLine) => void): CallOptions['onProgress'] {
  let lastMs = 0
  return (progress) => {
    const now = performance.now()
    if (now - lastMs < PROGRESS_EVERY_MS) return
    lastMs = now
    send({ progress })
  }
}
