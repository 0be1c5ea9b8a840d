import { createHash, randomBytes } from 'node:crypto'
import { writeFileAtomic } from '../disk/atomic.ts'
import { readSmallFile, realFiles } from '../disk/files.ts'
import { GlasError } from '../glas/errors.ts'
import { type GlasId, isGlasId } from '../glas/glas-id.ts'

/** What somebody may do over HTTP; each may do what those before it may. */
export const ROLES = ['viewer', 'operator', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** What is kept of a token: everything but the token. */
export interface Token {
  name: string
  role: Role
  /** The only glases that it sees and touches; null for all. */
  glases: GlasId[] | null
  /** SHA-256 in hex. Tokens are 256 random bits, so nothing slower is needed against guessing. */
  hash: string
  /** ISO 8601, UTC. */
  created: string
  /** Null for one that stays good until it is revoked. */
  expires: string | null
}

/** Begins every token, so that searches for secrets find it. */
export const TOKEN_PREFIX = 'pintglas-token-'
const TOKEN_BYTES = 32
/** One for each program and person that is let in. */
const MAX_TOKENS = 1000
/** A token with some glases takes half a kilobyte. */
const MAX_TOKEN_FILE_BYTES = 4 * 1024 * 1024
const MAX_TOKEN_GLASES = 1000
const MAX_NAME_CHARS = 64
const TOKEN_NAME = /^[\p{L}\p{N}][\p{L}\p{N}._-]*$/u

/** The tokens of a home: one file, 0600, replaced as a whole. Holds hashes alone. */
export class Tokens {
  readonly #path: string
  readonly #listeners = new Set<() => void>()
  #loading: Promise<Map<string, Token>> | undefined
  #loaded: ReadonlyMap<string, Token> = new Map()
  #turn: Promise<unknown> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  async list(): Promise<Token[]> {
    return [...(await this.#load()).values()]
  }

  /** Makes one and gives it, this once. TargetExists for a name that is taken by one that has not expired. */
  add(token: Pick<Token, 'name' | 'role' | 'glases' | 'expires'>): Promise<{ text: string; token: Token }> {
    requireName(token.name)
    if ((token.glases?.length ?? 0) > MAX_TOKEN_GLASES) throw tooMany(MAX_TOKEN_GLASES, 'glases')
    return this.#change(async (tokens) => {
      const rival = [...tokens.values()].find(({ name }) => name === token.name)
      if (rival !== undefined && isGood(rival)) {
        throw new GlasError(
          'TargetExists',
          `There is a token "${token.name}" already. Revoke it, or choose another name.`,
        )
      }
      if (rival !== undefined) tokens.delete(rival.hash)
      if (tokens.size >= MAX_TOKENS) throw tooMany(MAX_TOKENS, 'tokens')
      const text = TOKEN_PREFIX + randomBytes(TOKEN_BYTES).toString('base64url')
      const made = { ...token, hash: hashOf(text), created: new Date().toISOString() }
      tokens.set(made.hash, made)
      return { text, token: made }
    })
  }

  /** NameNotFound for one that is not there. */
  revoke(name: string): Promise<Token> {
    return this.#change(async (tokens) => {
      const token = [...tokens.values()].find((one) => one.name === name)
      if (token === undefined) {
        throw new GlasError('NameNotFound', `There is no token "${name}". \`pintglas token ls\` lists them.`)
      }
      tokens.delete(token.hash)
      return token
    })
  }

  /** The one that `text` is, unless it was revoked or has expired. */
  async find(text: string): Promise<Token | undefined> {
    if (!text.startsWith(TOKEN_PREFIX)) return undefined
    const token = (await this.#load()).get(hashOf(text))
    return token !== undefined && isGood(token) ? token : undefined
  }

  /** Whether a token that was found is still good. */
  isStillGood({ hash }: Token): boolean {
    const token = this.#loaded.get(hash)
    return token !== undefined && isGood(token)
  }

  /** Calls `listener` when one was made or revoked. Gives the function that ends it. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Durable before it counts. */
  async #change<Result>(change: (tokens: Map<string, Token>) => Promise<Result>): Promise<Result> {
    const work = this.#turn.then(async () => {
      const tokens = new Map(await this.#load())
      const result = await change(tokens)
      const text = `${JSON.stringify({ tokens: [...tokens.values()] }, null, 2)}\n`
      await writeFileAtomic(realFiles, this.#path, Buffer.from(text), { mode: 0o600 })
      this.#loading = Promise.resolve(tokens)
      this.#loaded = tokens
      for (const listener of this.#listeners) listener()
      return result
    })
    this.#turn = work.catch(() => {})
    return work
  }

  #load(): Promise<Map<string, Token>> {
    this.#loading ??= readTokens(this.#path).then((tokens) => {
      this.#loaded = tokens
      return tokens
    })
    return this.#loading
  }
}

export function isGood({ expires }: Pick<Token, 'expires'>): boolean {
  return expires === null || Date.parse(expires) > Date.now()
}

export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

async function readTokens(path: string): Promise<Map<string, Token>> {
  const bytes = await readSmallFile(realFiles, path, MAX_TOKEN_FILE_BYTES)
  if (bytes === undefined) return new Map()
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (cause) {
    throw damaged(path, cause)
  }
  const list = (parsed as { tokens?: unknown } | null)?.tokens
  if (!Array.isArray(list) || list.length > MAX_TOKENS || !list.every(isToken)) throw damaged(path, undefined)
  return new Map(list.map((token) => [token.hash, token]))
}

function isToken(value: unknown): value is Token {
  const token = value as Partial<Token> | null
  const isDate = (text: unknown) => typeof text === 'string' && !Number.isNaN(Date.parse(text))
  return (
    typeof token?.name === 'string' &&
    ROLES.some((role) => role === token.role) &&
    (token.glases === null || (Array.isArray(token.glases) && token.glases.every((one) => isGlasId(String(one))))) &&
    /^[0-9a-f]{64}$/.test(String(token.hash)) &&
    isDate(token.created) &&
    (token.expires === null || isDate(token.expires))
  )
}

function requireName(name: string): void {
  if (TOKEN_NAME.test(name) && name.length <= MAX_NAME_CHARS) return
  throw new GlasError(
    'InvalidName',
    `"${name}" is no name for a token: letters, digits, ".", "_" and "-", at most ${MAX_NAME_CHARS} of them.`,
  )
}

function tooMany(limit: number, unit: string): GlasError {
  return new GlasError('LimitExceeded', `There are at most ${limit} ${unit}.`, { data: { limit, unit } })
}

function damaged(path: string, cause: unknown): GlasError {
  const message = `${path} is damaged, so nobody can sign in. Remove it and make the tokens anew.`
  return new GlasError('InvalidConfig', message, { cause, data: { path } })
}
