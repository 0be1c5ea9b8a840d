/**
 * Services that keep pins, as their specifications say and no more: what our clients and the real Kubo's talk to where
 * no real service can run. Pins are only noted; nothing is fetched.
 */
import { createServer, type IncomingMessage } from 'node:http'
import type { TestContext } from '../harness.ts'

export const TOKEN = 'secret-of-the-test'

interface Answer {
  status: number
  body?: unknown
}

type Answerer = (question: { method: string; url: URL; body: Record<string, unknown> }) => Answer

/** Answers on loopback until the test ends, to whoever has the token; gives its address. */
export async function newService(t: TestContext, answer: Answerer): Promise<string> {
  const server = createServer(async (request, response) => {
    const { status, body } =
      request.headers.authorization === `Bearer ${TOKEN}`
        ? answer({
            method: request.method ?? '',
            url: new URL(request.url ?? '', 'http://localhost'),
            body: await bodyOf(request),
          })
        : { status: 401, body: { error: { reason: 'UNAUTHORIZED', details: 'who are you?' } } }
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const text = (await Array.fromAsync(request)).join('')
  return text === '' ? {} : JSON.parse(text)
}

export interface KeptPin {
  requestid: string
  status: string
  created: string
  pin: { cid: string; name?: string; origins?: string[] }
  delegates: string[]
  info: Record<string, unknown>
}

/** The IPFS Pinning Service API over a list that the test can look into and change. */
export function pinningService(pins: KeptPin[], pageSize = 1000): Answerer {
  let made = 0
  return ({ method, url, body }) => {
    const [, collection, id] = url.pathname.split('/')
    if (collection !== 'pins') return { status: 404, body: { error: { reason: 'NOT_FOUND' } } }
    const at = pins.findIndex(({ requestid }) => requestid === id)
    if (method === 'GET' && id === undefined) return { status: 200, body: pageOf(pins, url.searchParams, pageSize) }
    if (method === 'POST') {
      made += 1
      const created = new Date(1_700_000_000_000 + made).toISOString()
      const pin = body as unknown as KeptPin['pin']
      const kept = { requestid: `request-${made}`, status: 'queued', created, pin, delegates: [], info: {} }
      if (id !== undefined && at < 0) return { status: 404, body: { error: { reason: 'NOT_FOUND' } } }
      if (id !== undefined) pins.splice(at, 1)
      pins.unshift(kept)
      return { status: 202, body: kept }
    }
    if (at < 0) return { status: 404, body: { error: { reason: 'NOT_FOUND' } } }
    if (method === 'GET') return { status: 200, body: pins[at] }
    pins.splice(at, 1)
    return { status: 202 }
  }
}

/** The newest first, as the specification wants it. */
function pageOf(pins: KeptPin[], query: URLSearchParams, pageSize: number): { count: number; results: KeptPin[] } {
  const states = (query.get('status') ?? 'pinned').split(',')
  const before = query.get('before')
  const cids = query.get('cid')?.split(',')
  const found = pins.filter(
    ({ status, created, pin }) =>
      states.includes(status) && (before === null || created < before) && (cids?.includes(pin.cid) ?? true),
  )
  const limit = Math.min(Number(query.get('limit') ?? 10), pageSize)
  return { count: found.length, results: found.slice(0, limit) }
}

/** The REST API of IPFS Cluster with two peers, as its documentation describes it. */
export function cluster(states: Map<string, [string, string]>): Answerer {
  const shown = (cid: string) => {
    const [one, two] = states.get(cid) ?? ['unpinned', 'unpinned']
    const peers = { 'peer-1': { status: one, error: one === 'pin_error' ? 'no space' : '' }, 'peer-2': { status: two } }
    return { cid, name: '', allocations: [], peer_map: peers }
  }
  return ({ method, url }) => {
    const [, , ...rest] = url.pathname.split('/')
    const cid = rest.at(-1) ?? ''
    if (method === 'POST' && rest[0] === 'ipfs') {
      states.set(cid, ['pinning', 'pin_queued'])
      return { status: 200, body: { cid, name: url.searchParams.get('name') } }
    }
    if (method === 'DELETE')
      return states.delete(cid)
        ? { status: 200 }
        : { status: 404, body: { code: 404, message: 'not part of the global state' } }
    if (cid !== '') return { status: 200, body: shown(cid) }
    return { status: 200, body: [...states.keys()].map((one) => `${JSON.stringify(shown(one))}\n`).join('') }
  }
}
