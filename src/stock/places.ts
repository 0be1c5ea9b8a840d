/**
 * Finds blocks: in the catalogue, which is opened at the first question and brought in line with the packs, and among
 * those that were written since and are not in it yet.
 */
import type { CID } from 'multiformats/cid'
import { hasErrno, realFiles, removeIfThere } from '../disk/files.ts'
import { type Admission, admitDeltas, type FoundDelta } from './admit-deltas.ts'
import { Catalogue, IN_MEMORY, type Place } from './catalogue.ts'
import { digestOf, keyOf } from './cid.ts'
import { fits, uncovered } from './coverage.ts'
import { DeltaPlaces } from './delta-places.ts'
import type { RememberedFile } from './file-rows.ts'
import { FRAME_HEADER_BYTES, type FrameHeader } from './frame.ts'
import type { PackReader } from './pack.ts'
import { scanPack } from './pack.ts'

/** Rows that are written to the catalogue at once while it is rebuilt. */
const REBUILD_BATCH_ROWS = 10_000
/** A reader beside a writer that commits all the time gives up on sharing its catalogue after so many looks. */
const MAX_OPEN_TRIES = 3

export interface PackSource {
  /** The packs that count, with their acknowledged bytes. */
  packs(): ReadonlyMap<string, number>
  /** For readers: looks at the newest manifest. */
  refresh(): Promise<void>
  readonly readOnly: boolean
}

export class Places {
  readonly #reader: PackReader
  readonly #source: PackSource
  readonly #path: string
  readonly #recent = new Map<string, Place>()
  readonly deltas = new DeltaPlaces(() => this.catalogue)
  #opening: Promise<void> | undefined
  #open: Catalogue | undefined

  /** `path` is that of the catalogue, or IN_MEMORY. */
  constructor(reader: PackReader, source: PackSource, path: string) {
    this.#reader = reader
    this.#source = source
    this.#path = path
  }

