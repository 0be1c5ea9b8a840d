import { GLAS_ID_BYTES, type GlasId } from '../glas/glas-id.ts'
import { type KeyRange, NO_GLAS } from './ordered-keys.ts'

/**
 * The glases that a peer wants to hear of: ranges of their ids, ascending and apart, always with the grants, which
 * nothing can do without.
 */
export type Scope = KeyRange[]

/** A scope travels in one message; whoever would need more asks for more than it needs. */
export const MAX_SCOPE_RANGES = 256

export const EVERYTHING: Scope = [{ lower: '', upper: undefined }]
const GRANTS: KeyRange = { lower: '', upper: followingGlasId(NO_GLAS) }

/** Everything but some glases (as many as a scope can leave out). */
export function everythingBut(glasIds: Iterable<GlasId>): Scope {
  const left = [...new Set(glasIds)].sort().slice(0, MAX_SCOPE_RANGES - 1)
  const scope: Scope = []
  let lower: string | undefined = ''
  for (const glasId of left) {
    if (lower !== undefined && glasId > lower) scope.push({ lower, upper: glasId })
    lower = followingGlasId(glasId)
  }
  if (lower !== undefined) scope.push({ lower, upper: undefined })
  return withGrants(scope)
}

/** Some glases alone. At most MAX_SCOPE_RANGES - 1 of them. */
export function onlyThese(glasIds: Iterable<GlasId>): Scope {
  const chosen = [...new Set(glasIds)].sort()
  return withGrants(chosen.map((glasId) => ({ lower: glasId, upper: followingGlasId(glasId) })))
}

export function withGrants(scope: Scope): Scope {
  return joined([GRANTS, ...scope])
}

/** What two scopes have in common. */
export function common(a: Scope, b: Scope): Scope {
  return a.flatMap((range) => piecesOf(range, b))
}

/** The parts of a range that lie in a scope. */
export function piecesOf(range: KeyRange, scope: Scope): KeyRange[] {
  const pieces: KeyRange[] = []
  for (const other of scope) {
    const lower = [range.lower, other.lower].sort()[1] as string
    const upper = lowerBound(other.upper, range.upper)
    if (upper === undefined || lower < upper) pieces.push({ lower, upper })
  }
  return pieces
}

/** The lower of two upper bounds, of which undefined is the end of everything. */
export function lowerBound(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return a < b ? a : b
}

/** Joins ranges, sorted by their lower bounds, that overlap or touch. */
function joined(ranges: KeyRange[]): Scope {
  const scope: Scope = []
  for (const range of ranges) {
    const last = scope.at(-1)
    if (last === undefined || (last.upper !== undefined && last.upper < range.lower)) scope.push({ ...range })
    else if (last.upper !== undefined && (range.upper === undefined || range.upper > last.upper))
      last.upper = range.upper
  }
  return scope
}

/** The glas-id after this one; undefined after the last. */
function followingGlasId(glasId: GlasId): string | undefined {
  const next = (BigInt(`0x${glasId}`) + 1n).toString(16).padStart(2 * GLAS_ID_BYTES, '0')
  return next.length > 2 * GLAS_ID_BYTES ? undefined : next
}
