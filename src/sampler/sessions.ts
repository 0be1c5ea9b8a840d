import { randomBytes } from 'node:crypto'
import type { GlasId } from '../glas/glas-id.ts'
import { hashOf, type Role } from '../home/tokens.ts'
import type { Caller } from './caller.ts'

/** A link is opened at once, or asked for anew. */
const CODE_LIMIT_MS = 2 * 60_000
/** Links that wait to be opened; the oldest goes first. */
const MAX_CODES = 16
/** A day of work in one tab. */
const SESSION_LIMIT_MS = 12 * 60 * 60_000
/** Tabs that are signed in; the oldest goes first. */
const MAX_SESSIONS = 256
/** A browser's own download goes on after a break, and asks again then. */
const TICKET_LIMIT_MS = 60 * 60_000
/** Downloads that were begun lately; the oldest goes first. */
const MAX_TICKETS = 1000
/** Of what stands in a link, and of what a tab keeps. */
const SECRET_BYTES = 32

/** Begins what a tab keeps, so that searches for secrets find it. */
export const SESSION_PREFIX = 'pintglas-session-'

/** What whoever opens a link may do. */
export interface SessionRights {
  role: Role
  glases: readonly GlasId[] | null
}

interface Kept {
  rights: SessionRights
  untilMs: number
}

interface Ticket {
  caller: Caller
  path: string
  untilMs: number
}

interface KeptCode extends Kept {
  /** Good only for the daemon's own user on this machine: whoever sees a command line here sees the link. */
  isLocal: boolean
}

/** Tabs that were signed in by a link. In memory alone, by hash: a daemon that starts anew knows none. */
export class Sessions {
  readonly #nowMs: () => number
  readonly #codes = new Map<string, KeptCode>()
  readonly #sessions = new Map<string, Kept>()
  readonly #tickets = new Map<string, Ticket>()

  /** `nowMs` is a monotonic clock. */
  constructor(nowMs = () => performance.now()) {
    this.#nowMs = nowMs
  }

  /** What stands in a link: good once, and for a short time. */
  newCode(rights: SessionRights, { isLocal }: Pick<KeptCode, 'isLocal'>): string {
    const code = randomBytes(SECRET_BYTES).toString('base64url')
    keep(this.#codes, code, { rights, isLocal, untilMs: this.#nowMs() + CODE_LIMIT_MS }, MAX_CODES)
    return code
  }

  /** Takes a code for what the tab sends from now on. Undefined for one that is not good, or no longer. */
  redeem(
    code: string,
    by: { isOwnUser: boolean },
  ): { text: string; caller: Caller; expiresSeconds: number } | undefined {
    const kept = this.#codes.get(hashOf(code))
    this.#codes.delete(hashOf(code))
    if (kept === undefined || kept.untilMs < this.#nowMs() || (kept.isLocal && !by.isOwnUser)) return undefined
    const text = SESSION_PREFIX + randomBytes(SECRET_BYTES).toString('base64url')
    const session = { rights: kept.rights, untilMs: this.#nowMs() + SESSION_LIMIT_MS }
    keep(this.#sessions, text, session, MAX_SESSIONS)
    return { text, caller: this.#callerOf(hashOf(text), session), expiresSeconds: SESSION_LIMIT_MS / 1000 }
  }

  find(text: string): Caller | undefined {
    const hash = hashOf(text)
    const session = this.#sessions.get(hash)
    return session !== undefined && this.#isGood(hash) ? this.#callerOf(hash, session) : undefined
  }

  /** Lets a browser fetch one path without a header, which it cannot send with a download: as `caller`, for a while. */
  newTicket(caller: Caller, path: string): string {
    const ticket = randomBytes(SECRET_BYTES).toString('base64url')
    keep(this.#tickets, ticket, { caller, path, untilMs: this.#nowMs() + TICKET_LIMIT_MS }, MAX_TICKETS)
    return ticket
  }

  /** Whose ticket it is, for that path. */
  withTicket(ticket: string, path: string): Caller | undefined {
    const kept = this.#tickets.get(hashOf(ticket))
    const isGood = kept?.path === path && kept.untilMs > this.#nowMs() && kept.caller.isValid()
    return isGood ? kept?.caller : undefined
  }

  end(text: string): void {
    this.#sessions.delete(hashOf(text))
  }

  #callerOf(hash: string, { rights: { role, glases } }: Kept): Caller {
    const limit = glases === null ? undefined : new Set(glases)
    return { name: 'page', role, glases: limit, isValid: () => this.#isGood(hash) }
  }

  #isGood(hash: string): boolean {
    return (this.#sessions.get(hash)?.untilMs ?? 0) > this.#nowMs()
  }
}

function keep<Value>(kept: Map<string, Value>, text: string, value: Value, max: number): void {
  kept.set(hashOf(text), value)
  if (kept.size > max) kept.delete(kept.keys().next().value ?? '')
}
