/** The part of the catalogue that remembers files of image directories: which bytes they had when they looked so. */
import type { DatabaseSync } from 'node:sqlite'
import { CID } from 'multiformats/cid'

/** Some hundred bytes each. With more, the oldest knowledge is not worth finding out: all of it goes. */
const MAX_REMEMBERED_FILES = 1_000_000

export const FILES_SCHEMA = `
  CREATE TABLE files (
    path TEXT PRIMARY KEY, stamp TEXT NOT NULL, root BLOB NOT NULL, size INTEGER NOT NULL, total INTEGER NOT NULL,
    note TEXT NOT NULL
  ) WITHOUT ROWID;`

export interface RememberedFile {
  /** Absolute, on this host. */
  path: string
  /** Differs when the file was written, replaced, or would be read in another way. */
  stamp: string
  cid: CID
  sizeBytes: number
  totalBytes: number
  /** What else its reader wants to know again. */
  note: string
}

export class FileRows {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  find(path: string, stamp: string): RememberedFile | undefined {
    const query = 'SELECT root, size, total, note FROM files WHERE path = ? AND stamp = ?'
    const row = this.#database.prepare(query).get(path, stamp)
    if (row === undefined) return undefined
    const cid = CID.decode(row.root as Uint8Array)
    return { path, stamp, cid, sizeBytes: Number(row.size), totalBytes: Number(row.total), note: String(row.note) }
  }

  /** Inside a transaction of the caller's. */
  remember(files: Iterable<RememberedFile>): void {
    const count = Number(this.#database.prepare('SELECT count(*) AS files FROM files').get()?.files)
    if (count > MAX_REMEMBERED_FILES) this.#database.exec('DELETE FROM files')
    const insert = this.#database.prepare('INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)')
    for (const { path, stamp, cid, sizeBytes, totalBytes, note } of files) {
      insert.run(path, stamp, cid.bytes, sizeBytes, totalBytes, note)
    }
  }
}
