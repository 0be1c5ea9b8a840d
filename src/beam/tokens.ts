import type { GlasId } from '../glas/glas-id.ts'
import { isGood, type Role, type Token } from '../home/tokens.ts'
import { findGlas } from './lookup.ts'
import type { Parts } from './parts.ts'

export interface ListedToken {
  name: string
  role: Role
  /** The only glases that it sees; null for all. */
  glases: GlasId[] | null
  created: string
  /** Null for one that stays good until it is revoked. */
  expires: string | null
  expired: boolean
}

export interface TokenArgs {
  name: string
  role: Role
  /** References of the only glases that it shall see; empty for all. */
  glases: string[]
  /** Null for one that stays good until it is revoked. */
  validSeconds: number | null
}

/** Makes a token for the HTTP API. It is in the result, and nowhere else. */
export async function addToken(
  parts: Pick<Parts, 'home' | 'index' | 'swarm'>,
  { name, role, glases: references, validSeconds }: TokenArgs,
): Promise<ListedToken & { token: string }> {
  const glases = references.map((reference) => findGlas(parts, reference).glasId)
  const expires = validSeconds === null ? null : new Date(Date.now() + validSeconds * 1000).toISOString()
  const limit = references.length === 0 ? null : [...new Set(glases)]
  const { text, token } = await parts.home.tokens.add({ name, role, glases: limit, expires })
  return { ...listed(token), token: text }
}

export async function tokens({ home }: Pick<Parts, 'home'>): Promise<{ tokens: ListedToken[] }> {
  return { tokens: (await home.tokens.list()).map(listed) }
}

/** From now on whoever has it is a stranger; what goes on under it ends. */
export async function revokeToken({ home }: Pick<Parts, 'home'>, { name }: { name: string }): Promise<ListedToken> {
  return listed(await home.tokens.revoke(name))
}

function listed({ name, role, glases, created, expires }: Token): ListedToken {
  return { name, role, glases, created, expires, expired: !isGood({ expires }) }
}
