/** Who calls: a program of the user that runs the daemon, or whoever has a token or was signed in by a link. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { GlasError } from '../glas/errors.ts'
import { hashOf, TOKEN_PREFIX, type Tokens } from '../home/tokens.ts'
import { type Caller, requireRole } from './caller.ts'
import { Guesses } from './guesses.ts'
import { SESSION_PREFIX, type Sessions } from './sessions.ts'
import { ownerOf } from './socket-owner.ts'
import { type Gates, isIn, type Whence, whenceOf } from './whence.ts'

export interface CallerOptions {
  gates: Gates
  tokens: Tokens
  sessions: Sessions
  /** Every user of this machine counts as the daemon's own. */
  anyLocalUser: boolean
  onMessage: (message: string) => void
}

/** The user that runs the daemon. */
const LOCAL: Caller = { name: 'local', role: 'admin', glases: undefined, isValid: () => true }

/** Half of an IPv6 address: everybody with a line has all of the rest. */
const V6_PLACE_GROUPS = 4

export class Callers {
  readonly guesses: Guesses
  readonly #options: CallerOptions
  readonly #owners = new WeakMap<Socket, Promise<number | undefined>>()

  constructor(options: CallerOptions) {
    this.#options = options
    this.guesses = new Guesses(options.onMessage)
  }

  /**
   * Who sent it; undefined for a stranger. Throws NotAllowed for what comes from a foreign page, by another name or
   * through a proxy that nobody named, NotSignedIn for a token that is not good, TooManyTries after many of those.
   */
  async identify(request: IncomingMessage): Promise<Caller | undefined> {
    const whence = this.#admit(request)
    const secret = bearerOf(request)
    if (secret !== undefined) return this.#signedIn(request, whence, secret)
    return (await this.#isOwnUser(request, whence)) ? LOCAL : undefined
  }

  /**
   * The same for a Tap, which is no browser: a page of any origin is refused, our own included. `from` alone is for one
   * without a token from an address on the list: what it sends is nobody's until somebody says so.
   */
  async identifyTap(request: IncomingMessage): Promise<{ caller: Caller | undefined; from: string }> {
    if (request.headers.origin !== undefined) throw notAllowed('a Tap has no Origin, a web page has')
    const caller = await this.identify(request)
    const { address } = whenceOf(request, this.#options.gates)
    if (caller === undefined && isIn(this.#options.gates.taps, address)) return { caller, from: address }
    requireRole(caller, { role: 'operator' })
    return { caller, from: address }
  }

  /** Takes the code of a link for a session. Throws as `identify` does. */
  async signIn(request: IncomingMessage, code: string): Promise<NonNullable<ReturnType<Sessions['redeem']>>> {
    const whence = this.#admit(request)
    const place = await this.#placeOf(request, whence)
    this.guesses.check(place, hashOf(code))
    const owner = whence.isStraight ? await this.#ownerOf(request.socket) : undefined
    const isOwnUser = whence.isStraight && (owner === undefined || owner === process.getuid?.())
    const session = this.#options.sessions.redeem(code, { isOwnUser })
    if (session !== undefined) {
      this.guesses.right(place, hashOf(session.text))
      return session
    }
    this.guesses.wrong(place)
    throw new GlasError('NotSignedIn', 'This link was used already, or is too old. `pintglas open` makes another.')
  }

  /** Forgets the session that the request belongs to, if it does to one. */
  signOut(request: IncomingMessage): void {
    this.#options.sessions.end(bearerOf(request) ?? '')
  }

  #admit(request: IncomingMessage): Whence {
    const whence = whenceOf(request, this.#options.gates)
    if (whence.refusal !== undefined) throw notAllowed(whence.refusal)
    return whence
  }

  async #signedIn(request: IncomingMessage, whence: Whence, secret: string): Promise<Caller> {
    const place = await this.#placeOf(request, whence)
    const hash = hashOf(secret)
    this.guesses.check(place, hash)
    const caller = await this.#callerOf(secret)
    if (caller === undefined) {
      this.guesses.wrong(place)
      throw new GlasError(
        'NotSignedIn',
        'This token is none, was revoked, or has expired. `pintglas token add` makes one.',
      )
    }
    this.guesses.right(place, hash)
    return caller
  }

  async #callerOf(secret: string): Promise<Caller | undefined> {
    const { tokens, sessions } = this.#options
    if (secret.startsWith(SESSION_PREFIX)) return sessions.find(secret)
    const token = secret.startsWith(TOKEN_PREFIX) ? await tokens.find(secret) : undefined
    if (token === undefined) return undefined
    const { name, role, glases } = token
    const limit = glases === null ? undefined : new Set(glases)
    return { name, role, glases: limit, isValid: () => tokens.isStillGood(token) }
  }

  async #isOwnUser({ socket }: IncomingMessage, { isStraight }: Whence): Promise<boolean> {
    if (!isStraight) return false
    if (this.#options.anyLocalUser) return true
    const owner = await this.#ownerOf(socket)
    return owner !== undefined && owner === process.getuid?.()
  }

  /** On one machine users are told from each other: nobody can make another one wait. */
  async #placeOf({ socket }: IncomingMessage, { address, isLoopback, isProxied }: Whence): Promise<string> {
    if (isLoopback && !isProxied) return `user ${(await this.#ownerOf(socket)) ?? 'unknown'}`
    return address.includes(':') ? `${v6Groups(address).slice(0, V6_PLACE_GROUPS).join(':')}::/64` : address
  }

  #ownerOf(socket: Socket): Promise<number | undefined> {
    const known = this.#owners.get(socket) ?? lookUp(socket)
    this.#owners.set(socket, known)
    return known
  }
}

function lookUp({ remoteAddress, remotePort, localAddress, localPort }: Socket): Promise<number | undefined> {
  const local = { address: remoteAddress ?? '', port: remotePort ?? 0 }
  const remote = { address: localAddress ?? '', port: localPort ?? 0 }
  return ownerOf({ local, remote })
}

/** What stands in the header; a wrong form of it is a wrong token. */
function bearerOf({ headers: { authorization } }: IncomingMessage): string | undefined {
  return authorization === undefined ? undefined : (/^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? '')
}

/** All eight, in full. */
function v6Groups(address: string): string[] {
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const missing = tail === undefined ? 0 : 8 - groups(head).length - groups(tail).length
  return [...groups(head), ...Array<string>(Math.max(0, missing)).fill('0'), ...groups(tail ?? '')]
}

function notAllowed(why: string): GlasError {
  return new GlasError('NotAllowed', `Not allowed: ${why}.`)
}
