/**
 * One writer per folder, by a lock file that names its holder. The lock is a courtesy: it makes a second process wait
 * and gives the user a name to look for. What keeps the data right when a lock was taken from somebody who still
 * lives is the epoch (ledger.ts).
 */
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { GlasError } from '../glas/errors.ts'
import { siblingName, writeSibling } from './atomic.ts'
import type { FileLayer } from './files.ts'
import { hasErrno, readSmallFile, removeIfThere } from './files.ts'

/** A living holder writes its lock anew this often, so that other hosts can see that it lives. */
const HEARTBEAT_MS = 30_000
/** Another host's lock without a heartbeat for so long is stale: ten beats, and far longer than NFS caches a directory. */
export const STALE_AFTER_MS = 300_000
/** How often somebody who waits looks again. */
const POLL_MS = 50
/** A lock file is a line of JSON. */
const MAX_LOCK_BYTES = 4096

export interface LockHolder {
  host: string
  pid: number
  /** When the process started, by the kernel's count and boot; null where the system does not tell (not on Linux). */
  started: string | null
  /** Process ids mean something within one of these only; null as above. */
  pidNamespace: string | null
}

export interface LockOptions {
  /** How long to wait for somebody else; 0 where not given. */
  waitMs?: number
  signal?: AbortSignal | undefined
  /** Who takes the lock; this process where not given. */
  holder?: LockHolder
}

export interface Lock {
  /** Gives the lock back. Never throws because it was lost. */
  release(): Promise<void>
}

/**
 * Start of a process in clock ticks since boot (field 22 of /proc/<pid>/stat, proc(5)), with the id of the boot. Null for
 * one that has ended and whose parent has not asked: in a container nobody may ever ask, and the lock would stay.
 */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the command in parentheses, which may hold spaces and parentheses itself.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return null
    const ticks = fields[19]
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${ticks}`
  } catch {
    return null
  }
}

function pidNamespace(): string | null {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return null
  }
}

export function currentHolder(): LockHolder {
  return { host: hostname(), pid: process.pid, started: startOf(process.pid), pidNamespace: pidNamespace() }
}

/**
 * Takes `<folder>/lock`. Throws StoreLocked, with the holder's host and pid and what to do, when somebody living has
 * it for longer than `waitMs`. The folder must exist.
 */
export async function acquireLock(files: FileLayer, folder: string, options: LockOptions = {}): Promise<Lock> {
  const path = join(folder, 'lock')
  const holder = options.holder ?? currentHolder()
  const deadlineMs = performance.now() + (options.waitMs ?? 0)
  const text = encodeHolder(holder)
  for (;;) {
    options.signal?.throwIfAborted()
    const sibling = await writeSibling(files, path, text)
    try {
      if (await tryLink(files, sibling, path)) return await held(files, path, text)
      const other = await staleOrHolder(files, path, sibling, holder)
      if (other === 'stale') continue
      if (performance.now() >= deadlineMs) throw locked(folder, other)
    } finally {
      await removeIfThere(files, sibling)
    }
    await sleep(POLL_MS, undefined, { signal: options.signal })
  }
}

async function tryLink(files: FileLayer, sibling: string, path: string): Promise<boolean> {
  try {
    await files.link(sibling, path)
    return true
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false
    throw error
  }
}

/** Moves a stale lock out of the way; tells who has it otherwise. */
async function staleOrHolder(
  files: FileLayer,
  path: string,
  sibling: string,
  self: LockHolder,
): Promise<LockHolder | 'stale'> {
  const text = await readSmallFile(files, path, MAX_LOCK_BYTES)
  const lock = await files.stat(path)
  // Our sibling is as fresh as can be: comparing the two asks the clock of the file system alone.
  const now = await files.stat(sibling)
  if (text === undefined || lock === undefined || now === undefined) return 'stale'
  const other = decodeHolder(text)
  if (other !== undefined && !isStale(other, self, now.modifiedMs - lock.modifiedMs)) return other
  await setAside(files, path, text)
  return 'stale'
}

function isStale(other: LockHolder, self: LockHolder, silentMs: number): boolean {
  const samePlace = other.host === self.host && other.pidNamespace === self.pidNamespace
  if (!samePlace) return silentMs > STALE_AFTER_MS
  return !isAlive(other)
}

function isAlive(holder: LockHolder): boolean {
  const started = startOf(holder.pid)
  if (holder.started !== null) return started === holder.started
  try {
    process.kill(holder.pid, 0)
    return true
  } catch (error) {
    return hasErrno(error, 'EPERM')
  }
}

/** Two may find the same lock stale: rename lets one of them have it, and what it got is looked at again. */
async function setAside(files: FileLayer, path: string, staleText: Uint8Array): Promise<void> {
  const aside = siblingName(path)
  try {
    await files.rename(path, aside)
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return
    throw error
  }
  const text = await readSmallFile(files, aside, MAX_LOCK_BYTES)
  if (text !== undefined && Buffer.compare(text, staleText) !== 0) await tryLink(files, aside, path)
  await removeIfThere(files, aside)
}

async function held(files: FileLayer, path: string, text: Uint8Array): Promise<Lock> {
  const file = await files.open(path, 'change')
  let beating: Promise<void> = Promise.resolve()
  const timer = setInterval(() => {
    // A beat that fails is one that others do not see; if that lasts, they take over and the epoch fences us.
    beating = file.write([text], 0).catch(() => {})
  }, HEARTBEAT_MS)
  timer.unref()
  return {
    release: async () => {
      clearInterval(timer)
      await beating
      await file.close()
      const now = await readSmallFile(files, path, MAX_LOCK_BYTES).catch(() => undefined)
      if (now !== undefined && Buffer.compare(now, text) === 0) await removeIfThere(files, path)
    },
  }
}

function encodeHolder(holder: LockHolder): Uint8Array {
  return Buffer.from(`${JSON.stringify(holder)}\n`)
}

/** Undefined for a file that nobody finished writing. */
function decodeHolder(text: Uint8Array): LockHolder | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text).toString('utf8'))
    if (typeof value !== 'object' || value === null) return undefined
    const { host, pid, started, pidNamespace } = value as Record<string, unknown>
    if (typeof host !== 'string' || !Number.isSafeInteger(pid)) return undefined
    const textOrNull = (field: unknown) => (typeof field === 'string' ? field : null)
    return { host, pid: Number(pid), started: textOrNull(started), pidNamespace: textOrNull(pidNamespace) }
  } catch {
    return undefined
  }
}

function locked(folder: string, holder: LockHolder): GlasError {
  const { host, pid } = holder
  return new GlasError(
    'StoreLocked',
    `${folder} is in use by process ${pid} on ${host}. Wait until it is done, or stop it, and run this again.`,
    { retryable: true, data: { folder, host, pid } },
  )
}
