/**
 * The writer's side of the manifest: one writer takes an *epoch* of a folder and from then on replaces its own
 * `manifest.<epoch>` by rename. Whoever takes a higher epoch fences it out. Three rules make that safe:
 *
 * - An epoch is taken with link(2), which fails for all but one, and *before* the manifest below it is read.
 * - A commit counts only if, after its rename, there is still no higher epoch. So either the new owner has read that
 *   manifest, or the old one is told StoreLocked and has acknowledged nothing.
 * - Names of files carry the epoch of their writer, and a file is only ever appended to in its own epoch. So what a
 *   fenced writer still does lands in files or behind marks that the new owner does not read.
 *
 * The lock (lock.ts) keeps writers from meeting at all; the epoch keeps the data right when it fails, for instance
 * because a machine slept through its lease. A network file system may show us a directory that is some seconds old:
 * another host's lock counts as stale only after far longer than that (STALE_AFTER_MS).
 */
import { join } from 'node:path'
import { GlasError } from '../glas/errors.ts'
import { writeFileAtomic, writeSibling } from './atomic.ts'
import type { FileLayer } from './files.ts'
import { ensureDirectory, hasErrno, removeIfThere } from './files.ts'
import { GroupRun } from './group-run.ts'
import { encodeManifest, epochOfFile, listEpochs, manifestPath, readManifest } from './manifest.ts'

/** Every failed try means that another writer took an epoch at that moment. */
const MAX_CLAIM_TRIES = 100

export class Ledger {
  readonly epoch: number
  readonly folder: string
  readonly layer: FileLayer
  /** What the next commit will acknowledge. */
  readonly #staged: Map<string, number>
  #committed: Map<string, number>
  #removed: string[] = []
  #lastNumber = 0
  readonly #commits = new GroupRun(() => this.#commitNow())

  constructor(layer: FileLayer, folder: string, epoch: number, sizes: Map<string, number>) {
    this.layer = layer
    this.folder = folder
    this.epoch = epoch
    this.#staged = new Map(sizes)
    this.#committed = new Map(sizes)
  }

  /** The files that count, with their acknowledged bytes, in the order in which they were first acknowledged. */
  get files(): ReadonlyMap<string, number> {
    return this.#committed
  }

  pathOf(name: string): string {
    return join(this.folder, name)
  }

  /** A name that no file ever had, such as `packs/7-1.pack`. `kind` and `ending` are lower-case words. */
  newName(kind: string, ending: string): string {
    return `${kind}/${this.epoch}-${++this.#lastNumber}.${ending}`
  }

  /** Says that so many bytes of the file are synced, and its name as well; acknowledged by the next commit. */
  stage(name: string, syncedBytes: number): void {
    this.#staged.set(name, syncedBytes)
  }

  /** Takes the file out with the next commit, which deletes it, also when it was never staged. */
  drop(name: string): void {
    this.#staged.delete(name)
    this.#removed.push(name)
  }

  /**
   * Acknowledges all that was staged and dropped before the call. Calls that come while one is running share the next
   * one. Throws StoreLocked when another writer has taken over: then nothing of it is acknowledged, ever.
   */
  commit(): Promise<void> {
    return this.#commits.run()
  }

  async #commitNow(): Promise<void> {
    const sizes = new Map(this.#staged)
    const removed = this.#removed
    this.#removed = []
    try {
      await this.checkOwner()
      await writeManifest(this.layer, this.folder, this.epoch, sizes)
      await this.checkOwner()
    } catch (error) {
      this.#removed = [...removed, ...this.#removed]
      // A new owner clears away what we were about to rename: that it is there says more than ENOENT.
      await this.checkOwner()
      throw error
    }
    this.#committed = sizes
    for (const name of removed) await removeIfThere(this.layer, this.pathOf(name))
  }

  /** Throws StoreLocked when a higher epoch exists. */
  async checkOwner(): Promise<void> {
    const [highest] = await listEpochs(this.layer, this.folder)
    if (highest === this.epoch) return
    throw new GlasError(
      'StoreLocked',
      `Another process has taken over ${this.folder} (epoch ${highest}, ours is ${this.epoch}). Start again.`,
      { data: { folder: this.folder, epoch: this.epoch, highest } },
    )
  }

