import { isAbsolute } from 'node:path'
import { checkedPolicy, type KeepPolicy } from '../glas/keep-policy.ts'
import { MAX_HOSTNAME_BYTES, MAX_IMAGE_NAME_BYTES, MAX_PATH_BYTES } from '../glas/limits.ts'

/** What the daemon takes a snapshot of by itself, and how often. */
export interface ScheduleRule {
  /** An image directory of this machine, or an image that runs and connects to the daemon. */
  what: 'directory' | 'tap'
  /** Absolute path of the directory or of an image in it; of a Tap `host:directory/name`. */
  target: string
  everySeconds: number
  /** What stays after each snapshot; null keeps everything. */
  keep: KeepPolicy | null
  allowSecrets: boolean
}

/** Shorter than this is no schedule: `pintglas watch` follows every save. */
export const MIN_EVERY_SECONDS = 1
/** A year. */
export const MAX_EVERY_SECONDS = 366 * 24 * 60 * 60
/** Host, directory and name of a Tap. */
const MAX_TARGET_BYTES = MAX_HOSTNAME_BYTES + MAX_PATH_BYTES + MAX_IMAGE_NAME_BYTES + 2

export function isScheduleRule(value: unknown): value is ScheduleRule {
  if (typeof value !== 'object' || value === null) return false
  const { what, target, everySeconds, keep, allowSecrets } = value as Partial<ScheduleRule>
  if (typeof target !== 'string' || target === '' || Buffer.byteLength(target) > MAX_TARGET_BYTES) return false
  const isPlace = what === 'tap' || (what === 'directory' && isAbsolute(target))
  const isTime = Number.isSafeInteger(everySeconds) && Number(everySeconds) >= MIN_EVERY_SECONDS
  return (
    isPlace && isTime && Number(everySeconds) <= MAX_EVERY_SECONDS && isKeep(keep) && typeof allowSecrets === 'boolean'
  )
}

/** Two rules with the same key are one rule. */
export function scheduleKey({ what, target }: Pick<ScheduleRule, 'what' | 'target'>): string {
  return `${what} ${target}`
}

function isKeep(value: unknown): boolean {
  try {
    return value === null || checkedPolicy(value) !== undefined
  } catch {
    return false
  }
}
