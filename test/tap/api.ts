/** The HTTP API as a program uses it. Every answer is held against the OpenAPI document that the daemon serves. */
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Ajv, type ValidateFunction } from 'ajv'
import * as assert from 'uvu/assert'
import type { TestContext } from '../harness.ts'
import { ask } from './sampler-process.ts'

// biome-ignore lint/suspicious/noExplicitAny: the JSON of thirty routes; a wrong guess fails the assertion that reads it
type Json = any

export interface ApiAnswer {
  status: number
  headers: Record<string, string | string[] | undefined>
  json: Json
}

export class Api {
  readonly url: string
  readonly document: Json
  readonly #headers: Record<string, string>
  readonly #checks = new Map<string, ValidateFunction>()

  private constructor(url: string, document: Json, headers: Record<string, string>) {
    this.url = url
    this.document = document
    this.#headers = headers
  }

  static async of(url: string, headers: Record<string, string> = {}): Promise<Api> {
    const { status, text } = await ask(url, '/api/v1/openapi.json', { headers })
    assert.is(status, 200)
    return new Api(url, JSON.parse(text), headers)
  }

  /** The same, with other headers. */
  as(headers: Record<string, string>): Api {
    return new Api(this.url, this.document, headers)
  }

  get(path: string): Promise<ApiAnswer> {
    return this.#send('GET', path)
  }

  post(path: string, body: Json = {}): Promise<ApiAnswer> {
    return this.#send('POST', path, body)
  }

  delete(path: string): Promise<ApiAnswer> {
    return this.#send('DELETE', path)
  }

  /** The answer of a request that has to succeed. */
  async good(path: string, body?: Json): Promise<Json> {
    const { status, json } = await (body === undefined ? this.get(path) : this.post(path, body))
    if (status >= 300) throw new Error(`${path} was answered with ${status}: ${JSON.stringify(json)}`)
    return json
  }

  /** Status and code of a request that has to fail. */
  async refusal(path: string, body?: Json): Promise<[number, string]> {
    const { status, json } = await (body === undefined ? this.get(path) : this.post(path, body))
    return [status, json?.error?.code]
  }

  async #send(method: string, path: string, body?: Json): Promise<ApiAnswer> {
    const headers = { ...this.#headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }
    const text = body === undefined ? '' : JSON.stringify(body)
    const answer = await ask(this.url, `/api/v1${path}`, { method, headers, body: text })
    const json = answer.text === '' ? undefined : JSON.parse(answer.text)
    this.#check(method, path, { status: answer.status, headers: answer.headers, json })
    return { status: answer.status, headers: answer.headers, json }
  }

  /** Throws unless the document says that there are such answers. */
  #check(method: string, path: string, { status, json }: ApiAnswer): void {
    const bare = `/api/v1${path.split('?')[0]}`
    const entry = Object.entries<Json>(this.document.paths).find(([template]) => {
      return new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`).test(bare)
    })
    const responses = entry?.[1][method.toLowerCase()]?.responses
    assert.ok(responses !== undefined || status >= 400, `${method} ${path} is in no document`)
    if (responses === undefined) return
    const response = responses[status] ?? responses.default
    const schema = response.content?.['application/json']?.schema
    if (schema === undefined) throw new Error(`${method} ${path} ${status} has no schema`)
    const key = `${method} ${entry?.[0]} ${status}`
    const check = this.#checks.get(key) ?? new Ajv({ strict: false }).compile(strict(schema))
    this.#checks.set(key, check)
    if (!check(json)) throw new Error(`${key} differs from the document: ${JSON.stringify(check.errors)}`)
  }
}

/** Nothing may be answered that the document does not list. */
function strict(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(strict)
  if (typeof schema !== 'object' || schema === null) return schema
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strict(value)]))
  return copy.type === 'object' && copy.properties ? { additionalProperties: false, ...copy } : copy
}

export interface ServerEvent {
  event: string
  data: Json
}

/** As whoever has a token. */
export const bearing = (token: string) => ({ authorization: `Bearer ${token}` })

/** Settings with which any address can be told, and headers that tell one: as by a proxy on this machine. */
export const BEHIND_PROXY = { httpProxy: ['127.0.0.1'], httpHosts: ['images.example.org'] }
export const cameFrom = (address: string) => ({
  host: 'images.example.org',
  'x-forwarded-for': address,
  'x-forwarded-proto': 'https',
})

/** The same for a WebSocket, whose headers are written as a Tap does. */
export function upgrading({ host, ...more }: Record<string, string>): Record<string, string> {
  return host === undefined ? more : { Host: host, ...more }
}

const LOOK_EVERY_MS = 50

/** Resolves when it is so; the test's own limit ends it. */
export async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(LOOK_EVERY_MS)
}

/** Listens to `/api/v1/events` until the test ends. */
export async function listen(t: TestContext, url: string, headers: Record<string, string> = {}) {
  const events: ServerEvent[] = []
  const sent = request(new URL('/api/v1/events', url), { headers, agent: false })
  t.after(() => sent.destroy())
  sent.on('error', () => {})
  sent.end()
  const { promise, resolve } = Promise.withResolvers<number>()
  const state = { events, closed: false, status: 0 }
  sent.on('response', (answer) => {
    let text = ''
    answer.setEncoding('utf8')
    answer.on('error', () => {})
    answer.on('close', () => {
      state.closed = true
    })
    answer.on('data', (part: string) => {
      text += part
      const messages = text.split('\n\n')
      text = messages.pop() ?? ''
      for (const message of messages) {
        const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(message) ?? []
        if (event !== undefined) events.push({ event, data: JSON.parse(data ?? '') })
      }
    })
    state.status = answer.statusCode ?? 0
    resolve(state.status)
  })
  await promise
  return state
}
