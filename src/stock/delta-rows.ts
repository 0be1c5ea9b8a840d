/** The part of the catalogue that knows deltas: where each one's frame lies, and which blocks are derived of it. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { CID } from 'multiformats/cid'
import { digestOf } from './cid.ts'
import type { DerivedBlock } from './delta-frame.ts'

export const DELTA_SCHEMA = `
  CREATE TABLE deltas (
    id INTEGER PRIMARY KEY, root BLOB NOT NULL UNIQUE, base BLOB NOT NULL, pack INTEGER NOT NULL,
    offset INTEGER NOT NULL, stored INTEGER NOT NULL, size INTEGER NOT NULL, leaf INTEGER NOT NULL
  );
  CREATE TABLE derived (
    digest BLOB NOT NULL, delta INTEGER NOT NULL, code INTEGER NOT NULL, position INTEGER NOT NULL, raw INTEGER NOT NULL,
    PRIMARY KEY (digest, delta)
  ) WITHOUT ROWID;
  CREATE INDEX derived_of ON derived (delta);
  CREATE TABLE plain (root BLOB PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID;`

/** Where a delta lies, and what it makes of what. */
export interface DeltaPlace {
  root: CID
  base: CID
  pack: string
  offset: number
  storedLength: number
  sizeBytes: number
  leafBytes: number
}

export interface DerivedPlace extends Omit<DerivedBlock, 'digest'> {
  delta: DeltaPlace
}

/** What stands on one base, in stored bytes. */
export interface BaseUse {
  deltas: number
  totalBytes: number
  smallestBytes: number
}

interface DeltaRow {
  root: Uint8Array
  base: Uint8Array
  name: string
  offset: number
  stored: number
  size: number
  leaf: number
}

const COLUMNS = 'root, base, name, offset, stored, size, leaf'
const JOINED = 'deltas JOIN packs ON packs.id = deltas.pack'

export class DeltaRows {
  readonly #database: DatabaseSync
  readonly #find: StatementSync

