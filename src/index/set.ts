import { decodeEntry, type Entry, entryIdOf, type GlasEntry, isGlasEntry, readKnownEntry } from '../glas/entry.ts'
import { type ErrorCode, GlasError, toGlasError } from '../glas/errors.ts'
import type { GlasId } from '../glas/glas-id.ts'
import { toHex } from '../glas/keys.ts'
import { FOREIGN, MAX_ENTRIES_PER_THING, MAX_FOREIGN_ENTRIES, type Quota, Quotas, quotaOf, thingOf } from './caps.ts'
import {
  type EntryKey,
  entryKey,
  idOfKey,
  type KeyRange,
  NO_GLAS,
  OrderedKeys,
  type RangeSummary,
} from './ordered-keys.ts'
import { byNewest, grantFits } from './rank.ts'
import { Refusals } from './refusals.ts'

/** Entry id, in hex. */
export type EntryId = string

export type AddResult =
  /** `removed` had to go: they were under a grant of something else, or lost their place to this one. */
  | { outcome: 'added'; entry: Entry; removed: Entry[] }
  | { outcome: 'known'; entry: Entry }
  | { outcome: 'refused'; code: ErrorCode; message: string }

interface Held {
  id: EntryId
  key: EntryKey
  entry: Entry
  /** What it competes for; empty for grants and revocations, which do not. */
  thing: string
  quotas: Quota[]
  /** Who brought it: told when it turns out later to be no good. */
  from: string
}

/**
 * Every valid entry that this peer keeps, whoever may or may not write: what counts is the view's to say. What is in
 * the set does not depend on the order of arrival, as long as no quota is full (docs/adr/0025).
 */
export class EntrySet {
  readonly refusals = new Refusals()
  readonly #keys = new OrderedKeys()
  readonly #held = new Map<EntryId, Held>()
  readonly #things = new Map<string, Held[]>()
  /** Grant id -> entries that came before their grant. */
  readonly #ungranted = new Map<EntryId, Held[]>()
  readonly #quotas = new Quotas()
  readonly #isKnownOwner: (owner: string) => boolean
  readonly #foreignLimit: number

  /** `isKnownOwner` (hex of the key): own, followed, members of the swarm. The others share one small quota. */
  constructor(isKnownOwner: (owner: string) => boolean = () => true, foreignLimit: number = MAX_FOREIGN_ENTRIES) {
    this.#isKnownOwner = isKnownOwner
    this.#foreignLimit = foreignLimit
  }

  get size(): number {
    return this.#held.size
  }

  has(id: EntryId): boolean {
    return this.#held.has(id)
  }

  get(id: EntryId): Entry | undefined {
    return this.#held.get(id)?.entry
  }

  /** In the order of their keys: grants and revocations first. */
  *entries(): Generator<Entry> {
    for (const key of this.keysIn({ lower: '', upper: undefined })) yield this.#held.get(idOfKey(key))?.entry as Entry
  }

  keysIn(range: KeyRange): Generator<EntryKey> {
    return this.#keys.keys(range)
  }

  summary(range: KeyRange): RangeSummary {
    return this.#keys.summary(range)
  }

  split(range: KeyRange, parts: number): KeyRange[] {
    return this.#keys.split(range, parts)
  }

