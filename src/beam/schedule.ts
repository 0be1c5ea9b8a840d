import { GlasError } from '../glas/errors.ts'
import { checkedPolicy } from '../glas/keep-policy.ts'
import { isScheduleRule, MAX_EVERY_SECONDS, type ScheduleRule, scheduleKey } from '../home/schedule-rule.ts'
import { readScheduleRuns } from '../home/schedule-runs.ts'
import { locateImage } from '../image/locate.ts'
import type { Parts } from './parts.ts'
import { changeConfig } from './settings.ts'

export interface ScheduledRule extends ScheduleRule {
  /** ISO 8601, in UTC; null before the first time. */
  'last-run': string | null
  outcome: 'pushed' | 'unchanged' | 'error' | null
  /** The version, or what went wrong. */
  text: string
}

type Scheduling = Pick<Parts, 'home'>

/** Has the daemon take snapshots of something. Adding the same again changes how. Throws NotAnImage, BadUsage. */
export async function addSchedule(parts: Scheduling, rule: ScheduleRule): Promise<{ rules: ScheduledRule[] }> {
  if (rule.keep !== null) checkedPolicy(rule.keep)
  if (!isScheduleRule(rule)) {
    throw new GlasError('BadUsage', `--every takes at least a second and at most ${MAX_EVERY_SECONDS / 86_400} days.`)
  }
  if (rule.what === 'directory') await locateImage(rule.target)
  const others = parts.home.config.schedule.filter((other) => scheduleKey(other) !== scheduleKey(rule))
  await changeConfig(parts, { schedule: [...others, rule] })
  return schedules(parts)
}

/** `targets` are the ways to read what was typed: a path, a Tap's name. NameNotFound when none is scheduled. */
export async function removeSchedule(
  parts: Scheduling,
  { targets }: { targets: string[] },
): Promise<{ rules: ScheduledRule[] }> {
  const { schedule } = parts.home.config
  const found = schedule.filter((rule) => targets.some((target) => isMeant(rule, target)))
  const [only] = found
  if (only === undefined) {
    throw new GlasError('NameNotFound', `"${targets[0]}" is not scheduled. \`pintglas schedule ls\` lists what is.`)
  }
  if (found.length > 1) {
    const candidates = found.map(({ target }) => target)
    const message = `"${targets[0]}" may be each of these: ${candidates.join(', ')}. Type one of them whole.`
    throw new GlasError('AmbiguousName', message, { data: { candidates } })
  }
  await changeConfig(parts, { schedule: schedule.filter((rule) => rule !== only) })
  return schedules(parts)
}

export async function schedules({ home }: Scheduling): Promise<{ rules: ScheduledRule[] }> {
  const runs = await readScheduleRuns(home.folder.scheduleRuns)
  const rules = home.config.schedule.map((rule) => {
    const run = runs.get(scheduleKey(rule))
    const lastRun = run === undefined ? null : new Date(run.begunMs).toISOString()
    return { ...rule, 'last-run': lastRun, outcome: run?.outcome ?? null, text: run?.text ?? '' }
  })
  return { rules }
}

function isMeant({ what, target }: ScheduleRule, typed: string): boolean {
  return target === typed || (what === 'tap' && target.endsWith(`/${typed}`))
}
