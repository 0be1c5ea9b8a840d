import { ensureDirectory, type FileLayer, hasErrno } from '../disk/files.ts'
import { Journal, readJournal } from '../disk/journal.ts'
import { type Ledger, openLedger } from '../disk/ledger.ts'
import { acquireLock, type Lock, type LockOptions } from '../disk/lock.ts'
import { readManifest } from '../disk/manifest.ts'
import { toGlasError } from '../glas/errors.ts'

const KIND = 'entries'
/** Every writer begins a log of its own; so many make reading them slow, and they are put together. */
const MAX_LOG_FILES = 64
/** A live writer may put its logs together while we read them; each time there is a newer manifest to try. */
const MAX_READ_TRIES = 10

/**
 * The entries of this peer, on disk: an entry a record, in the order of arrival. Only what was verified is written and
 * the log has checksums, so nothing is verified again when it is read.
 */
export class EntryJournal {
  readonly #lock: Lock
  readonly #ledger: Ledger
  readonly #journal: Journal

  constructor(lock: Lock, ledger: Ledger) {
    this.#lock = lock
    this.#ledger = ledger
    this.#journal = new Journal(ledger, KIND)
  }

  entries(): AsyncGenerator<Uint8Array, void> {
    return this.#journal.records()
  }

  get isScattered(): boolean {
    return this.#journal.fileCount > MAX_LOG_FILES
  }

  /**
   * Once it returns, the entries survive a power failure. Calls that come together share their syncs. After an error
   * nothing is acknowledged, and what was appended is tried again with the next call. Throws StoreLocked when another
   * process has taken over.
   */
  async append(entries: readonly Uint8Array[]): Promise<void> {
    if (entries.length === 0) return
    for (const bytes of entries) await this.#journal.append(bytes)
    await this.#journal.flush()
    await this.#ledger.commit()
  }

  /** Keeps these entries alone, in one log. Nothing may be appended meanwhile. */
  async rewrite(entries: Iterable<Uint8Array>): Promise<void> {
    await this.#journal.rewrite(entries)
    await this.#ledger.commit()
  }

  async close(): Promise<void> {
    await this.#journal.close()
    await this.#lock.release()
  }
}

/** For the one writer. Throws StoreLocked when somebody else writes. The folder is made when it is not there. */
export async function openJournal(files: FileLayer, folder: string, options: LockOptions = {}): Promise<EntryJournal> {
  await ensureDirectory(files, folder)
  const lock = await acquireLock(files, folder, options)
  try {
    return new EntryJournal(lock, await openLedger(files, folder, [KIND]))
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** All acknowledged entries, read beside a writer that may be at work. None when there is no index yet. */
export async function readEntries(files: FileLayer, folder: string): Promise<Uint8Array[]> {
  for (let tries = 1; ; tries++) {
    try {
      const manifest = await readManifest(files, folder)
      if (manifest === undefined) return []
      return await Array.fromAsync(readJournal(files, folder, manifest, KIND))
    } catch (error) {
      if (tries >= MAX_READ_TRIES || !hasErrno(error, 'ENOENT')) throw toGlasError(error)
    }
  }
}