  /** Verifies and keeps an entry; `from` is whom a refusal is counted against. Takes a copy of the bytes. */
  add(bytes: Uint8Array, from: string): AddResult {
    try {
      const known = this.#held.get(toHex(entryIdOf(bytes)))
      if (known !== undefined) return { outcome: 'known', entry: known.entry }
      const entry = decodeEntry(Uint8Array.from(bytes))
      return { outcome: 'added', entry, removed: this.#admit(entry, from) }
    } catch (error) {
      const { code, message } = toGlasError(error)
      this.refusals.count(from, code)
      return { outcome: 'refused', code, message }
    }
  }

  /** Keeps an entry that was in this set before, as its journal says: it is not verified again, and no quota asked. */
  restore(bytes: Uint8Array): void {
    const entry = readKnownEntry(bytes)
    if (this.#held.has(toHex(entry.id))) return
    try {
      this.#admit(entry, undefined)
    } catch (error) {
      if (!(error instanceof GlasError)) throw error // it lost its place before, and does so again
    }
  }

  /**
   * The glases of unknown owners, once their quota is full: no use in asking for more of them. Empty until then.
   */
  unwantedGlases(): Set<GlasId> {
    const unwanted = new Set<GlasId>()
    if (this.#foreignQuota.count < this.#foreignLimit) return unwanted
    for (const { entry } of this.#held.values()) {
      const { body } = entry
      if (isGlasEntry(body) && !this.#isKnownOwner(toHex(body.owner))) unwanted.add(body.glasId)
    }
    return unwanted
  }

  /** Without a sender it comes from our own journal, and quotas are not asked. Gives what had to go. */
  #admit(entry: Entry, from: string | undefined): Entry[] {
    const { body } = entry
    const grant = isGlasEntry(body) ? this.get(toHex(body.grant)) : undefined
    if (isGlasEntry(body) && grant !== undefined && !grantFits(grant.body, body)) {
      throw new GlasError('NotAllowed', 'The entry is for a glas that its writer was given no grant for.')
    }
    const id = toHex(entry.id)
    const key = entryKey(isGlasEntry(body) ? body.glasId : NO_GLAS, entry.id)
    const quotas = this.#quotasOf(entry, grant !== undefined)
    const held: Held = { id, key, entry, thing: isGlasEntry(body) ? thingOf(body) : '', quotas, from: from ?? '' }
    const removed = this.#makePlace(held)
    if (from !== undefined) for (const quota of held.quotas) requireRoom(quota)
    this.#insert(held, grant !== undefined)
    for (const lost of removed) this.#remove(lost)
    if (body.kind === 'grant') removed.push(...this.#settle(held))
    return removed.map((lost) => lost.entry)
  }

  #quotasOf(entry: Entry, isGranted: boolean): Quota[] {
    const quota = quotaOf(this.#quotas, entry.body, isGranted)
    if (this.#isKnownOwner(toHex(entry.body.owner))) return [quota]
    return [quota, this.#foreignQuota]
  }

  get #foreignQuota(): Quota {
    return this.#quotas.get(FOREIGN, this.#foreignLimit)
  }

  /** The entry that must go for `held` to come; throws when it is `held` that has no place. */
  #makePlace(held: Held): Held[] {
    const rivals = held.thing === '' ? undefined : this.#things.get(held.thing)
    if (rivals === undefined || rivals.length < MAX_ENTRIES_PER_THING) return []
    const worst = [...rivals, held].sort(byRank).at(-1) as Held
    if (worst === held) {
      throw new GlasError('LimitExceeded', 'Its writer has said too much of this one thing already.', {
        data: { limit: MAX_ENTRIES_PER_THING, unit: 'entries' },
      })
    }
    return [worst]
  }

  #insert(held: Held, isGranted: boolean): void {
    const { body } = held.entry
    this.#held.set(held.id, held)
    this.#keys.add(held.key)
    for (const quota of held.quotas) this.#quotas.take(quota)
    if (!isGlasEntry(body)) return
    addTo(this.#things, held.thing, held)
    if (!isGranted) addTo(this.#ungranted, toHex(body.grant), held)
  }

  #remove(held: Held): void {
    const { body } = held.entry
    this.#held.delete(held.id)
    this.#keys.delete(held.key)
    for (const quota of held.quotas) this.#quotas.giveBack(quota)
    if (!isGlasEntry(body)) return
    removeFrom(this.#things, held.thing, held)
    removeFrom(this.#ungranted, toHex(body.grant), held)
  }

  /** The grant that some entries waited for has come: they count against its quota, or were never under it. */
  #settle(grant: Held): Held[] {
    const waiting = this.#ungranted.get(grant.id) ?? []
    this.#ungranted.delete(grant.id)
    const misfits = waiting.filter(({ entry }) => !grantFits(grant.entry.body, entry.body as GlasEntry))
    for (const held of waiting) {
      for (const quota of held.quotas) this.#quotas.giveBack(quota)
      held.quotas = this.#quotasOf(held.entry, true)
      for (const quota of held.quotas) this.#quotas.take(quota)
    }
    for (const held of misfits) {
      this.#remove(held)
      this.refusals.count(held.from, 'NotAllowed')
    }
    return misfits
  }
}

function requireRoom({ name, limit, count }: Quota): void {
  if (count < limit) return
  throw new GlasError('LimitExceeded', `No more entries of this kind are kept (${name}: ${limit}).`, {
    data: { limit, value: count, unit: 'entries' },
  })
}

function byRank(a: Held, b: Held): number {
  return byNewest(rankOf(a), rankOf(b))
}

function rankOf({ id, entry }: Held): { sequence: number; own: boolean; id: string } {
  return { sequence: (entry.body as GlasEntry).sequence, own: false, id }
}

function addTo(groups: Map<string, Held[]>, name: string, held: Held): void {
  const group = groups.get(name)
  if (group === undefined) groups.set(name, [held])
  else group.push(held)
}

function removeFrom(groups: Map<string, Held[]>, name: string, held: Held): void {
  const group = groups.get(name)
  if (group === undefined) return
  const rest = group.filter((other) => other !== held)
  if (rest.length === 0) groups.delete(name)
  else groups.set(name, rest)
}
