import type { IncomingMessage } from 'node:http'
import type { Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { hasErrno } from '../disk/files.ts'
import { GlasError } from '../glas/errors.ts'
import type { Caller } from './caller.ts'
import type { Callers } from './callers.ts'
import { failureOf } from './failures.ts'
import { type AppOptions, newApp, refuse, UNREADABLE } from './http-app.ts'
import { renewWhenChanged, type TlsFiles } from './tls.ts'

/** Two hundred Taps that wait, their transfers, and the tabs of a browser. */
const MAX_CONNECTIONS = 1024
/** Whose token expires is cut off within this time; revoking one cuts at once. */
const LOOK_EVERY_MS = 10_000

export interface HttpOptions extends Pick<AppOptions, 'routes'> {
  /** host:port; port 0 takes any. */
  address: string
  /** Undefined for plain HTTP. */
  tls: TlsFiles | undefined
  callers: Callers
  /** Takes over a connection whose caller was checked; `head` came behind the request. */
  tap: (upgrade: TapUpgrade) => void
  onMessage: (message: string) => void
}

export interface TapUpgrade {
  request: IncomingMessage
  socket: Socket
  head: Buffer
  /** Undefined for one that has no token and may beam all the same. */
  caller: Caller | undefined
  /** Address of the Tap. */
  from: string
}

export interface HttpService {
  /** With a slash at its end. */
  url: string
  /** Ends the connections of those who may no longer. */
  cutInvalid(): void
  close(): Promise<void>
}

/** Serves HTTP and the WebSockets of Taps. A port that is taken is replaced by a free one, and said so. */
export async function openHttp(options: HttpOptions): Promise<HttpService> {
  const callersOf = new Map<Socket, Caller>()
  const onCaller = (socket: Socket, caller: Caller) => {
    if (!callersOf.has(socket)) socket.once('close', () => callersOf.delete(socket))
    callersOf.set(socket, caller)
  }
  const cutInvalid = () => {
    for (const [socket, caller] of callersOf) if (!caller.isValid()) socket.destroy()
  }
  const { callers, tls, routes } = options
  const app = newApp({ callers, tls, routes, onCaller })
  const upgraded = new Set<Socket>()
  app.server.maxConnections = MAX_CONNECTIONS
  app.server.on('checkExpectation', ({ socket }) => refuse(socket, UNREADABLE))
  app.server.on('upgrade', (request, socket, head) => {
    const connection = socket as Socket
    upgraded.add(connection)
    connection.on('error', () => connection.destroy())
    connection.once('close', () => upgraded.delete(connection))
    void upgrade(options, { request, socket: connection, head }, onCaller)
  })
  await listen(app, options)
  const looking = setInterval(cutInvalid, LOOK_EVERY_MS)
  const stopRenewing = tls === undefined ? () => {} : renewWhenChanged(app.server as TlsServer, tls, options.onMessage)
  return {
    url: urlOf(app, options),
    cutInvalid,
    close: async () => {
      clearInterval(looking)
      stopRenewing()
      for (const socket of upgraded) socket.destroy()
      await app.close()
    },
  }
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

/** An address that means all of them is reached from here by the name of this machine for itself. */
function urlOf(app: FastifyInstance, { address, tls }: HttpOptions): string {
  const at = app.server.address()
  const port = typeof at === 'object' && at !== null ? at.port : 0
  const host = hostOf(address)
  const name = host === '0.0.0.0' || host === '[::]' ? 'localhost' : host
  return `${tls === undefined ? 'http' : 'https'}://${name}:${port}/`
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'))
}

async function upgrade(
  { callers, tap }: HttpOptions,
  { request, socket, head }: Pick<TapUpgrade, 'request' | 'socket' | 'head'>,
  onCaller: AppOptions['onCaller'],
): Promise<void> {
  try {
    if (!/^\/+taps(?:[/?]|$)/.test(request.url ?? '')) throw new GlasError('NameNotFound', `Not Found ${request.url}`)
    const { caller, from } = await callers.identifyTap(request)
    if (caller !== undefined) onCaller(socket, caller)
    tap({ request, socket, head, caller, from })
  } catch (error) {
    refuse(socket, failureOf(error))
  }
}
