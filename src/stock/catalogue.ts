/**
 * Where each block lies: digest -> pack, offset, lengths, codec, in SQLite. It holds nothing that the packs do not say
 * and is thrown away whenever it does not fit them. It lies beside the packs but belongs to one host: SQLite's locks
 * and shared memory do not work between hosts on a network file system.
 *
 * A row of `packs` says up to which byte a pack is covered. Rows are written after the manifest, in one transaction a
 * commit, so a catalogue can lag behind and is then completed from the packs, but not run ahead.
 */
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { CID } from 'multiformats/cid'
import type { DerivedBlock } from './delta-frame.ts'
import { DELTA_SCHEMA, type DeltaPlace, DeltaRows } from './delta-rows.ts'
import { FILES_SCHEMA, FileRows, type RememberedFile } from './file-rows.ts'

/** Raise it when the schema changes: older catalogues are thrown away. */
const SCHEMA_VERSION = 3
/** Readers and the one writer do not wait for each other; this is for the moments of opening. The wait holds everything. */
const BUSY_TIMEOUT_MS = 2_000

const SCHEMA = `
  CREATE TABLE packs (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL);
  CREATE TABLE blocks (
    digest BLOB PRIMARY KEY, pack INTEGER NOT NULL, offset INTEGER NOT NULL,
    code INTEGER NOT NULL, codec INTEGER NOT NULL, raw INTEGER NOT NULL, stored INTEGER NOT NULL
  ) WITHOUT ROWID;${DELTA_SCHEMA}${FILES_SCHEMA}
  PRAGMA user_version = ${SCHEMA_VERSION};`

/** Where a block lies, and how. */
export interface Place {
  pack: string
  offset: number
  /** Codec of the CID that the block was stored under. */
  code: number
  /** CODEC_RAW or CODEC_ZSTD. */
  codec: number
  rawLength: number
  storedLength: number
}

interface BlockRow {
  digest: Uint8Array
  name: string
  offset: number
  code: number
  codec: number
  raw: number
  stored: number
}

export const IN_MEMORY = ':memory:'

export function cataloguePath(folder: string): string {
  return join(folder, `catalogue-${hostname().replaceAll(/[^A-Za-z0-9.-]/g, '_')}.sqlite`)
}

export class Catalogue {
  readonly #database: DatabaseSync
  readonly #find: StatementSync
  #packIds = new Map<string, number>()
  readonly deltas: DeltaRows
  readonly #files: FileRows

