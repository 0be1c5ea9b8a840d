/**
 * Many files made durable at once: a sync for each costs a turn of the disk, one for the whole file system costs one
 * for all. Node has no syncfs(2), but `sync -f` of coreutils and busybox has (docs/adr/0075).
 */
import { execFile } from 'node:child_process'
import { statfs } from 'node:fs/promises'
import { platform, release } from 'node:os'
import { GlasError } from '../glas/errors.ts'

/** Says whether it knows `-f`, without doing anything; a machine that takes longer is asked no more. */
const ASK_LIMIT_MS = 5_000
/** All that others have written to that file system goes to the disk with it: some gigabytes at 50 MB/s. */
const SYNC_LIMIT_MS = 10 * 60_000
const MAX_OUTPUT_BYTES = 64 * 1024

/** Local file systems whose syncfs waits for data and names, by their numbers in <linux/magic.h>. */
const FILE_SYSTEMS: readonly number[] = [
  0xef53, // ext2, 3 and 4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0xf2f52010, // f2fs
  0x01021994, // tmpfs
]
/** Since 5.8 a failure to write is told to whoever calls syncfs; before, it could get lost. */
const FIRST_KERNEL = [5, 8] as const

/** Whether this number of `statfs` is that of a file system of this machine, as far as is known here. */
export function isLocalFileSystem(type: number): boolean {
  return FILE_SYSTEMS.includes(type >>> 0)
}

/** Whether `syncTogether` can be relied on for what lies in this directory. */
export async function canSyncTogether(directory: string): Promise<boolean> {
  if (platform() !== 'linux' || !isKernelSince(release())) return false
  const { type } = await statfs(directory)
  if (!isLocalFileSystem(type)) return false
  const help = await run(['--help'], ASK_LIMIT_MS).catch(() => '')
  return /(?:^|\s)-f\b/.test(help)
}

/** Everything written so far to the file system that the directory is on survives a power failure. FileError. */
export async function syncTogether(directory: string): Promise<void> {
  try {
    await run(['-f', directory], SYNC_LIMIT_MS)
  } catch (cause) {
    const message = `What was written to "${directory}" did not all get to the disk. Is the disk in order?`
    throw new GlasError('FileError', message, { cause, data: { directory } })
  }
}

export function isKernelSince(text: string): boolean {
  const [major = 0, minor = 0] = text.split('.').map((part) => Number.parseInt(part, 10))
  return major > FIRST_KERNEL[0] || (major === FIRST_KERNEL[0] && minor >= FIRST_KERNEL[1])
}

function run(args: string[], timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('sync', args, { timeout: timeoutMs, maxBuffer: MAX_OUTPUT_BYTES }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout + stderr)
      else reject(error)
    })
  })
}
