/**
 * What keeps an interrupted pull from leaving a mess: a directory `.<name>.pintglas-<random>.placing` beside the staged
 * tree `.<name>.pintglas-<random>`, with a lock that says who is at it and a note that says how far it got.
 */
import { randomBytes } from 'node:crypto'
import { chmod, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { writeFileAtomic } from '../disk/atomic.ts'
import { hasErrno, readSmallFile, realFiles } from '../disk/files.ts'
import { acquireLock, type Lock } from '../disk/lock.ts'
import { GlasError, isGlasError } from '../glas/errors.ts'

/** Of the target's name, in the names that stand beside it for a while: they must fit NAME_MAX themselves. */
const MAX_NAME_PART_CHARS = 40
/** Old directories kept beside one name. */
const MAX_KEPT_OLD = 10_000
const MAX_NOTE_BYTES = 4096
/** A folder without a lock is one that somebody is just about to lock, or has just unlocked; older ones are left over. */
const UNLOCKED_FOR_MS = 60_000

const PLACING = /^(\..{0,200}\.pintglas-[0-9a-f]{16})\.placing$/s
const NOTE_NAME = 'note'

/** Names in one directory. `old` is null until all is staged and synced and an old target has to make room. */
interface Note {
  target: string
  old: string | null
  keepOld: boolean
}

export class Placing {
  /** The empty directory to fill; `swap` gives it the target's name. */
  readonly staging: string
  readonly #target: string
  readonly #folder: string
  readonly #lock: Lock

  private constructor(target: string, staging: string, lock: Lock) {
    this.#target = target
    this.staging = staging
    this.#folder = folderOf(staging)
    this.#lock = lock
  }

  /** Makes the staging directory beside `target`, an absolute path whose parent exists. */
  static async begin(target: string): Promise<Placing> {
    const name = basename(target).slice(0, MAX_NAME_PART_CHARS)
    const staging = join(dirname(target), `.${name}.pintglas-${randomBytes(8).toString('hex')}`)
    await mkdir(folderOf(staging), 0o700)
    const lock = await acquireLock(realFiles, folderOf(staging))
    const placing = new Placing(target, staging, lock)
    await placing.#write({ target: basename(target), old: null, keepOld: true })
    await mkdir(staging, 0o700)
    return placing
  }

  /** Takes everything away again; the target is as it was. */
  async giveUp(): Promise<void> {
    await removeTree(this.staging)
    await this.#end()
  }

  /** Gives the staged tree the target's name, which nobody has. Throws TargetExists when somebody was faster. */
  async put(): Promise<void> {
    try {
      await rename(this.staging, this.#target)
    } catch (error) {
      if (hasErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) throw targetExists(this.#target, error)
      throw error
    }
    await realFiles.syncDirectory(dirname(this.#target))
    await this.#end()
  }

  /** The same where there is a directory of that name: it is kept as `<name>.before-<n>`, and its path returned. */
  async replace(keepOld: boolean): Promise<string | null> {
    const parent = dirname(this.#target)
    const old = await freeName(this.#target)
    await this.#write({ target: basename(this.#target), old: basename(old), keepOld })
    await rename(this.#target, old)
    try {
      await rename(this.staging, this.#target)
    } catch (error) {
      await rename(old, this.#target)
      throw error
    }
    await realFiles.syncDirectory(parent)
    if (!keepOld) await removeTree(old)
    await this.#end()
    return keepOld ? old : null
  }

  async #write(note: Note): Promise<void> {
    await writeFileAtomic(realFiles, join(this.#folder, NOTE_NAME), Buffer.from(JSON.stringify(note)))
    await realFiles.syncDirectory(dirname(this.#folder))
  }

  async #end(): Promise<void> {
    await this.#lock.release()
    await removeTree(this.#folder)
  }
}

/**
 * Ends what interrupted pulls left in `parent`: a half-filled staging directory is removed, and a swap of which the
 * staged tree was complete is brought to its end. What a living process is at is left alone. Returns the targets that
 * got their directory back. May be run at any time.
 */
export async function repairPlacing(parent: string): Promise<string[]> {
  const repaired: string[] = []
  for (const name of await readdir(parent)) {
    const staging = PLACING.exec(name)?.[1]
    if (staging === undefined) continue
    const lock = await lockIfLeft(join(parent, name))
    if (lock === null) continue
    const target = await repairOne(parent, staging)
    if (target !== null) repaired.push(target)
    await lock.release()
    await removeTree(join(parent, name))
  }
  return repaired
}

async function lockIfLeft(folder: string): Promise<Lock | null> {
  try {
    const { mtimeMs } = await lstat(folder)
    if (!(await isThere(join(folder, 'lock'))) && Date.now() - mtimeMs < UNLOCKED_FOR_MS) return null
    return await acquireLock(realFiles, folder)
  } catch (error) {
    if (isGlasError(error, 'StoreLocked') || hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return null
    throw error
  }
}

async function repairOne(parent: string, stagingName: string): Promise<string | null> {
  const staging = join(parent, stagingName)
  const note = await readNote(join(parent, `${stagingName}.placing`))
  if (note === null || note.old === null) {
    await removeTree(staging)
    return null
  }
  const target = join(parent, note.target)
  const old = join(parent, note.old)
  const wasMoved = (await isThere(old)) && !(await isThere(target))
  if (wasMoved) await rename((await isThere(staging)) ? staging : old, target)
  await realFiles.syncDirectory(parent)
  await removeTree(staging)
  if (!note.keepOld && (await isThere(target)) && (await isThere(old))) await removeTree(old)
  return wasMoved ? target : null
}

/** Null for a note that was never written. Names that lead elsewhere are nobody's: such a note is ignored. */
async function readNote(folder: string): Promise<Note | null> {
  const bytes = await readSmallFile(realFiles, join(folder, NOTE_NAME), MAX_NOTE_BYTES).catch((error: unknown) => {
    if (isGlasError(error, 'LimitExceeded')) return undefined
    throw error
  })
  if (bytes === undefined) return null
  try {
    const { target, old, keepOld } = JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>
    if (typeof target !== 'string' || basename(target) !== target) return null
    const prefix = `${target}.before-`
    if (typeof old !== 'string' || !old.startsWith(prefix) || !/^\d{1,5}$/.test(old.slice(prefix.length))) return null
    return { target, old, keepOld: keepOld !== false }
  } catch {
    return null
  }
}

/** Removes a directory with all that is in it, also where its own permissions forbid that. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true })
  } catch (error) {
    if (!hasErrno(error, 'EACCES', 'EPERM', 'ENOTEMPTY')) throw error
    await makeRemovable(path)
    await rm(path, { recursive: true, force: true })
  }
}

async function makeRemovable(directory: string): Promise<void> {
  await chmod(directory, 0o700)
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await makeRemovable(join(directory, entry.name))
  }
}

export function targetExists(target: string, cause?: unknown): GlasError {
  const message = `"${target}" exists already. Name another directory, or replace it with --force.`
  return new GlasError('TargetExists', message, { cause, data: { target } })
}

export async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return false
    throw error
  }
}

async function freeName(target: string): Promise<string> {
  for (let n = 1; n <= MAX_KEPT_OLD; n++) {
    const name = `${target}.before-${n}`
    if (!(await isThere(name))) return name
  }
  throw new GlasError('LimitExceeded', `"${target}" has ${MAX_KEPT_OLD} kept old directories beside it. Remove some.`, {
    data: { limit: MAX_KEPT_OLD, unit: 'directories' },
  })
}

function folderOf(staging: string): string {
  return `${staging}.placing`
}
