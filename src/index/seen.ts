import { CID } from 'multiformats/cid'
import { writeFileAtomic } from '../disk/atomic.ts'
import { type FileLayer, readSmallFile } from '../disk/files.ts'
import type { GlasId } from '../glas/glas-id.ts'
import { type Version, versionText } from '../glas/version.ts'

/** Versions that are remembered; of more, those shown longest ago are forgotten. About 3 MB of text. */
const MAX_SEEN_VERSIONS = 20_000
/** Records under one version: a fork of more is remembered in part. */
const MAX_SEEN_RECORDS = 8
const MAX_SEEN_FILE_BYTES = 32 * 1024 * 1024
const FORMAT = 1

/** What is under a version now that was shown or pulled before. */
export interface Change {
  glasId: GlasId
  version: Version
  /** What it meant when it was last seen, and what it means now: perhaps the same, with a fork beside it. */
  before: CID
  now: CID
  /** Snapshots that were not there then. */
  fresh: CID[]
}

/**
 * Which records were shown or pulled under `glas@version`, so that a name never changes its meaning silently. A small
 * file of its own: losing it loses warnings, no data, so one that cannot be read counts as empty.
 */
export class Seen {
  readonly #files: FileLayer
  readonly #path: string
  /** `glas@version` -> records, the one that it meant last first. Order: shown longest ago first. */
  readonly #records: Map<string, string[]>
  #isChanged = false

  constructor(files: FileLayer, path: string, records: Map<string, string[]>) {
    this.#files = files
    this.#path = path
    this.#records = records
  }

  /** Remembers what `glas@version` means now (the first record) and what else is under it; tells what is new there. */
  show(glasId: GlasId, version: Version, records: readonly CID[]): Change | undefined {
    const name = `${glasId}@${versionText(version)}`
    const before = this.#records.get(name)
    const now = records.slice(0, MAX_SEEN_RECORDS).map(String)
    this.#records.delete(name)
    this.#records.set(name, now)
    if (before?.join() !== now.join()) this.#isChanged = true
    this.#forgetOldest()
    const [was] = before ?? []
    const [is] = now
    const fresh = now.filter((record) => !before?.includes(record))
    if (was === undefined || is === undefined || (was === is && fresh.length === 0)) return undefined
    return { glasId, version, before: CID.parse(was), now: CID.parse(is), fresh: fresh.map((text) => CID.parse(text)) }
  }

  #forgetOldest(): void {
    if (this.#records.size <= MAX_SEEN_VERSIONS) return
    const [oldest] = this.#records.keys()
    if (oldest !== undefined) this.#records.delete(oldest)
  }

  /** Writes the file when something was seen that is not in it. */
  async save(): Promise<void> {
    if (!this.#isChanged) return
    this.#isChanged = false
    const text = JSON.stringify({ format: FORMAT, seen: Object.fromEntries(this.#records) })
    await writeFileAtomic(this.#files, this.#path, Buffer.from(`${text}\n`))
  }
}

export async function openSeen(files: FileLayer, path: string): Promise<Seen> {
  try {
    const bytes = await readSmallFile(files, path, MAX_SEEN_FILE_BYTES)
    return new Seen(files, path, bytes === undefined ? new Map() : recordsIn(bytes))
  } catch {
    return new Seen(files, path, new Map())
  }
}

function recordsIn(bytes: Uint8Array): Map<string, string[]> {
  const { format, seen } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { format: unknown; seen: object }
  const records = new Map<string, string[]>()
  if (format !== FORMAT) return records
  for (const [name, list] of Object.entries(seen)) {
    if (Array.isArray(list) && list.every(isRecord)) records.set(name, list)
  }
  return records
}

function isRecord(text: unknown): boolean {
  try {
    return typeof text === 'string' && CID.parse(text).version === 1
  } catch {
    return false
  }
}
