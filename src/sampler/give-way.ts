import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { setPriority } from 'node:os'

/** For the disk: the last ones to be served, but served. The idle class of Linux may never be, beside a simulation that writes. */
const BEST_EFFORT_CLASS = '2'
const LAST_OF_CLASS = '7'
/** Longest that the program which sets it may take. */
const IONICE_LIMIT_MS = 5_000

/**
 * From now on this process gets processor and disk only when others leave some; there is no way back without special
 * rights. `niceness` is 1 to 19. What the system does not allow is left as it is.
 */
export async function giveWay(niceness: number): Promise<void> {
  const threads = threadsHere()
  for (const id of threads) {
    try {
      setPriority(id, niceness)
    } catch {
      // a thread that has ended meanwhile; or a system that has given this process a lower priority already
    }
  }
  const ids = threads.map(String)
  await new Promise<void>((resolve) => {
    const options = { timeout: IONICE_LIMIT_MS }
    execFile('ionice', ['-c', BEST_EFFORT_CLASS, '-n', LAST_OF_CLASS, '-p', ...ids], options, () => resolve())
  })
}

/** Linux keeps priorities by thread, and new threads get that of the one that starts them. Elsewhere 0 is the process. */
function threadsHere(): number[] {
  try {
    return readdirSync('/proc/self/task').map(Number)
  } catch {
    return [0]
  }
}
