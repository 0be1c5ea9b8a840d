import type { Socket } from 'node:net'
import type { Progress } from '../beam/progress.ts'
import { GlasError } from '../glas/errors.ts'

/**
 * What the command line and a running daemon say to each other over the local socket: one JSON object a line. One
 * call a connection; closing the connection stops the call.
 */
export interface CallLine {
  verb: string
  args: unknown
  /** The verb must not use the network. */
  offline: boolean
}

export type AnswerLine =
  | { progress: Progress }
  | { message: string }
  | { result: unknown }
  | { error: { code: string; message: string; retryable: boolean; data: Record<string, unknown> } }

/** A request holds a few paths and words. */
export const MAX_CALL_BYTES = 1024 * 1024
/** A list of 100,000 versions, as text. */
export const MAX_ANSWER_BYTES = 128 * 1024 * 1024

/** Yields the parsed lines of a socket; throws LimitExceeded when one is longer than `maxBytes`. */
export async function* readLines(socket: Socket, maxBytes: number): AsyncGenerator<unknown> {
  let parts: Buffer[] = []
  let lengthBytes = 0
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    let rest = chunk
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      yield parseLine(Buffer.concat([...parts, rest.subarray(0, end)]))
      rest = rest.subarray(end + 1)
      parts = []
      lengthBytes = 0
    }
    parts.push(rest)
    lengthBytes += rest.byteLength
    if (lengthBytes > maxBytes) {
      throw new GlasError('LimitExceeded', `A message on the local socket is longer than ${maxBytes} bytes.`)
    }
  }
}

function parseLine(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8'))
  } catch (cause) {
    throw new GlasError('BadMessage', 'A message on the local socket is not JSON.', { cause })
  }
}