  /** To be awaited before `find`, each time; costs nothing once the catalogue is open. */
  async ready(): Promise<void> {
    this.#opening ??= this.#source.readOnly ? this.#openToRead() : this.#openToWrite()
    // While one waits another may have it opened anew.
    for (let opening = this.#opening; ; opening = this.#opening) {
      await opening
      if (opening === this.#opening) return
    }
  }

  /** Whether the block is here, stored or derived. */
  knows(cid: CID): boolean {
    return this.find(cid) !== undefined || this.deltas.find(cid) !== undefined
  }

  /** Where a block is stored; undefined for one that is derived. */
  find(cid: CID): Place | undefined {
    return this.#recent.get(keyOf(cid)) ?? this.catalogue.find(digestOf(cid))
  }

  /** Blocks written and not yet in the catalogue. */
  get recentCount(): number {
    return this.#recent.size
  }

  /** Every block that is here when it is asked for, in no order; some may come twice. */
  *all(): Generator<{ digest: Uint8Array; code: number }, void> {
    const recent: Array<[string, { code: number }]> = [...this.#recent, ...this.deltas.recentBlocks()]
    for (const pack of this.catalogue.covered().keys()) {
      for (const { digest, place } of this.catalogue.blocksIn(pack)) yield { digest, code: place.code }
    }
    yield* [...this.catalogue.deltas.derived()]
    for (const [key, { code }] of recent) {
      const digest = Buffer.from(key, 'latin1')
      if (this.catalogue.find(digest) === undefined) yield { digest, code }
    }
  }

  /** Keeps the reason why an image is kept as blocks, as long as the catalogue lasts. */
  notePlain(root: CID, reason: string): void {
    try {
      this.catalogue.deltas.notePlain(root, reason)
    } catch {
      // It is worth nothing on a disk that is full.
    }
  }

  /** The same for files as they looked when they were read. */
  noteFiles(files: readonly RememberedFile[]): void {
    try {
      this.catalogue.rememberFiles(files)
    } catch {
      // They are read again.
    }
  }

  add(cid: CID, place: Place): void {
    this.#recent.set(keyOf(cid), place)
  }

  /** Only after `ready`. */
  get catalogue(): Catalogue {
    if (this.#open === undefined) throw new Error('the catalogue is not open')
    return this.#open
  }

  /** Takes what lies within the acknowledged bytes of these packs over into the catalogue. */
  async settle(acknowledged: ReadonlyMap<string, number>): Promise<void> {
    await this.ready()
    const settled = [...this.#recent].filter(([, place]) => endOf(place) <= (acknowledged.get(place.pack) ?? 0))
    const deltas = this.deltas.settled(acknowledged)
    try {
      this.catalogue.record(
        settled.map(([key, place]) => [Buffer.from(key, 'latin1'), place]),
        acknowledged,
        deltas.map(({ place, blocks }) => [place, blocks]),
      )
    } catch {
      // A catalogue that cannot be written (a full disk) may lag behind: the blocks stay findable here, and the next
      // process completes it from the packs.
      return
    }
    for (const [key, place] of settled) if (this.#recent.get(key) === place) this.#recent.delete(key)
    this.deltas.forget(deltas)
  }

  /** After a pack has vanished, or before everything is checked: looks again which packs there are, and into them. */
  async reopen(): Promise<void> {
    const before = this.#opening
    this.#opening = this.#reopenAfter(before)
    await this.#opening
  }

  async #reopenAfter(before: Promise<void> | undefined): Promise<void> {
    await before?.catch(() => {})
    this.#open?.close()
    this.#open = undefined
    if (this.#source.readOnly) {
      this.#recent.clear()
      this.deltas.clear()
      await this.#source.refresh()
      await this.#openToRead()
    } else {
      await this.#throwAway()
      await this.#openToWrite()
    }
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => {})
    this.#open?.close()
    this.#open = undefined
  }

  async #openToWrite(): Promise<void> {
    const catalogue = (await this.#openFitting()) ?? (await this.#openAnew())
    await this.#complete(catalogue)
    this.#open = catalogue
  }

  /** Takes what the packs hold beyond it over into a catalogue. It counts as covered when all of it is there. */
  async #complete(catalogue: Catalogue): Promise<void> {
    const found: FoundDelta[] = []
    const parts = uncovered(catalogue, this.#source.packs())
    for (const [name, from, to] of parts) found.push(...(await this.#cover(catalogue, name, from, to)))
    await this.#admit(found, {
      find: (cid) => catalogue.find(digestOf(cid)),
      isAdmitted: (root) => catalogue.deltas.ofRoot(root) !== undefined,
      admit: (place, blocks) => catalogue.record([], [], [[place, blocks]]),
    })
    catalogue.record(
      [],
      parts.map(([name, , to]) => [name, to]),
    )
  }

  async #admit(found: readonly FoundDelta[], to: Omit<Admission, 'reader'>): Promise<void> {
    try {
      await admitDeltas({ reader: this.#reader, ...to }, found)
    } catch (error) {
      if (this.#source.readOnly || !hasErrno(error, 'ENOENT')) throw error
    }
  }

  /** The catalogue as it lies there; undefined when it is none, or says something that the packs do not. */
  async #openFitting(): Promise<Catalogue | undefined> {
    if (this.#path === IN_MEMORY) return undefined
    let catalogue: Catalogue | undefined
    try {
      catalogue = await Catalogue.open(this.#path, this.#source.readOnly)
      if (fits(catalogue, this.#source.packs())) return catalogue
    } catch {
      // Whatever is wrong with it, it can be rebuilt.
    }
    catalogue?.close()
    return undefined
  }

  async #openAnew(): Promise<Catalogue> {
    try {
      await this.#throwAway()
      return await Catalogue.open(this.#path, false)
    } catch {
      // Some network file systems have no locks that SQLite could use: do without a file.
      return Catalogue.open(IN_MEMORY, false)
    }
  }

  async #throwAway(): Promise<void> {
    if (this.#path === IN_MEMORY) return
    for (const ending of ['', '-wal', '-shm', '-journal']) await removeIfThere(realFiles, this.#path + ending)
  }

  async #openToRead(): Promise<void> {
    for (let tries = 0; tries < MAX_OPEN_TRIES; tries++) {
      const shared = await this.#openFitting()
      try {
        const catalogue = shared ?? (await Catalogue.open(IN_MEMORY, false))
        if (shared === undefined) await this.#complete(catalogue)
        else await this.#completeBeside(catalogue)
        this.#open = catalogue
        return
      } catch (error) {
        if (!hasErrno(error, 'ENOENT') || tries + 1 === MAX_OPEN_TRIES) throw error
        this.#recent.clear()
        this.deltas.clear()
        await this.#source.refresh()
      }
    }
  }

  /** Adds what a catalogue lacks to what is kept in memory, and leaves the catalogue as it is. */
  async #completeBeside(catalogue: Catalogue): Promise<void> {
    const found: FoundDelta[] = []
    for (const [name, from, to] of uncovered(catalogue, this.#source.packs())) {
      for await (const frame of this.#scan(name, from, to)) {
        if ('storedLength' in frame) found.push(frame)
        else this.add(...frame)
      }
    }
    await this.#admit(found, {
      find: (cid) => this.#recent.get(keyOf(cid)) ?? catalogue.find(digestOf(cid)),
      isAdmitted: (root) => this.deltas.hasRecent(root) || catalogue.deltas.ofRoot(root) !== undefined,
      admit: (place, blocks) => this.deltas.add(place, blocks),
    })
  }

  /** Adds the blocks of a part of a pack, and gives the deltas in it. */
  async #cover(catalogue: Catalogue, name: string, from: number, to: number): Promise<FoundDelta[]> {
    const found: FoundDelta[] = []
    let batch: Array<[Uint8Array, Place]> = []
    catalogue.record([], [[name, from]])
    for await (const frame of this.#scan(name, from, to)) {
      if ('storedLength' in frame) found.push(frame)
      else batch.push([digestOf(frame[0]), frame[1]])
      if (batch.length < REBUILD_BATCH_ROWS) continue
      catalogue.record(batch, [])
      batch = []
    }
    catalogue.record(batch, [])
    return found
  }

  /** Blocks and deltas whose headers are good; `check` tells of the others. */
  async *#scan(name: string, from: number, to: number): AsyncGenerator<[CID, Place] | FoundDelta, void> {
    try {
      for await (const frame of scanPack(this.#reader, name, from, to)) {
        if (!('header' in frame)) continue
        const { offset, header } = frame
        if (header.kind === 'block') yield [header.cid, placeOfFrame(name, offset, header)]
        else yield { pack: name, offset, storedLength: header.storedLength }
      }
    } catch (error) {
      // For a reader the pack was swept meanwhile, and it looks again. For the writer it is lost, with its blocks.
      if (this.#source.readOnly || !hasErrno(error, 'ENOENT')) throw error
    }
  }
}

export function placeOfFrame(pack: string, offset: number, header: FrameHeader): Place {
  const { cid, codec, rawLength, storedLength } = header
  return { pack, offset, code: cid.code, codec, rawLength, storedLength }
}

export function endOf(place: Place): number {
  return place.offset + FRAME_HEADER_BYTES + place.storedLength
}
