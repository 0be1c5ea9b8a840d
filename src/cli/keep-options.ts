import type { Command } from 'commander'
import { GlasError } from '../glas/errors.ts'
import { checkedPolicy, KEEP_COUNTS, type KeepPolicy, UNLIMITED } from '../glas/keep-policy.ts'

export interface KeepOptions {
  keepLast?: string
  keepHourly?: string
  keepDaily?: string
  keepWeekly?: string
  keepMonthly?: string
  keepYearly?: string
  keepTag?: string[]
}

const WHAT = {
  last: 'the newest n versions',
  hourly: 'the newest version of each of the last n hours that have one',
  daily: 'the same of days',
  weekly: 'of weeks',
  monthly: 'of months',
  yearly: 'of years',
}

/** Adds `--keep-last` and its like; they mean what they mean to restic. */
export function addKeepOptions(command: Command): Command {
  for (const key of KEEP_COUNTS) command.option(`--keep-${key} <n>`, `keep ${WHAT[key]} (or \`unlimited\`)`)
  return command.option(
    '--keep-tag <tag>',
    'keep what has this tag (again for more)',
    (tag: string, all: string[] = []) => [...all, tag],
  )
}

/** Null when none of them was given. */
export function policyOf(options: KeepOptions): KeepPolicy | null {
  const { keepTag: tags, ...counts } = options
  const given = KEEP_COUNTS.flatMap((key) => {
    const text = counts[`keep${key[0]?.toUpperCase()}${key.slice(1)}` as keyof typeof counts]
    return text === undefined ? [] : [[key, countOf(key, text)] as const]
  })
  if (given.length === 0 && tags === undefined) return null
  return checkedPolicy({ ...Object.fromEntries(given), ...(tags === undefined ? {} : { tags }) })
}

export function policyText({ tags = [], ...counts }: KeepPolicy): string {
  const kept = KEEP_COUNTS.flatMap((key) => {
    const count = counts[key] ?? 0
    return count === 0 ? [] : [`${key} ${count === UNLIMITED ? 'unlimited' : count}`]
  })
  return [...kept, ...tags.map((tag) => `tag ${tag}`)].join(', ')
}

function countOf(key: string, text: string): number {
  if (text === 'unlimited') return UNLIMITED
  if (/^\d{1,6}$/.test(text)) return Number(text)
  throw new GlasError('BadUsage', `--keep-${key} takes a number or "unlimited", not "${text}".`)
}
