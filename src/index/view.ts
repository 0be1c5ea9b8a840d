import { type Entry, type GlasEntry, isGlasEntry } from '../glas/entry.ts'
import type { GlasId } from '../glas/glas-id.ts'
import { toHex } from '../glas/keys.ts'
import { GlasView } from './glas-view.ts'
import { Grants, isGrantEntry } from './grants.ts'
import type { EntryId } from './set.ts'

interface Glas {
  entries: Map<EntryId, Entry<GlasEntry>>
  /** What counts of them; undefined until somebody asks, and again when what counts may have changed. */
  view: GlasView | undefined
}

/**
 * What counts of a set of entries. A function of the set alone: neither order nor repetition nor time matters, so two
 * peers with the same entries see the same. An entry is taken in where it belongs; only a grant, a revocation and a
 * removal make a glas be looked at anew, when it is next asked for.
 */
export class View {
  readonly grants = new Grants()
  readonly #glases = new Map<GlasId, Glas>()
  /** Grant id -> glases of which some entries are under it. */
  readonly #under = new Map<EntryId, Set<GlasId>>()

  /** Every entry once, or more often. */
  include(entry: Entry): void {
    if (isGrantEntry(entry)) this.#forgetUnder(this.grants.include(entry))
    else this.#includeGlasEntry(entry as Entry<GlasEntry>)
  }

  #includeGlasEntry(entry: Entry<GlasEntry>): void {
    const { glasId, grant } = entry.body
    const glas: Glas = this.#glases.get(glasId) ?? { entries: new Map(), view: undefined }
    const id = toHex(entry.id)
    if (glas.entries.has(id)) return
    this.#glases.set(glasId, glas)
    glas.entries.set(id, entry)
    const under = this.#under.get(toHex(grant)) ?? new Set()
    this.#under.set(toHex(grant), under.add(glasId))
    if (glas.view !== undefined && this.grants.counts(entry)) glas.view.include(entry, this.grants.isOwn(entry.body))
  }

  /** For an entry that the set no longer keeps; grants and revocations always stay. */
  exclude(entry: Entry): void {
    if (!isGlasEntry(entry.body)) return
    const glas = this.#glases.get(entry.body.glasId)
    if (glas === undefined) return
    glas.entries.delete(toHex(entry.id))
    glas.view = undefined
  }

  /** Undefined when no snapshot of it counts. */
  glas(glasId: GlasId): GlasView | undefined {
    const view = this.#viewOf(glasId)
    return view === undefined || view.isEmpty ? undefined : view
  }

  /** The sequence of the next entry about a glas, known or new: 1 + the highest that counts. */
  nextSequence(glasId: GlasId): number {
    return this.#viewOf(glasId)?.nextSequence ?? 1
  }

  /** Those of which at least one snapshot counts, in the order of their ids. */
  glases(): GlasView[] {
    const ids = [...this.#glases.keys()].sort()
    return ids.map((id) => this.glas(id)).filter((view) => view !== undefined)
  }

  /** Ids of all entries that were published under a grant and count: what its revocation should keep. */
  countedUnder(grant: EntryId): Uint8Array[] {
    const ids: Uint8Array[] = []
    for (const glasId of this.#under.get(grant) ?? []) {
      for (const entry of this.#glases.get(glasId)?.entries.values() ?? []) {
        if (toHex(entry.body.grant) === grant && this.grants.counts(entry)) ids.push(entry.id)
      }
    }
    return ids
  }

  #viewOf(glasId: GlasId): GlasView | undefined {
    const glas = this.#glases.get(glasId)
    if (glas === undefined) return undefined
    glas.view ??= this.#build(glasId, glas)
    return glas.view
  }

  #build(glasId: GlasId, glas: Glas): GlasView {
    const view = new GlasView(glasId)
    for (const entry of glas.entries.values()) {
      if (this.grants.counts(entry)) view.include(entry, this.grants.isOwn(entry.body))
    }
    return view
  }

  #forgetUnder(grant: EntryId): void {
    for (const glasId of this.#under.get(grant) ?? []) {
      const glas = this.#glases.get(glasId)
      if (glas !== undefined) glas.view = undefined
    }
  }
}

export function viewOf(entries: Iterable<Entry>): View {
  const view = new View()
  for (const entry of entries) view.include(entry)
  return view
}
