/** The API of the daemon. The token of this tab goes in a header; where the daemon knows its own user none is needed. */

const ROOT = '/api/v1'
const TOKEN_KEY = 'pintglas-token'

/** What the API refused, with the code of its error table. */
export class ApiError extends Error {
  /** @param {{ code: string, message: string, status: number }} error */
  constructor({ code, message, status }) {
    super(message)
    this.code = code
    this.status = status
  }
}

/** @returns {string | null} */
export function token() {
  return sessionStorage.getItem(TOKEN_KEY)
}

/** @param {string | null} value kept for this tab alone; null forgets it */
export function keepToken(value) {
  if (value === null) sessionStorage.removeItem(TOKEN_KEY)
  else sessionStorage.setItem(TOKEN_KEY, value)
}

/**
 * @param {string} path
 * @param {{ method?: string, body?: unknown, signal?: AbortSignal, accept?: string }} [options]
 * @returns {Promise<Response>} one that is good; else throws ApiError
 */
export async function ask(path, { method = 'GET', body, signal, accept = 'application/json' } = {}) {
  /** @type {Record<string, string>} */
  const headers = { accept }
  const known = token()
  if (known !== null) headers.authorization = `Bearer ${known}`
  if (body !== undefined) headers['content-type'] = 'application/json'
  const sent = body === undefined ? null : JSON.stringify(body)
  const answer = await fetch(`${ROOT}${path}`, {
    method,
    headers,
    body: sent,
    cache: 'no-store',
    signal: signal ?? null,
  })
  if (!answer.ok) throw await errorOf(answer)
  return answer
}

/**
 * @param {string} path
 * @param {{ signal?: AbortSignal }} [options]
 * @returns {Promise<any>}
 */
export async function get(path, options = {}) {
  return (await ask(path, options)).json()
}

/**
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
export async function post(path, body) {
  const answer = await ask(path, { method: 'POST', body: body ?? {} })
  return answer.status === 204 ? undefined : answer.json()
}

/** @param {Response} answer */
async function errorOf(answer) {
  const { status } = answer
  const text = await answer.text().catch(() => '')
  try {
    const { error } = JSON.parse(text)
    return new ApiError({ code: String(error.code), message: String(error.message), status })
  } catch {
    return new ApiError({ code: 'Unknown', message: text === '' ? `The daemon answered ${status}.` : text, status })
  }
}
