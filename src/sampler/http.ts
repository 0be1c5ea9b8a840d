import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { hasErrno } from '../disk/files.ts'
import { GlasError } from '../glas/errors.ts'
import { type Caller, type Needs, requireRole } from './caller.ts'
import type { Callers } from './callers.ts'
import { failureOf, statusOf } from './failures.ts'

declare module 'fastify' {
  /** Every route says who may; `newApp` refuses one that does not. */
  interface FastifyContextConfig extends Partial<Needs> {}
  interface FastifyRequest {
    /** Who asks. Undefined only on routes for anyone. */
    caller: Caller
  }
}

/** Two hundred Taps that wait, their transfers, and the tabs of a browser. */
const MAX_CONNECTIONS = 1024
/** Whoever connects says what they want: a program of somebody else must not hold the connections. */
const HEADERS_LIMIT_MS = 10_000
/** What is asked for in a body is a list of three names. */
const MAX_BODY_BYTES = 64 * 1024
/** An image-id of ten thousand snapshots stands in a path. */
const MAX_PARAMETER_CHARS = 50_100
/** The same, with all other headers. */
const MAX_HEADER_BYTES = 64 * 1024
/** Refused upgrades are told so, and then cut: nobody keeps one open by not reading. */
const LINGER_LIMIT_MS = 1_000

const TEXT_TYPE = 'text/plain; charset=utf-8'

const SAFETY_HEADERS = {
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

export interface HttpOptions {
  /** host:port; port 0 takes any. */
  address: string
  callers: Callers
  /** Adds what is served. */
  routes: (app: FastifyInstance) => void
  /** Takes over a connection whose caller was checked; `head` came behind the request. */
  tap: (request: IncomingMessage, socket: Socket, head: Buffer) => void
  onMessage: (message: string) => void
}

export interface HttpService {
  /** With a slash at its end. */
  url: string
  close(): Promise<void>
}

/** Serves HTTP and the WebSockets of Taps. A port that is taken is replaced by a free one, and said so. */
export async function openHttp(options: HttpOptions): Promise<HttpService> {
  const app = newApp(options)
  const upgraded = new Set<Socket>()
  app.server.maxConnections = MAX_CONNECTIONS
  app.server.on('upgrade', (request, socket, head) => {
    const connection = socket as Socket
    upgraded.add(connection)
    connection.on('error', () => connection.destroy())
    connection.once('close', () => upgraded.delete(connection))
    void upgrade(options, { request, socket: connection, head })
  })
  await listen(app, options)
  const at = app.server.address()
  const port = typeof at === 'object' && at !== null ? at.port : 0
  return {
    url: `http://${hostOf(options.address)}:${port}/`,
    close: async () => {
      for (const socket of upgraded) socket.destroy()
      await app.close()
    },
  }
}

function newApp({ callers, routes }: HttpOptions): FastifyInstance {
  const app = Fastify({
    bodyLimit: MAX_BODY_BYTES,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: MAX_PARAMETER_CHARS, ignoreTrailingSlash: true, ignoreDuplicateSlashes: true },
    http: { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_LIMIT_MS },
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.decorateRequest('caller')
  app.addHook('onRoute', ({ url, config }) => {
    if (config?.role === undefined) throw new Error(`${url} does not say who may ask for it`)
  })
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SAFETY_HEADERS)
    if (request.url === '/healthz') return
    const { role = 'viewer', ...more } = request.routeOptions.config
    const caller = await callers.identify(request.raw)
    requireRole(caller, { role, ...more })
    if (caller !== undefined) request.caller = caller
  })
  app.setErrorHandler(async (error, _request, reply) => {
    const failure = failureOf(error)
    if (failure.code === 'NotAllowed') reply.header('connection', 'close')
    return reply.code(statusOf(failure)).type(TEXT_TYPE).send(failure.message)
  })
  app.setNotFoundHandler(async ({ url }, reply) => reply.code(404).type(TEXT_TYPE).send(`Not Found ${url}`))
  app.get('/healthz', { config: { role: 'anyone' } }, async (_request, reply) => reply.type(TEXT_TYPE).send('ok'))
  app.get('/taps', { config: { role: 'operator' } }, upgradeOnly)
  app.get('/taps/*', { config: { role: 'operator' } }, upgradeOnly)
  routes(app)
  return app
}

async function upgradeOnly(): Promise<never> {
  throw new GlasError('BadUsage', 'This address is for the WebSockets of Taps.')
}

async function listen(app: FastifyInstance, { address, onMessage }: HttpOptions): Promise<void> {
  const host = hostOf(address).replace(/[[\]]/g, '')
  const port = Number(address.slice(address.lastIndexOf(':') + 1))
  try {
    await app.listen({ host, port })
  } catch (error) {
    if (!hasErrno(error, 'EADDRINUSE')) throw error
    await app.listen({ host, port: 0 })
    onMessage(`${address} is taken by another program: Taps and launchers must be told the port below.`)
  }
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'))
}

interface Upgrade {
  request: IncomingMessage
  socket: Socket
  head: Buffer
}

async function upgrade({ callers, tap }: HttpOptions, { request, socket, head }: Upgrade): Promise<void> {
  try {
    if (!/^\/+taps(?:[/?]|$)/.test(request.url ?? '')) throw new GlasError('NameNotFound', `Not Found ${request.url}`)
    await callers.checkTap(request)
    tap(request, socket, head)
  } catch (error) {
    const failure = failureOf(error)
    refuse(socket, statusOf(failure), failure.message)
  }
}

function refuse(socket: Socket, status: number, message: string): void {
  const head = `HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n`
  socket.end(`${head}Content-Length: ${Buffer.byteLength(message)}\r\n\r\n${message}`)
  setTimeout(() => socket.destroy(), LINGER_LIMIT_MS).unref()
}
