/** Who may call: until there are sign-ins, only programs of the user that runs the daemon, and pages of its own. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { GlasError } from '../glas/errors.ts'
import type { Caller } from './caller.ts'
import { ownerOf } from './socket-owner.ts'

/** A proxy sends these: then the connection is the proxy's, and the caller is somebody else. */
const FORWARDING_HEADER =
  /^(forwarded|via|x-forwarded(-.*)?|x-real-ip|x-client-ip|x-original-.*|.*-connecting-ip|true-client-ip)$/

/** The user that runs the daemon. */
const LOCAL: Caller = { name: 'local', role: 'admin', glases: undefined, isValid: () => true }

export interface CallerOptions {
  /** Every user of this machine counts as the daemon's own. */
  anyLocalUser: boolean
}

export class Callers {
  readonly #options: CallerOptions
  readonly #known = new WeakMap<Socket, Promise<string | undefined>>()

  constructor(options: CallerOptions) {
    this.#options = options
  }

  /** Who sent it. Throws NotAllowed, saying why, unless it comes from this machine, this user, and no foreign page. */
  async identify(request: IncomingMessage): Promise<Caller | undefined> {
    const refused = refusedHeader(request) ?? (await this.#refusedUser(request.socket))
    if (refused !== undefined) throw notAllowed(refused)
    return LOCAL
  }

  /** The same for a Tap, which is no browser: a page of any origin is refused, our own included. */
  async checkTap(request: IncomingMessage): Promise<void> {
    if (request.headers.origin !== undefined) throw notAllowed('a Tap has no Origin, a web page has')
    await this.identify(request)
  }

  #refusedUser(socket: Socket): Promise<string | undefined> {
    const known = this.#known.get(socket) ?? this.#lookUp(socket)
    this.#known.set(socket, known)
    return known
  }

  async #lookUp({ remoteAddress, remotePort, localAddress, localPort }: Socket): Promise<string | undefined> {
    if (this.#options.anyLocalUser) return undefined
    const local = { address: remoteAddress ?? '', port: remotePort ?? 0 }
    const remote = { address: localAddress ?? '', port: localPort ?? 0 }
    const owner = await ownerOf({ local, remote })
    if (owner === undefined) return UNKNOWN_USER
    return owner === process.getuid?.() ? undefined : 'the connection belongs to another user'
  }
}

const UNKNOWN_USER =
  'it cannot be told whose connection this is (`pintglas config httpAnyLocalUser true` lets in every user of this machine)'

/** What in the headers says that the caller is not local, or acts for a page of somebody else. */
export function refusedHeader({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>): string | undefined {
  const hosts = hostsOf(socket.localPort ?? 0)
  const forwarding = Object.keys(headers).find((name) => FORWARDING_HEADER.test(name))
  if (forwarding !== undefined) return `the header ${forwarding} says that it was forwarded`
  if (!hosts.has((headers.host ?? '').toLowerCase())) return 'it was addressed to another host name'
  const { origin } = headers
  if (origin !== undefined && !hosts.has(origin.replace(/^http:\/\//, ''))) return 'it comes from a foreign web page'
  if (['cross-site', 'same-site'].includes(String(headers['sec-fetch-site']))) return 'it comes from a foreign web page'
  return undefined
}

/** The names that this machine has for itself. Any other one may be a foreign page's that was made to point here. */
function hostsOf(port: number): Set<string> {
  const names = ['127.0.0.1', 'localhost', '[::1]']
  return new Set(names.flatMap((name) => [`${name}:${port}`, ...(port === HTTP_PORT ? [name] : [])]))
}

/** The port that nobody writes down. */
const HTTP_PORT = 80

function notAllowed(why: string): GlasError {
  return new GlasError('NotAllowed', `Not allowed: ${why}. Only programs of the user that runs the daemon may do this.`)
}
