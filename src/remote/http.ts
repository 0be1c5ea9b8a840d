/** Questions to one remote service over HTTP. Its answers are as hostile as anybody's until they are checked. */
import { GlasError } from '../glas/errors.ts'
import type { Remote } from './remote-pinning.ts'

/** The whole of one answer, or a line of one that comes line by line: a page of a thousand pins has half a megabyte. */
export const MAX_ANSWER_BYTES = 8 * 1024 * 1024
/** Lines of one answer: pins of one user, or progress twice a second for days. */
const MAX_ANSWER_LINES = 1_000_000
/** Nothing comes for so long: a service that works says so, or answers at once. */
const SILENCE_LIMIT_MS = 60_000
/** Of what a service says of an error, as much as a person reads. */
const MAX_REASON_CHARS = 300

export interface Question {
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  query?: Record<string, string | string[]>
  /** JSON. */
  body?: unknown
}

/** An answer with a status other than 2xx. */
export class RemoteFailure extends Error {
  readonly status: number

  constructor(status: number, reason: string) {
    super(reason)
    this.status = status
  }
}

/** Asks, and gives the lines of the answer as they come. Throws RemoteFailure, PeerUnreachable, TimedOut, BadMessage. */
export async function* ask(remote: Remote, question: Question, signal: AbortSignal): AsyncGenerator<string, void> {
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(), SILENCE_LIMIT_MS)
  try {
    const response = await send(remote, question, AbortSignal.any([signal, silence.signal]))
    const lines = linesOf(response, () => timer.refresh())
    if (!response.ok) throw new RemoteFailure(response.status, reasonOf(await whole(lines, remote.url)))
    yield* lines
  } catch (cause) {
    if (cause instanceof RemoteFailure || cause instanceof GlasError) throw cause
    signal.throwIfAborted()
    if (silence.signal.aborted) {
      const message = `"${remote.name}" has said nothing for ${SILENCE_LIMIT_MS / 1000} s. Try again later.`
      throw new GlasError('TimedOut', message, { cause })
    }
    const because = cause instanceof Error ? ((cause.cause as Error | undefined)?.message ?? cause.message) : cause
    const message = `"${remote.name}" does not answer at ${remote.url} (${because}). Is the address right?`
    throw new GlasError('PeerUnreachable', message, { cause })
  } finally {
    clearTimeout(timer)
  }
}

/** Asks, and gives the answer as JSON; undefined when it is empty. */
export async function askJson(remote: Remote, question: Question, signal: AbortSignal): Promise<unknown> {
  const text = await whole(ask(remote, question, signal), remote.url)
  return text.trim() === '' ? undefined : parsed(remote, text)
}

export function parsed(remote: Remote, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw badAnswer(remote, cause)
  }
}

export function badAnswer(remote: Remote, cause?: unknown): GlasError {
  const message = `"${remote.name}" at ${remote.url} gave an answer that a ${remote.kind} does not give. Is it another kind?`
  return new GlasError('BadMessage', message, { cause })
}

function send(remote: Remote, { method, path, query = {}, body }: Question, signal: AbortSignal): Promise<Response> {
  const url = new URL(`${remote.url}${path}`)
  for (const [key, value] of Object.entries(query)) for (const one of [value].flat()) url.searchParams.append(key, one)
  const headers: Record<string, string> = { accept: 'application/json' }
  if (remote.token !== '') headers.authorization = `Bearer ${remote.token}`
  if (body !== undefined) headers['content-type'] = 'application/json'
  // The token is for this service: it does not follow a redirection to another one.
  return fetch(url, {
    method,
    headers,
    redirect: 'error',
    signal,
    body: body === undefined ? null : JSON.stringify(body),
  })
}

/** `onData` is told of every piece. */
async function* linesOf(response: Response, onData: () => void): AsyncGenerator<string, void> {
  const decoder = new TextDecoder()
  let rest = ''
  let count = 0
  for await (const piece of response.body ?? []) {
    onData()
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    count += lines.length
    if (rest.length > MAX_ANSWER_BYTES) throw tooLong(response.url, MAX_ANSWER_BYTES, 'bytes')
    if (count > MAX_ANSWER_LINES) throw tooLong(response.url, MAX_ANSWER_LINES, 'lines')
    yield* lines
  }
  if (rest !== '') yield rest
}

async function whole(lines: AsyncIterable<string>, url: string): Promise<string> {
  let text = ''
  for await (const line of lines) {
    text += `${line}\n`
    if (text.length > MAX_ANSWER_BYTES) throw tooLong(url, MAX_ANSWER_BYTES, 'bytes')
  }
  return text
}

function tooLong(url: string, limit: number, unit: string): GlasError {
  const message = `The answer of ${url} is longer than any that makes sense.`
  return new GlasError('LimitExceeded', message, { data: { limit, unit } })
}

/** Each kind of service wraps it another way; what is no JSON is shown as it is. */
function reasonOf(text: string): string {
  try {
    const value = JSON.parse(text)
    const reason = value.error?.details ?? value.error?.reason ?? value.Message ?? value.message
    if (typeof reason === 'string') return reason.slice(0, MAX_REASON_CHARS)
  } catch {
    // then it is text for people
  }
  return text.slice(0, MAX_REASON_CHARS)
}