  constructor(database: DatabaseSync) {
    this.deltas = new DeltaRows(database)
    this.#files = new FileRows(database)
    this.#database = database
    this.#find = database.prepare(
      `SELECT digest, name, offset, code, codec, raw, stored
       FROM blocks JOIN packs ON packs.id = blocks.pack WHERE digest = ?`,
    )
  }

  /** Opens or makes the file; throws an error of SQLite for one that is damaged, locked for good or of another schema. */
  static async open(path: string, readOnly: boolean): Promise<Catalogue> {
    const { DatabaseSync } = await import('node:sqlite')
    const database = new DatabaseSync(path, { readOnly, timeout: BUSY_TIMEOUT_MS })
    try {
      const version = Number(database.prepare('PRAGMA user_version').get()?.user_version)
      if (!readOnly) {
        // Full durability is not needed, only order: after a power failure the last commits may be gone, no more.
        database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;')
        if (version === 0) database.exec(SCHEMA)
      }
      if (version !== SCHEMA_VERSION && (readOnly || version !== 0)) {
        throw new Error(`the catalogue has schema ${version}`)
      }
      return new Catalogue(database)
    } catch (error) {
      database.close()
      throw error
    }
  }

  find(digest: Uint8Array): Place | undefined {
    const row = this.#find.get(digest)
    return row === undefined ? undefined : placeOf(row as unknown as BlockRow)
  }

  /** Pack -> bytes of it whose blocks are here. */
  covered(): Map<string, number> {
    const rows = this.#database.prepare('SELECT name, bytes FROM packs').all()
    return new Map(rows.map((row) => [String(row.name), Number(row.bytes)]))
  }

  /** Every block, in no order. Nothing may be written while it is read. */
  *rows(): Generator<{ digest: Uint8Array; place: Place }, void> {
    const all = this.#database.prepare(
      `SELECT digest, name, offset, code, codec, raw, stored FROM blocks JOIN packs ON packs.id = blocks.pack`,
    )
    for (const row of all.iterate()) {
      const block = row as unknown as BlockRow
      yield { digest: block.digest, place: placeOf(block) }
    }
  }

  /** The blocks that lie in one pack, in the order in which they lie there. */
  blocksIn(pack: string): Array<{ digest: Uint8Array; place: Place }> {
    const some = this.#database.prepare(
      `SELECT digest, name, offset, code, codec, raw, stored
       FROM blocks JOIN packs ON packs.id = blocks.pack WHERE packs.name = ? ORDER BY offset`,
    )
    return some.all(pack).map((row) => {
      const block = row as unknown as BlockRow
      return { digest: block.digest, place: placeOf(block) }
    })
  }

  /** Blocks, derived ones too, and their bytes: as they are (`rawBytes`) and as they, or the deltas, lie in the packs. */
  totals(): { blocks: number; rawBytes: number; storedBytes: number; deltas: number; deltaBytes: number } {
    const row = this.#database
      .prepare('SELECT count(*) AS blocks, ifnull(sum(raw), 0) AS raw, ifnull(sum(stored), 0) AS stored FROM blocks')
      .get()
    const { deltas, deltaBytes, derivedBlocks, derivedBytes } = this.deltas.totals()
    return {
      blocks: Number(row?.blocks) + derivedBlocks,
      rawBytes: Number(row?.raw) + derivedBytes,
      storedBytes: Number(row?.stored) + deltaBytes,
      deltas,
      deltaBytes,
    }
  }

  /** Adds or moves blocks and says how far the packs are covered, all or nothing. */
  record(
    blocks: Iterable<[digest: Uint8Array, place: Place]>,
    covered: Iterable<[pack: string, bytes: number]>,
    deltas: Iterable<[place: DeltaPlace, blocks: readonly DerivedBlock[]]> = [],
  ): void {
    this.#transaction(() => {
      const cover = this.#database.prepare(
        'INSERT INTO packs (name, bytes) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes',
      )
      for (const [name, bytes] of covered) cover.run(name, bytes)
      const insert = this.#database.prepare('INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)')
      for (const [digest, place] of blocks) {
        const { offset, code, codec, rawLength, storedLength } = place
        insert.run(digest, this.#packId(place.pack), offset, code, codec, rawLength, storedLength)
      }
      for (const [place, derived] of deltas) this.deltas.record(place, this.#packId(place.pack), derived)
    })
  }

  /** Whether its bytes are here is another question. */
  rememberedFile(path: string, stamp: string): RememberedFile | undefined {
    return this.#files.find(path, stamp)
  }

  rememberFiles(files: Iterable<RememberedFile>): void {
    this.#transaction(() => this.#files.remember(files))
  }

  /** Takes blocks and deltas out: they are no longer in the stock, whatever the packs hold. */
  remove(digests: Iterable<Uint8Array>, deltas: Iterable<CID> = []): void {
    this.#transaction(() => {
      for (const root of deltas) this.deltas.remove(root)
      const remove = this.#database.prepare('DELETE FROM blocks WHERE digest = ?')
      for (const digest of digests) remove.run(digest)
    })
  }

  /** Forgets packs that hold no block any more. */
  removePacks(names: Iterable<string>): void {
    this.#transaction(() => {
      const remove = this.#database.prepare('DELETE FROM packs WHERE name = ?')
      for (const name of names) remove.run(name)
    })
    this.#packIds = new Map()
  }

  close(): void {
    this.#database.close()
  }

  #packId(name: string): number {
    const known = this.#packIds.get(name)
    if (known !== undefined) return known
    const id = Number(this.#database.prepare('SELECT id FROM packs WHERE name = ?').get(name)?.id)
    this.#packIds.set(name, id)
    return id
  }

  #transaction(work: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      work()
      this.#database.exec('COMMIT')
    } catch (error) {
      this.#packIds = new Map()
      this.#database.exec('ROLLBACK')
      throw error
    }
  }
}

function placeOf(row: BlockRow): Place {
  const { name, offset, code, codec, raw, stored } = row
  return { pack: name, offset, code, codec, rawLength: raw, storedLength: stored }
}
