import type { Socket } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { GlasError } from '../glas/errors.ts'
import { shownError } from './api/answers.ts'
import { type Caller, type Needs, requireRole } from './caller.ts'
import type { Callers } from './callers.ts'
import { failureOf, headersOf, SAFETY_HEADERS, statusOf } from './failures.ts'
import type { TlsFiles } from './tls.ts'

declare module 'fastify' {
  /** Every route says who may; `newApp` refuses one that does not. */
  interface FastifyContextConfig extends Partial<Needs> {}
  interface FastifyRequest {
    /** Who asks. Undefined only on routes for anyone. */
    caller: Caller
  }
}

/** Whoever connects says what they want: a program of somebody else must not hold the connections. */
const HEADERS_LIMIT_MS = 10_000
/** The same with a body, which is small. */
const REQUEST_LIMIT_MS = 30_000
/** What is asked for in a body is a list of three names, or a note. */
const MAX_BODY_BYTES = 64 * 1024
/** An image-id of ten thousand snapshots stands in a path. */
const MAX_PARAMETER_CHARS = 50_100
/** The same, with all other headers. */
const MAX_HEADER_BYTES = 64 * 1024

const JSON_TYPE = 'application/json'
const TEXT_TYPE = 'text/plain; charset=utf-8'

export interface AppOptions {
  callers: Callers
  /** Undefined for plain HTTP. */
  tls: TlsFiles | undefined
  /** Adds what is served. */
  routes: (app: FastifyInstance) => void
  /** Hears whose a connection is. */
  onCaller: (socket: Socket, caller: Caller) => void
}

/** Checks every request before its route sees it; adds `/healthz`, for everybody. */
export function newApp({ callers, tls, routes, onCaller }: AppOptions): FastifyInstance {
  const limits = { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_LIMIT_MS }
  const app = Fastify({
    bodyLimit: MAX_BODY_BYTES,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    requestTimeout: REQUEST_LIMIT_MS,
    routerOptions: { maxParamLength: MAX_PARAMETER_CHARS, ignoreTrailingSlash: true, ignoreDuplicateSlashes: true },
    ajv: { customOptions: { coerceTypes: false } },
    clientErrorHandler: (_error, socket) => refuse(socket as Socket, UNREADABLE),
    frameworkErrors: (error, _request, reply: FastifyReply) => {
      const failure = failureOf(error)
      void reply
        .code(statusOf(failure))
        .headers(SAFETY_HEADERS)
        .type(JSON_TYPE)
        .send(JSON.stringify(shownError(failure)))
    },
    ...(tls === undefined
      ? { http: limits }
      : { https: { ...limits, ...tls, handshakeTimeout: HEADERS_LIMIT_MS } as never }),
  }) as FastifyInstance
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.decorateRequest('caller')
  app.addHook('onRoute', ({ url, config }) => {
    if (config?.role === undefined) throw new Error(`${url} does not say who may ask for it`)
  })
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SAFETY_HEADERS)
    if (request.url === '/healthz') return
    const { role = 'viewer', wholeHome = false } = request.routeOptions.config
    const caller = await callers.identify(request.raw)
    if (role !== 'anyone') requireRole(caller, { role, wholeHome })
    if (caller === undefined) return
    request.caller = caller
    onCaller(request.raw.socket, caller)
  })
  app.setErrorHandler(async (error, _request, reply) => {
    const failure = failureOf(error)
    return reply.code(statusOf(failure)).headers(headersOf(failure)).type(TEXT_TYPE).send(failure.message)
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

/** Refused requests that never reached a route are told so, and then cut: nobody keeps one open by not reading. */
const LINGER_LIMIT_MS = 1_000

export function refuse(socket: Socket, failure: GlasError): void {
  if (!socket.writable) return void socket.destroy()
  const body = `${JSON.stringify(shownError(failure))}\n`
  const headers = {
    ...SAFETY_HEADERS,
    ...headersOf(failure),
    connection: 'close',
    'content-type': JSON_TYPE,
    'content-length': Buffer.byteLength(body),
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${statusOf(failure)} Refused\r\n${lines.join('')}\r\n${body}`)
  setTimeout(() => socket.destroy(), LINGER_LIMIT_MS).unref()
}

/** For what is not even a request. */
export const UNREADABLE = new GlasError(
  'BadUsage',
  'This is no HTTP request, one that is too long, or one that expects what is not offered.',
)