  constructor(database: DatabaseSync) {
    this.#database = database
    // The newest delta first: its image is the likeliest to lie rebuilt on the disk.
    this.#find = database.prepare(
      `SELECT code, position, raw, ${COLUMNS} FROM derived JOIN deltas ON deltas.id = derived.delta
       JOIN packs ON packs.id = deltas.pack WHERE digest = ? ORDER BY deltas.id DESC LIMIT 1`,
    )
  }

  find(digest: Uint8Array): DerivedPlace | undefined {
    const row = this.#find.get(digest)
    if (row === undefined) return undefined
    const delta = placeOf(row as unknown as DeltaRow)
    return { delta, code: Number(row.code), position: Number(row.position), rawLength: Number(row.raw) }
  }

  /** The delta that makes this file; undefined for one that is kept as blocks, or not here. */
  ofRoot(root: CID): DeltaPlace | undefined {
    const row = this.#database.prepare(`SELECT ${COLUMNS} FROM ${JOINED} WHERE root = ?`).get(root.bytes)
    return row === undefined ? undefined : placeOf(row as unknown as DeltaRow)
  }

  all(): DeltaPlace[] {
    const rows = this.#database.prepare(`SELECT ${COLUMNS} FROM ${JOINED} ORDER BY deltas.id`).all()
    return rows.map((row) => placeOf(row as unknown as DeltaRow))
  }

  inPack(pack: string): DeltaPlace[] {
    const rows = this.#database.prepare(`SELECT ${COLUMNS} FROM ${JOINED} WHERE name = ? ORDER BY offset`).all(pack)
    return rows.map((row) => placeOf(row as unknown as DeltaRow))
  }

  /** Digests of what is derived of one delta. */
  blocksOf(root: CID): Array<{ digest: Uint8Array; code: number }> {
    const rows = this.#database
      .prepare(
        'SELECT digest, code FROM derived WHERE delta = (SELECT id FROM deltas WHERE root = ?) ORDER BY position',
      )
      .all(root.bytes)
    return rows.map(({ digest, code }) => ({ digest: digest as Uint8Array, code: Number(code) }))
  }

  /** What is derived and not stored, each block once for each delta that it is derived of. */
  *derived(): Generator<{ digest: Uint8Array; code: number; root: CID }, void> {
    const rows = this.#database.prepare(
      `SELECT derived.digest, derived.code, root FROM derived JOIN deltas ON deltas.id = derived.delta
       LEFT JOIN blocks ON blocks.digest = derived.digest WHERE blocks.digest IS NULL ORDER BY deltas.id`,
    )
    for (const { digest, code, root } of rows.iterate()) {
      yield { digest: digest as Uint8Array, code: Number(code), root: CID.decode(root as Uint8Array) }
    }
  }

  use(base: CID): BaseUse {
    const row = this.#database
      .prepare(
        'SELECT count(*) AS n, ifnull(sum(stored), 0) AS sum, ifnull(min(stored), 0) AS least FROM deltas WHERE base = ?',
      )
      .get(base.bytes)
    return { deltas: Number(row?.n), totalBytes: Number(row?.sum), smallestBytes: Number(row?.least) }
  }

  totals(): { deltas: number; deltaBytes: number; derivedBlocks: number; derivedBytes: number } {
    const deltas = this.#database.prepare('SELECT count(*) AS n, ifnull(sum(stored), 0) AS sum FROM deltas').get()
    const derived = this.#database
      .prepare(
        `SELECT count(*) AS n, ifnull(sum(raw), 0) AS sum FROM (SELECT DISTINCT digest, raw FROM derived)
         WHERE digest NOT IN (SELECT digest FROM blocks)`,
      )
      .get()
    return {
      deltas: Number(deltas?.n),
      deltaBytes: Number(deltas?.sum),
      derivedBlocks: Number(derived?.n),
      derivedBytes: Number(derived?.sum),
    }
  }

  /** Within a transaction of the catalogue. Of two deltas of one image the later one counts. */
  record(place: DeltaPlace, pack: number, blocks: readonly DerivedBlock[]): void {
    const { root, base, offset, storedLength, sizeBytes, leafBytes } = place
    const row = this.#database
      .prepare(
        `INSERT INTO deltas (root, base, pack, offset, stored, size, leaf) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (root) DO UPDATE SET base = excluded.base, pack = excluded.pack, offset = excluded.offset,
         stored = excluded.stored RETURNING id`,
      )
      .get(root.bytes, base.bytes, pack, offset, storedLength, sizeBytes, leafBytes)
    const insert = this.#database.prepare('INSERT OR IGNORE INTO derived VALUES (?, ?, ?, ?, ?)')
    for (const { digest, code, position, rawLength } of blocks) {
      insert.run(digest, Number(row?.id), code, position, rawLength)
    }
    this.#database.prepare('DELETE FROM plain WHERE root = ?').run(digestOf(root))
  }

  /** Within a transaction. Nothing is derived of it any more. */
  remove(root: CID): void {
    this.#database.prepare('DELETE FROM derived WHERE delta = (SELECT id FROM deltas WHERE root = ?)').run(root.bytes)
    this.#database.prepare('DELETE FROM deltas WHERE root = ?').run(root.bytes)
  }

  /** Why an image is kept as blocks: a note, gone when the catalogue is made anew. */
  notePlain(root: CID, reason: string): void {
    this.#database.prepare('INSERT OR REPLACE INTO plain VALUES (?, ?)').run(digestOf(root), reason)
  }

  plainReason(root: CID): string | undefined {
    const row = this.#database.prepare('SELECT reason FROM plain WHERE root = ?').get(digestOf(root))
    return row === undefined ? undefined : String(row.reason)
  }
}

function placeOf({ root, base, name, offset, stored, size, leaf }: DeltaRow): DeltaPlace {
  return {
    root: CID.decode(root),
    base: CID.decode(base),
    pack: name,
    offset,
    storedLength: stored,
    sizeBytes: size,
    leafBytes: leaf,
  }
}