  /**
   * Clears what a crash left in the sub-folder: files of earlier epochs that do not count, and bytes behind the
   * acknowledged ones. Gives the bytes freed. Files of our own epoch and names that are not ours are left alone.
   */
  async cleanUp(kind: string): Promise<number> {
    let freedBytes = 0
    for (const entry of await this.layer.list(join(this.folder, kind))) {
      const epoch = epochOfFile(entry)
      if (epoch === undefined || epoch >= this.epoch) continue
      freedBytes += await this.#cleanFile(`${kind}/${entry}`)
    }
    return freedBytes
  }

  async #cleanFile(name: string): Promise<number> {
    const path = this.pathOf(name)
    const sizeBytes = (await this.layer.stat(path))?.sizeBytes ?? 0
    const acknowledgedBytes = this.#committed.get(name)
    if (acknowledgedBytes === undefined) {
      await removeIfThere(this.layer, path)
      return sizeBytes
    }
    if (sizeBytes <= acknowledgedBytes) return 0
    const file = await this.layer.open(path, 'change')
    try {
      await file.truncate(acknowledgedBytes)
    } finally {
      await file.close()
    }
    return sizeBytes - acknowledgedBytes
  }
}

async function writeManifest(
  layer: FileLayer,
  folder: string,
  epoch: number,
  sizes: Map<string, number>,
): Promise<void> {
  const bytes = encodeManifest({ epoch, claim: false, files: sizes })
  await writeFileAtomic(layer, manifestPath(folder, epoch), bytes)
}

/**
 * Takes the next epoch of the folder (made when it is not there, with the sub-folders `kinds`) and clears what a crash
 * left. Whoever wrote there before is fenced out from this moment on; take the lock first.
 */
export async function openLedger(layer: FileLayer, folder: string, kinds: readonly string[]): Promise<Ledger> {
  await ensureDirectory(layer, folder)
  for (const kind of kinds) await ensureDirectory(layer, join(folder, kind))
  const epoch = await claimEpoch(layer, folder)
  const base = await readManifest(layer, folder, epoch)
  const ledger = new Ledger(layer, folder, epoch, base?.files ?? new Map())
  await ledger.commit()
  await removeOlder(layer, folder, epoch)
  for (const kind of kinds) await ledger.cleanUp(kind)
  return ledger
}

async function claimEpoch(layer: FileLayer, folder: string): Promise<number> {
  for (let tries = 0; tries < MAX_CLAIM_TRIES; tries++) {
    const [highest = 0] = await listEpochs(layer, folder)
    const epoch = highest + 1
    if (!(await linkClaim(layer, folder, epoch))) continue
    // Old manifests get removed, so the name may have been free although later epochs exist.
    const [now] = await listEpochs(layer, folder)
    if (now === epoch) return epoch
  }
  throw new GlasError('StoreLocked', `Too many processes try to take over ${folder} at once. Try again.`, {
    retryable: true,
    data: { folder },
  })
}

async function linkClaim(layer: FileLayer, folder: string, epoch: number): Promise<boolean> {
  const path = manifestPath(folder, epoch)
  const sibling = await writeSibling(layer, path, encodeManifest({ epoch, claim: true, files: new Map() }))
  try {
    await layer.link(sibling, path)
    await layer.syncDirectory(folder)
    return true
  } catch (error) {
    // Another one has taken it, or a later epoch, and cleared ours away.
    if (hasErrno(error, 'EEXIST', 'ENOENT')) return false
    throw error
  } finally {
    await removeIfThere(layer, sibling)
  }
}

async function removeOlder(layer: FileLayer, folder: string, epoch: number): Promise<void> {
  for (const name of await layer.list(folder)) {
    const match = /^manifest\.([1-9][0-9]{0,14})(\..*\.new)?$/.exec(name)
    if (match !== null && Number(match[1]) < epoch) await removeIfThere(layer, join(folder, name))
  }
}
