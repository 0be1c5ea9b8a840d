import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../disk/atomic.ts'
import { readSmallFile, realFiles } from '../disk/files.ts'
import { GlasError } from '../glas/errors.ts'
import { MAX_TAP_MESSAGE_BYTES, parseTapMessage, type TapMessage } from './tap-message.ts'

/** A person has to look at each. */
const MAX_QUARANTINED = 32
/** From one address, so that no one fills it alone. */
const MAX_FROM_ONE_ADDRESS = 8
/** Four snapshots of the largest kind. */
const MAX_QUARANTINE_BYTES = 8 * 1024 ** 3
/** The first message of a Tap, and a few words. */
const MAX_NOTE_FILE_BYTES = 2 * MAX_TAP_MESSAGE_BYTES
const ITEM_ID_BYTES = 8

/** A snapshot that came without a token. What it says of itself nobody has proved. */
export interface Quarantined {
  id: string
  host: string
  path: string
  name: string
  imageId: string
  /** The address that it came from. */
  from: string
  /** Of the zip. */
  sizeBytes: number
  /** ISO 8601, UTC. */
  received: string
}

/**
 * Snapshots that wait until somebody accepts or refuses them: zips beside the spool, never in the stock, so they are in
 * no list, no index and no copy. `<id>.zip` is durable before `<id>.json` names it.
 */
export class Quarantine {
  readonly #folder: string
  readonly #onChange: () => void
  readonly #items: Map<string, Quarantined>
  /** Those that are on their way in count, too. */
  readonly #expected = new Set<Pick<Quarantined, 'from' | 'sizeBytes'>>()
  /** Ids of those that are being accepted. */
  readonly #held = new Set<string>()

  private constructor(folder: string, items: Quarantined[], onChange: () => void) {
    this.#folder = folder
    this.#items = new Map(items.map((item) => [item.id, item]))
    this.#onChange = onChange
  }

  /** Removes what a daemon that was killed has left half done. The folder must be this process's alone. */
  static async open(folder: string, onChange: () => void): Promise<Quarantine> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const items: Quarantined[] = []
    for (const name of await readdir(folder)) {
      const id = /^([0-9a-f]{16})\.json$/.exec(name)?.[1]
      const item = id === undefined ? undefined : await readItem(folder, id)
      if (item !== undefined) items.push(item)
    }
    const kept = new Set(items.flatMap(({ id }) => [`${id}.zip`, `${id}.json`]))
    for (const name of await readdir(folder)) if (!kept.has(name)) await rm(join(folder, name), { force: true })
    return new Quarantine(folder, items, onChange)
  }

  /** Those that came first come first. */
  list(): Quarantined[] {
    return [...this.#items.values()].sort((a, b) => (a.received < b.received ? -1 : 1))
  }

  /** Keeps room for one that begins to come; call what it gives when all of it has come, or nothing will. LimitExceeded. */
  expect(from: string, announcedBytes: number): () => void {
    const expected = { from, sizeBytes: announcedBytes }
    this.#requireRoom(expected)
    this.#expected.add(expected)
    return () => this.#expected.delete(expected)
  }

  #requireRoom({ from, sizeBytes }: Pick<Quarantined, 'from' | 'sizeBytes'>): void {
    const all = [...this.#items.values(), ...this.#expected]
    const bytes = all.reduce((sum, one) => sum + one.sizeBytes, sizeBytes)
    if (all.length >= MAX_QUARANTINED) throw full(MAX_QUARANTINED, 'snapshots')
    if (all.filter((one) => one.from === from).length >= MAX_FROM_ONE_ADDRESS) {
      throw full(MAX_FROM_ONE_ADDRESS, 'snapshots from one address')
    }
    if (bytes > MAX_QUARANTINE_BYTES) throw full(MAX_QUARANTINE_BYTES, 'bytes')
  }

  /**
   * Moves a whole zip in, which may be longer than was announced; it lasts when this returns. `arrived` is what `expect`
   * gave: its room becomes that of the zip. LimitExceeded.
   */
  async add(
    message: TapMessage,
    zip: string,
    { from, arrived }: { from: string; arrived: () => void },
  ): Promise<Quarantined> {
    const { size: sizeBytes } = await stat(zip)
    arrived()
    const release = this.expect(from, sizeBytes)
    try {
      return await this.#moveIn(message, zip, { from, sizeBytes })
    } finally {
      release()
    }
  }

  async #moveIn(
    { host, path, name, imageId }: TapMessage,
    zip: string,
    { from, sizeBytes }: { from: string; sizeBytes: number },
  ): Promise<Quarantined> {
    const id = randomBytes(ITEM_ID_BYTES).toString('hex')
    await sync(zip)
    await rename(zip, join(this.#folder, `${id}.zip`))
    await sync(this.#folder)
    const item = { id, host, path, name, imageId, from, sizeBytes, received: new Date().toISOString() }
    await writeFileAtomic(realFiles, join(this.#folder, `${id}.json`), Buffer.from(`${JSON.stringify(item)}\n`))
    this.#items.set(id, item)
    this.#onChange()
    return item
  }

  /** Until `release` is called nobody else accepts or refuses it. NameNotFound, NotAllowed while somebody else does. */
  hold(id: string): { item: Quarantined; zip: string; release: () => void } {
    const held = this.get(id)
    this.#held.add(id)
    return { ...held, release: () => void this.#held.delete(id) }
  }

  /** NameNotFound for one that is not there, NotAllowed while it is being accepted. */
  get(id: string): { item: Quarantined; zip: string } {
    const item = this.#items.get(id)
    if (item === undefined) {
      throw new GlasError('NameNotFound', `Nothing is called "${id}" in the quarantine. \`pintglas accept\` lists it.`)
    }
    if (this.#held.has(id)) throw new GlasError('NotAllowed', `"${id}" is being accepted just now.`)
    return { item, zip: join(this.#folder, `${id}.zip`) }
  }

  /** Lets it go: it was accepted and is a version now, or it was refused. */
  async remove(id: string): Promise<Quarantined> {
    const { item, zip } = this.get(id)
    this.#items.delete(id)
    await rm(join(this.#folder, `${id}.json`), { force: true })
    await rm(zip, { force: true })
    this.#onChange()
    return item
  }
}

/** Undefined for what a crash or a hand has made unreadable. */
async function readItem(folder: string, id: string): Promise<Quarantined | undefined> {
  try {
    const bytes = await readSmallFile(realFiles, join(folder, `${id}.json`), MAX_NOTE_FILE_BYTES)
    const text = Buffer.from(bytes ?? []).toString('utf8')
    const { from, received } = JSON.parse(text) as Partial<Quarantined>
    const { host, path, name, imageId } = parseTapMessage(JSON.stringify({ ...JSON.parse(text), action: 'beam' }))
    const { size: sizeBytes } = await stat(join(folder, `${id}.zip`))
    return { id, host, path, name, imageId, from: String(from), sizeBytes, received: String(received) }
  } catch {
    return undefined
  }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  await handle.sync().finally(() => handle.close())
}

function full(limit: number, unit: string): GlasError {
  const message = `The quarantine is full: at most ${limit} ${unit}. Accept or refuse some: \`pintglas accept\`.`
  return new GlasError('LimitExceeded', message, { data: { limit, unit } })
}
