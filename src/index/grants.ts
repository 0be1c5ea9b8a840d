import { type Entry, type GlasEntry, type GrantEntry, isGlasEntry, type RevokeEntry } from '../glas/entry.ts'
import type { GlasId } from '../glas/glas-id.ts'
import { type PublicKey, sameBytes, toHex } from '../glas/keys.ts'
import { grantFits } from './rank.ts'
import type { EntryId } from './set.ts'

export interface Grant {
  id: EntryId
  entry: Entry<GrantEntry>
  revoked: boolean
}

/** Which grants there are and what is under them. Each owner's word counts for that owner's grants alone. */
export class Grants {
  readonly #grants = new Map<EntryId, Entry<GrantEntry>>()
  /** Grantee (hex) -> ids of the grants that it was given. */
  readonly #byGrantee = new Map<string, Set<EntryId>>()
  /** Grant id -> who revoked it, perhaps before it arrived -> the entries to be kept, of all revocations together. */
  readonly #revoked = new Map<EntryId, Map<string, Set<EntryId>>>()

  /** The id of the grant whose entries may count differently from now on. */
  include(entry: Entry<GrantEntry | RevokeEntry>): EntryId {
    const { body } = entry
    if (body.kind === 'grant') {
      const id = toHex(entry.id)
      const grantee = toHex(body.grantee)
      this.#grants.set(id, entry as Entry<GrantEntry>)
      this.#byGrantee.set(grantee, (this.#byGrantee.get(grantee) ?? new Set()).add(id))
      return id
    }
    const id = toHex(body.grant)
    const byOwner = this.#revoked.get(id) ?? new Map<string, Set<EntryId>>()
    const kept = byOwner.get(toHex(body.owner)) ?? new Set<EntryId>()
    for (const one of body.kept) kept.add(toHex(one))
    byOwner.set(toHex(body.owner), kept)
    this.#revoked.set(id, byOwner)
    return id
  }

  /** Whether an entry counts: its grant is here, fits, and is not revoked or the entry was kept when it was. */
  counts(entry: Entry<GlasEntry>): boolean {
    const grant = this.#grants.get(toHex(entry.body.grant))
    if (grant === undefined || !grantFits(grant.body, entry.body)) return false
    const kept = this.#keptUnder(grant)
    return kept === undefined || kept.has(toHex(entry.id))
  }

  isOwn(body: GlasEntry): boolean {
    return this.#grants.get(toHex(body.grant))?.body.own === true
  }

  /** In the order of their ids. */
  all(): Grant[] {
    return this.#sorted(this.#grants.keys())
  }

  /** The grant to publish under: one of the owner's own home first, then the lowest id. */
  usable(grantee: PublicKey, owner: PublicKey, glasId: GlasId): Grant | undefined {
    const given = this.#sorted(this.#byGrantee.get(toHex(grantee)) ?? [])
    const good = given.filter(({ entry: { body }, revoked }) => {
      const covers = body.glasId === null || body.glasId === glasId
      return !revoked && covers && sameBytes(body.owner, owner)
    })
    return good.find(({ entry }) => entry.body.own) ?? good[0]
  }

  #sorted(ids: Iterable<EntryId>): Grant[] {
    return [...ids].sort().map((id) => {
      const entry = this.#grants.get(id) as Entry<GrantEntry>
      return { id, entry, revoked: this.#keptUnder(entry) !== undefined }
    })
  }

  /** Undefined when the grant is not revoked: by its owner, for nobody else can. */
  #keptUnder(grant: Entry<GrantEntry>): ReadonlySet<EntryId> | undefined {
    return this.#revoked.get(toHex(grant.id))?.get(toHex(grant.body.owner))
  }
}

export function isGrantEntry(entry: Entry): entry is Entry<GrantEntry | RevokeEntry> {
  return !isGlasEntry(entry.body)
}
