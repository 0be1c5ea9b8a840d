/**
 * A sequence of records that lasts: log files of one sub-folder, of which the ledger says how much counts. Each
 * writer appends to a log of its own epoch; the earlier ones are read only, until `rewrite` puts one in their place.
 */
import { join } from 'node:path'
import type { FileLayer } from './files.ts'
import type { Ledger } from './ledger.ts'
import type { LogWriter } from './log.ts'
import { createLog, readLog } from './log.ts'
import type { Manifest } from './manifest.ts'

const LOG_ENDING = 'log'

interface NamedLog {
  name: string
  log: LogWriter
}

export class Journal {
  readonly #ledger: Ledger
  readonly #kind: string
  /** A promise, so that appends that come at once share one log. */
  #writer: Promise<NamedLog> | undefined

  /** `kind` is the sub-folder, which the ledger was opened with. */
  constructor(ledger: Ledger, kind: string) {
    this.#ledger = ledger
    this.#kind = kind
  }

  /** All acknowledged records, oldest first. Throws BadPack where a log is damaged. */
  records(): AsyncGenerator<Uint8Array, void> {
    return readRecords(this.#ledger.layer, this.#ledger.folder, this.#ledger.files, this.#kind)
  }

  /** The acknowledged log files: many of them are a reason to `rewrite`. */
  get fileCount(): number {
    return namesOf(this.#ledger.files, this.#kind).length
  }

  /** In memory until `flush` and the ledger's `commit`. */
  async append(payload: Uint8Array): Promise<void> {
    const { log } = await this.#openWriter()
    log.append(payload)
  }

  /** Syncs what was appended and stages it: the ledger's next commit acknowledges it. */
  async flush(): Promise<void> {
    if (this.#writer === undefined) return
    const { name, log } = await this.#writer
    this.#ledger.stage(name, await log.flush())
  }

  /**
   * Stages a log of exactly these records in place of all earlier ones, which the ledger's next commit deletes. Must
   * not overlap with `append` and `flush`.
   */
  async rewrite(payloads: Iterable<Uint8Array>): Promise<void> {
    const old = new Set(namesOf(this.#ledger.files, this.#kind))
    const writer = await this.#writer
    if (writer !== undefined) {
      old.add(writer.name)
      await writer.log.close()
    }
    this.#writer = undefined
    const { log } = await this.#openWriter()
    for (const payload of payloads) log.append(payload)
    await this.flush()
    for (const name of old) this.#ledger.drop(name)
  }

  async #openWriter(): Promise<NamedLog> {
    this.#writer ??= this.#newWriter()
    try {
      return await this.#writer
    } catch (error) {
      this.#writer = undefined
      throw error
    }
  }

  async #newWriter(): Promise<NamedLog> {
    const name = this.#ledger.newName(this.#kind, LOG_ENDING)
    const log = await createLog(this.#ledger.layer, this.#ledger.pathOf(name))
    await this.#ledger.layer.syncDirectory(join(this.#ledger.folder, this.#kind))
    return { name, log }
  }

  async close(): Promise<void> {
    const writer = await this.#writer?.catch(() => undefined)
    this.#writer = undefined
    await writer?.log.close()
  }
}

/** The records that a manifest acknowledges, for a reader that holds no ledger. */
export function readJournal(
  layer: FileLayer,
  folder: string,
  manifest: Manifest,
  kind: string,
): AsyncGenerator<Uint8Array, void> {
  return readRecords(layer, folder, manifest.files, kind)
}

async function* readRecords(
  layer: FileLayer,
  folder: string,
  files: ReadonlyMap<string, number>,
  kind: string,
): AsyncGenerator<Uint8Array, void> {
  for (const name of namesOf(files, kind)) yield* readLog(layer, join(folder, name), files.get(name) ?? 0)
}

function namesOf(files: ReadonlyMap<string, number>, kind: string): string[] {
  return [...files.keys()].filter((name) => name.startsWith(`${kind}/`))
}
