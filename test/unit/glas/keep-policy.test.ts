import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { isGlasError } from '../../../src/glas/errors.ts'
import { type Candidate, checkedPolicy, decide, type KeepPolicy, UNLIMITED } from '../../../src/glas/keep-policy.ts'
import { test } from '../../harness.ts'

const HOUR_MS = 3_600_000
const dateText = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}.000000+00:00`
const versionsOf = (dates: string[], tags: string[][] = []): Candidate[] => {
  return dates.map((date, at) => ({ sequence: at + 1, date, tags: tags[at] ?? [] }))
}
const kept = (versions: Candidate[], policy: KeepPolicy) =>
  decide(versions, policy).flatMap(({ version, stays }) => (stays ? [version.sequence] : []))

const count = fc.oneof(fc.constant(UNLIMITED), fc.nat({ max: 6 }))
const policies = fc.record(
  { last: count, hourly: count, daily: count, weekly: count, monthly: count, yearly: count },
  { requiredKeys: [] },
)
/** Some years after 1999, on whole minutes: many in one hour, day, week. */
const moment = fc.nat({ max: 3 * 365 * 24 * 60 }).map((minutes) => 946_598_400_000 + minutes * 60_000)
const close = fc.nat({ max: 40 * 24 * 60 }).map((minutes) => 946_598_400_000 + minutes * 60_000)
const moments = fc.array(fc.oneof(moment, close), { maxLength: 60 })
const inOrder = moments.map((all) => versionsOf([...all].sort((a, b) => a - b).map(dateText)))
const anyOrder = moments.map((all) => versionsOf(all.map(dateText)))

/** ApplyPolicy of restic, in its own words: one pass from the newest, a bucket remembers its last value only. */
function restic(versions: Candidate[], policy: KeepPolicy): number[] {
  const week = (date: Date) => {
    const day = new Date(date)
    day.setUTCHours(0, 0, 0, 0)
    day.setUTCDate(day.getUTCDate() + 4 - (day.getUTCDay() || 7))
    const first = Date.UTC(day.getUTCFullYear(), 0, 1)
    return day.getUTCFullYear() * 100 + Math.ceil(((day.getTime() - first) / (24 * HOUR_MS) + 1) / 7)
  }
  const ymd = (date: Date) => date.getUTCFullYear() * 10_000 + date.getUTCMonth() * 100 + date.getUTCDate()
  const buckets = [
    { left: policy.last ?? 0, of: (_: Date, nr: number) => nr, before: -1 },
    { left: policy.hourly ?? 0, of: (date: Date) => ymd(date) * 100 + date.getUTCHours(), before: -1 },
    { left: policy.daily ?? 0, of: ymd, before: -1 },
    { left: policy.weekly ?? 0, of: week, before: -1 },
    { left: policy.monthly ?? 0, of: (date: Date) => Math.floor(ymd(date) / 100), before: -1 },
    { left: policy.yearly ?? 0, of: (date: Date) => date.getUTCFullYear(), before: -1 },
  ]
  const newestFirst = [...versions].reverse()
  return newestFirst.flatMap(({ date, sequence }, nr) => {
    let stays = false
    for (const bucket of buckets) {
      if (bucket.left !== UNLIMITED && bucket.left <= 0) continue
      const value = bucket.of(new Date(date), nr)
      if (value === bucket.before && nr !== newestFirst.length - 1) continue
      stays = true
      bucket.before = value
      if (bucket.left > 0) bucket.left--
    }
    return stays ? [sequence] : []
  })
}

test('where dates and sequence agree, the same versions stay as with restic', () => {
  fc.assert(
    fc.property(inOrder, policies, (versions, policy) => {
      const expected = restic(versions, policy)
      if (expected.length > 0) assert.equal(kept(versions, policy), expected)
    }),
    { seed: 21, numRuns: 2000 },
  )
})

test('which are the last is decided by the sequence, whatever clocks said', () => {
  fc.assert(
    fc.property(anyOrder, fc.integer({ min: 1, max: 8 }), (versions, last) => {
      const newest = versions.map(({ sequence }) => sequence).reverse()
      const stays = kept(versions, { last })
      assert.equal(stays.slice(0, last), newest.slice(0, last))
      assert.ok(stays.length <= last)
    }),
    { seed: 22 },
  )
})

test('a version of a peer whose clock is wrong takes at most one place of each rule from the others', () => {
  const perRule = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const
  fc.assert(
    fc.property(inOrder, moment, fc.nat(), fc.constantFrom(...perRule), (versions, wrong, place, rule) => {
      if (versions.length === 0) return
      const sequence = 0.5 + (place % versions.length)
      const withWrong = [...versions, { sequence, date: dateText(wrong), tags: [] }]
      const before = new Set(kept(versions, { [rule]: 4 }))
      const after = new Set(kept(withWrong, { [rule]: 4 }))
      const lost = [...before].filter((one) => !after.has(one))
      // One place, and one more where it stands in the hour, day and so on of an older one, for which it counts then.
      assert.ok(lost.length <= 2, `${lost}`)
    }),
    { seed: 23, numRuns: 1000 },
  )
})

test('the order in which versions are given does not matter, and higher counts never keep less', () => {
  fc.assert(
    fc.property(anyOrder, policies, fc.nat({ max: 3 }), (versions, policy, more) => {
      const stays = kept(versions, policy)
      assert.equal(kept([...versions].reverse(), policy), stays)
      const higher = Object.fromEntries(
        Object.entries(policy).map(([rule, n]) => [rule, n === UNLIMITED ? n : n + more]),
      )
      const staysThen = new Set(kept(versions, higher))
      const oldest = versions[0]?.sequence
      assert.ok(stays.every((one) => staysThen.has(one) || one === oldest || stays.length === 1))
    }),
    { seed: 24, numRuns: 500 },
  )
})

test('what has a tag to keep stays and does not count; what is protected stays, too', () => {
  const versions = versionsOf(Array.from({ length: 10 }, (_, day) => dateText(day * 24 * HOUR_MS))).map((one) => ({
    ...one,
    tags: one.sequence === 3 ? ['paper'] : [],
    ...(one.sequence === 2 ? { protectedBy: 'pinned by hand' } : {}),
  }))
  const decisions = decide(versions, { last: 2, tags: ['paper'] })
  assert.equal(
    decisions.filter(({ stays }) => stays).map(({ version, reasons }) => [version.sequence, reasons]),
    [
      [10, ['last']],
      [9, ['last']],
      [3, ['tag paper']],
      [2, ['pinned by hand']],
    ],
  )
})

test('something always stays, and a policy that keeps nothing is refused', () => {
  const versions = versionsOf([dateText(0), dateText(HOUR_MS)])
  assert.equal(kept(versions, { tags: ['none'] }), [2])
  assert.equal(kept([], { last: 1 }), [])
  for (const policy of [{}, { last: 0 }, { tags: [] }, { last: -2 }, { last: 0.5 }, { weakly: 2 }, null, [], 'last']) {
    assert.throws(
      () => checkedPolicy(policy),
      (error: unknown) => isGlasError(error, 'BadUsage'),
    )
  }
  assert.equal(checkedPolicy({ daily: 7, tags: ['paper'] }), { daily: 7, tags: ['paper'] })
})

test('hours and days are those of the place where the image was saved', () => {
  const versions = versionsOf(['2026-01-31T23:30:00.000000+09:00', '2026-02-01T00:30:00.000000+09:00'])
  assert.equal(kept(versions, { daily: 2 }), [2, 1])
  const sameDay = versionsOf(['2026-01-31T14:30:00.000000+00:00', '2026-01-31T15:30:00.000000+00:00'])
  assert.equal(kept(sameDay, { daily: 1 }), [2])
  const weeks = versionsOf([
    '2026-12-27T12:00:00.000000+00:00',
    '2026-12-31T12:00:00.000000+00:00',
    '2027-01-03T12:00:00.000000+00:00',
  ])
  assert.equal(kept(weeks, { weekly: 1 }), [3])
  assert.equal(kept(weeks, { yearly: 1 }), [3])
})
