import { writeFileAtomic } from '../disk/atomic.ts'
import { readSmallFile, realFiles } from '../disk/files.ts'

/** What came of the last time that something scheduled was due. */
export interface ScheduleRun {
  /** By the clock of this machine, in milliseconds since 1970. */
  begunMs: number
  /** `error` may have gone well before. */
  outcome: 'pushed' | 'unchanged' | 'error'
  /** The version, or what went wrong. */
  text: string
  /** Changes when any file of the directory does; empty for a Tap, and after an error. */
  stamp: string
}

/** A thousand rules with long paths. */
const MAX_RUNS_FILE_BYTES = 8 * 1024 * 1024

/** By the keys of the rules. A file that is not there or not readable means that nothing ran before. */
export async function readScheduleRuns(path: string): Promise<Map<string, ScheduleRun>> {
  try {
    const bytes = await readSmallFile(realFiles, path, MAX_RUNS_FILE_BYTES)
    const { runs } = JSON.parse(Buffer.from(bytes ?? []).toString('utf8')) as { runs: Record<string, ScheduleRun> }
    return new Map(Object.entries(runs).filter(([, run]) => isRun(run)))
  } catch {
    return new Map()
  }
}

export async function writeScheduleRuns(path: string, runs: ReadonlyMap<string, ScheduleRun>): Promise<void> {
  const text = `${JSON.stringify({ format: 1, runs: Object.fromEntries(runs) })}\n`
  await writeFileAtomic(realFiles, path, Buffer.from(text), { mode: 0o600 })
}

function isRun(value: unknown): value is ScheduleRun {
  if (typeof value !== 'object' || value === null) return false
  const { begunMs, outcome, text, stamp } = value as Partial<ScheduleRun>
  const isOutcome = outcome === 'pushed' || outcome === 'unchanged' || outcome === 'error'
  return Number.isSafeInteger(begunMs) && isOutcome && typeof text === 'string' && typeof stamp === 'string'
}
