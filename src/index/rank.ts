import type { EntryBody, GlasEntry, GrantEntry } from '../glas/entry.ts'
import { sameBytes } from '../glas/keys.ts'

/** What decides between entries about one thing; no clock is among it. */
export interface Ranked {
  sequence: number
  /** Signed under a grant of the owner's own home. */
  own: boolean
  /** Entry id, in hex. */
  id: string
}

/** For sorting, best first: records of one version. The owner's own peer comes before a grantee. */
export function bySource(a: Ranked, b: Ranked): number {
  return Number(b.own) - Number(a.own) || b.sequence - a.sequence || byText(b.id, a.id)
}

/** For sorting, best first: tags and notes, of which the newer one holds, whoever wrote it. */
export function byNewest(a: Ranked, b: Ranked): number {
  return b.sequence - a.sequence || Number(b.own) - Number(a.own) || byText(b.id, a.id)
}

function byText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** Whether a grant is of the kind that `body` says it was written under. An id names one grant for ever, so is this. */
export function grantFits(grant: EntryBody, body: GlasEntry): grant is GrantEntry {
  if (grant.kind !== 'grant') return false
  const covers = grant.glasId === null || grant.glasId === body.glasId
  return covers && sameBytes(grant.owner, body.owner) && sameBytes(grant.grantee, body.writer)
}
