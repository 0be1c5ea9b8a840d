import { join } from 'node:path'
import { type FileLayer, realFiles } from '../disk/files.ts'
import type { LockOptions } from '../disk/lock.ts'
import type { Entry } from '../glas/entry.ts'
import { GlasError } from '../glas/errors.ts'
import type { GlasId } from '../glas/glas-id.ts'
import type { Reference } from '../glas/reference.ts'
import type { Version } from '../glas/version.ts'
import type { Published } from './glas-view.ts'
import { type EntryJournal, openJournal, readEntries } from './journal.ts'
import { Session } from './reconcile.ts'
import { type IsNear, type Resolved, resolve } from './resolve.ts'
import { everythingBut, type Scope } from './scope.ts'
import { type Change, openSeen, type Seen } from './seen.ts'
import { type AddResult, EntrySet } from './set.ts'
import { View } from './view.ts'

export interface IndexOptions extends LockOptions {
  files?: FileLayer
  /** Whether this peer knows an owner (key in hex): own, followed, members of the swarm. All where not given. */
  isKnownOwner?: (owner: string) => boolean
}

/** What the next version of a glas builds on. */
export interface Head {
  /** The first of the latest version; undefined for a new glas, or when everything was retracted. */
  parent: Published | undefined
  /** More than one when the latest version is a fork. The parent is among them. */
  heads: Published[]
  /** The highest number in use, retracted or not. */
  highest: Version | undefined
  sequence: number
}

/** The names of this peer: which versions there are of which glas, and which record each is. */
export class Index {
  readonly set: EntrySet
  readonly view = new View()
  readonly #journal: EntryJournal | undefined
  readonly #seen: Seen
  readonly #listeners = new Set<(entries: Entry[]) => void>()

  /** Without a journal it is read only. */
  constructor(set: EntrySet, seen: Seen, journal: EntryJournal | undefined) {
    this.set = set
    this.#seen = seen
    this.#journal = journal
    for (const entry of set.entries()) this.view.include(entry)
  }

  /**
   * Verifies, keeps and writes down entries. When it returns, those that were added last; one result an entry. `from`
   * is the peer that brought them, against whom refusals are counted.
   */
  async add(entries: readonly Uint8Array[], from: string): Promise<AddResult[]> {
    if (this.#journal === undefined) throw new GlasError('Internal', 'This index was opened for reading alone.')
    const results = entries.map((bytes) => this.set.add(bytes, from))
    const added: Entry[] = []
    for (const result of results) {
      if (result.outcome !== 'added') continue
      this.view.include(result.entry)
      for (const entry of result.removed) this.view.exclude(entry)
      added.push(result.entry)
    }
    await this.#journal.append(added.map(({ bytes }) => bytes))
    if (added.length > 0) for (const listener of this.#listeners) listener(added)
    return results
  }

  /** Calls `listener` with entries that were added, once they last. Gives the function that ends it. */
  listen(listener: (entries: Entry[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Throws NameNotFound or AmbiguousName. */
  resolve(reference: Reference, isNear: IsNear): Resolved {
    return resolve(this.view, reference, isNear)
  }

  headOf(glasId: GlasId): Head {
    const glas = this.view.glas(glasId)
    const heads = (glas?.latest?.published ?? []).filter(({ retracted }) => !retracted)
    return { parent: heads[0], heads, highest: glas?.highest, sequence: this.view.nextSequence(glasId) }
  }

  /** Remembers that a version was shown or pulled as it is now; tells when it was something else, or less, before. */
  show(glasId: GlasId, version: Version): Change | undefined {
    const published = this.view.glas(glasId)?.version(version)?.published ?? []
    const records = published.filter(({ retracted }) => !retracted).map(({ record }) => record)
    return this.#seen.show(glasId, version, records)
  }

  /** What to ask other peers for. */
  get scope(): Scope {
    return everythingBut(this.set.unwantedGlases())
  }

  /** A conversation in which two peers tell each other what they lack. What is received is the caller's to `add`. */
  session(role: 'first' | 'second', scope: Scope = this.scope): Session {
    return new Session(this.set, role, scope)
  }

  async close(): Promise<void> {
    if (this.#journal === undefined) return
    try {
      await this.#seen.save()
    } finally {
      await this.#journal.close()
    }
  }
}

/** Opens the index as its one writer; makes it when there is none. Throws StoreLocked, or BadPack when it is damaged. */
export async function openIndex(folder: string, options: IndexOptions = {}): Promise<Index> {
  const { files = realFiles, isKnownOwner, ...lock } = options
  const journal = await openJournal(files, folder, lock)
  try {
    const set = new EntrySet(isKnownOwner)
    for await (const bytes of journal.entries()) set.restore(bytes)
    if (journal.isScattered) await journal.rewrite(bytesOf(set))
    return new Index(set, await openSeen(files, seenPath(folder)), journal)
  } catch (error) {
    await journal.close()
    throw error
  }
}

/** Reads the index beside its writer, as it is now. */
export async function readIndex(folder: string, options: IndexOptions = {}): Promise<Index> {
  const { files = realFiles, isKnownOwner } = options
  const set = new EntrySet(isKnownOwner)
  for (const bytes of await readEntries(files, folder)) set.restore(bytes)
  return new Index(set, await openSeen(files, seenPath(folder)), undefined)
}

function seenPath(folder: string): string {
  return join(folder, 'seen.json')
}

function* bytesOf(set: EntrySet): Generator<Uint8Array> {
  for (const { bytes } of set.entries()) yield bytes
}
