/**
 * Which versions of a glas stay when room is wanted. The rules mean what those of restic's `forget` mean (its manual,
 * "Removing snapshots according to a policy"), with one difference: what is newer is decided by the sequence in the
 * index, which no clock can change. Dates only say into which hour or day a version falls.
 */
import { GlasError } from './errors.ts'
import { isTag } from './tag.ts'

/** In the place of a count: every hour, day and so on. */
export const UNLIMITED = -1

/** How many of the newest are kept, and of how many hours, days and so on the newest version. Absent keeps none. */
export interface KeepPolicy {
  last?: number
  hourly?: number
  daily?: number
  weekly?: number
  monthly?: number
  yearly?: number
  /** What has one of these tags stays, and does not count. */
  tags?: string[]
}

/** What the rules need to know of a version. */
export interface Candidate {
  /** In the index: the higher one was published later. */
  sequence: number
  /** Of the record: ISO 8601, in the local time of whoever saved the image. */
  date: string
  tags: readonly string[]
  /** Why it stays whatever the policy says; undefined for most. */
  protectedBy?: string | undefined
}

export interface Decision<Version extends Candidate> {
  version: Version
  stays: boolean
  /** Why it stays; empty when it goes. */
  reasons: string[]
}

/** More tags than this are a mistake. */
const MAX_POLICY_TAGS = 100
/** Hourly versions of a hundred years. */
const MAX_KEPT_COUNT = 1_000_000

type Counted = Exclude<keyof KeepPolicy, 'tags'>

/** Versions with the same text fall into the same hour, day and so on; restic's buckets. */
const BUCKETS: Record<Counted, { name: string; of: (date: string, place: number) => string }> = {
  last: { name: 'last', of: (_date, place) => String(place) },
  hourly: { name: 'hourly', of: (date) => date.slice(0, 13) },
  daily: { name: 'daily', of: (date) => date.slice(0, 10) },
  weekly: { name: 'weekly', of: weekOf },
  monthly: { name: 'monthly', of: (date) => date.slice(0, 7) },
  yearly: { name: 'yearly', of: (date) => date.slice(0, 4) },
}

export const KEEP_COUNTS = Object.keys(BUCKETS) as Counted[]

/** Newest first. Something always stays: without the last version there would be nothing to go on from. */
export function decide<Version extends Candidate>(
  versions: readonly Version[],
  policy: KeepPolicy,
): Decision<Version>[] {
  const ordered = [...versions].sort(newestFirst)
  const buckets = KEEP_COUNTS.map((key) => ({ ...BUCKETS[key], left: policy[key] ?? 0, seen: new Set<string>() }))
  const decisions = ordered.map((version, place) => {
    const reasons = version.protectedBy === undefined ? [] : [version.protectedBy]
    for (const tag of version.tags) if (policy.tags?.includes(tag)) reasons.push(`tag ${tag}`)
    for (const bucket of buckets) {
      const isOldest = place === ordered.length - 1
      const value = bucket.of(version.date, place)
      const isNew = !bucket.seen.has(value)
      // Like restic: while something is left to count, the oldest stays, too, so that the history is as long as it can be.
      if (bucket.left === 0 || !(isNew || isOldest)) continue
      bucket.seen.add(value)
      if (bucket.left !== UNLIMITED) bucket.left--
      reasons.push(isNew ? bucket.name : `oldest ${bucket.name}`)
    }
    return { version, stays: reasons.length > 0, reasons }
  })
  const [newest] = decisions
  if (newest !== undefined && decisions.every(({ stays }) => !stays)) {
    return [{ ...newest, stays: true, reasons: ['nothing else would be left'] }, ...decisions.slice(1)]
  }
  return decisions
}

/** `value` when it is a policy that keeps something; else throws BadUsage. */
export function checkedPolicy(value: unknown): KeepPolicy {
  const policy = value as KeepPolicy
  if (!isPolicy(policy)) throw new GlasError('BadUsage', 'What to keep is a count for each rule, and tags.')
  if (KEEP_COUNTS.every((key) => (policy[key] ?? 0) === 0) && (policy.tags ?? []).length === 0) {
    throw new GlasError('BadUsage', 'Say what to keep, such as --keep-last 8 or --keep-daily 7: this keeps nothing.')
  }
  return policy
}

function isPolicy(value: unknown): value is KeepPolicy {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.entries(value).every(([key, item]) => {
    if (key === 'tags') return Array.isArray(item) && item.length <= MAX_POLICY_TAGS && item.every(isTagText)
    return Object.hasOwn(BUCKETS, key) && isCount(item)
  })
}

function isTagText(value: unknown): boolean {
  return typeof value === 'string' && isTag(value)
}

function isCount(value: unknown): boolean {
  return value === UNLIMITED || (Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= MAX_KEPT_COUNT)
}

/** By sequence. Two machines that published at once have the same one: then the date of the record decides. */
function newestFirst(a: Candidate, b: Candidate): number {
  return b.sequence - a.sequence || Date.parse(b.date) - Date.parse(a.date) || 0
}

const DAY_MS = 24 * 60 * 60 * 1000

/** Monday to Sunday, ISO 8601: named by its Thursday, which is in the year that the week belongs to. */
function weekOf(date: string): string {
  const day = new Date(`${date.slice(0, 10)}T00:00:00Z`)
  const sinceMonday = (day.getUTCDay() + 6) % 7
  const thursday = new Date(day.getTime() + (3 - sinceMonday) * DAY_MS)
  return Number.isNaN(thursday.getTime()) ? date.slice(0, 10) : thursday.toISOString().slice(0, 10)
}
