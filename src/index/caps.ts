import type { EntryBody, GlasEntry } from '../glas/entry.ts'
import { toHex } from '../glas/keys.ts'
import { versionText } from '../glas/version.ts'

/**
 * Entries of one writer under one grant about one thing (a version, a tag, the note of a record). An honest writer
 * needs one or two. Of more, those with the highest sequence and id stay, on every peer the same ones.
 */
export const MAX_ENTRIES_PER_THING = 16
/** Of all entries of one writer under one grant: an hourly version for 11 years. 330 MB of memory, 50 MB of disk. */
export const MAX_ENTRIES_PER_GRANT = 100_000
/** Grants and revocations of one owner: a revocation keeps 48 entries, so a long history may need thousands. */
export const MAX_GRANTS_PER_OWNER = 20_000
/** Entries of one owner's glases whose grant is not here: anybody can write those, and gossip overtakes few. */
export const MAX_UNGRANTED_PER_OWNER = 256
/** Everything of owners whom nobody here knows, all together: keys cost nothing. 66 MB of memory. */
export const MAX_FOREIGN_ENTRIES = 20_000
/** Name of that quota. */
export const FOREIGN = 'foreign'

/** A limited number of entries. Who comes when it is full is refused, and may come again. */
export interface Quota {
  readonly name: string
  readonly limit: number
  count: number
}

export class Quotas {
  readonly #quotas = new Map<string, Quota>()

  get(name: string, limit: number): Quota {
    return this.#quotas.get(name) ?? { name, limit, count: 0 }
  }

  take(quota: Quota): void {
    quota.count++
    this.#quotas.set(quota.name, quota)
  }

  giveBack(quota: Quota): void {
    quota.count--
    if (quota.count === 0) this.#quotas.delete(quota.name)
  }
}

/** Where an entry competes with others for MAX_ENTRIES_PER_THING places. */
export function thingOf(body: GlasEntry): string {
  return `${body.kind} ${body.glasId} ${toHex(body.writer)} ${toHex(body.grant)} ${subjectOf(body)}`
}

function subjectOf(body: GlasEntry): string {
  if (body.kind === 'version') return versionText(body.version)
  if (body.kind === 'tag') return body.tag
  return toHex(body.record.bytes)
}

export function quotaOf(quotas: Quotas, body: EntryBody, isGranted: boolean): Quota {
  if (body.kind === 'grant' || body.kind === 'revoke') {
    return quotas.get(`grants of ${toHex(body.owner)}`, MAX_GRANTS_PER_OWNER)
  }
  if (isGranted) return quotas.get(`under ${toHex(body.grant)}`, MAX_ENTRIES_PER_GRANT)
  return quotas.get(`ungranted of ${toHex(body.owner)}`, MAX_UNGRANTED_PER_OWNER)
}
