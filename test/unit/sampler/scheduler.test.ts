import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { ScheduleRule } from '../../../src/home/schedule-rule.ts'
import { readScheduleRuns } from '../../../src/home/schedule-runs.ts'
import { Scheduler, type Taken } from '../../../src/sampler/scheduler.ts'
import { type TestContext, test } from '../../harness.ts'
import { newFolder } from '../../home-peer.ts'

const MINUTE_MS = 60_000
const rule: ScheduleRule = { what: 'directory', target: '/ants', everySeconds: 900, keep: null, allowSecrets: false }

/** A machine whose clocks the test turns. Looks are the test's, too: the scheduler's own come every twenty seconds. */
async function machine(t: TestContext, { folder = newFolder(t), wallMs = 1_000_000_000, rules = [rule] } = {}) {
  const clock = { wall: wallMs, awake: 5000 }
  const begun: string[] = []
  const stamps: string[] = []
  const messages: string[] = []
  const waiting: Array<{ resolve: (taken: Taken) => void; reject: (error: Error) => void }> = []
  const scheduler = await Scheduler.open({
    rules: () => rules,
    runsFile: join(folder, 'schedule.json'),
    take: (one, stamp) => {
      begun.push(one.target)
      stamps.push(stamp)
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
    },
    clock: { wallMs: () => clock.wall, awakeMs: () => clock.awake },
    options: { signal: t.signal, onMessage: (message) => void messages.push(message) },
  })
  t.after(() => {
    for (const { reject } of waiting) reject(new Error('over'))
    return scheduler.stop()
  })
  const runs = () => readScheduleRuns(join(folder, 'schedule.json'))
  const finish = async (taken: Partial<Taken> = {}) => {
    waiting.shift()?.resolve({ outcome: 'pushed', text: 'Ants@0.0.1', stamp: 's', ...taken })
    await scheduler.stop()
  }
  const pass = (minutes: number) => {
    clock.wall += minutes * MINUTE_MS
    clock.awake += minutes * MINUTE_MS
    scheduler.look()
  }
  const sleepFor = (minutes: number) => {
    clock.wall += minutes * MINUTE_MS
    scheduler.look()
  }
  return { folder, clock, begun, stamps, messages, waiting, scheduler, runs, finish, pass, sleepFor }
}

test('a new rule runs at once, then after each interval, and never while it still runs', async (t) => {
  const { scheduler, begun, finish, pass, stamps } = await machine(t)
  scheduler.look()
  assert.is(begun.length, 1)
  pass(100)
  scheduler.look()
  assert.is(begun.length, 1)
  await finish()
  assert.is(begun.length, 2, 'what was due meanwhile is taken once')
  await finish()
  pass(14)
  assert.is(begun.length, 2)
  pass(1)
  assert.is(begun.length, 3)
  assert.equal(stamps, ['', 's', 's'])
})

test('after a sleep it is taken once, however long the sleep was', async (t) => {
  const { scheduler, begun, finish, sleepFor, pass } = await machine(t)
  scheduler.look()
  await finish()
  sleepFor(24 * 60)
  assert.is(begun.length, 2)
  await finish()
  scheduler.look()
  pass(14)
  assert.is(begun.length, 2)
})

test('a clock that is set back does not stop it, and one that is set forward makes it run once too often at most', async (t) => {
  const { scheduler, begun, finish, clock, pass } = await machine(t)
  scheduler.look()
  await finish()
  clock.wall -= 365 * 24 * 60 * MINUTE_MS
  scheduler.look()
  assert.is(begun.length, 1)
  pass(15)
  assert.is(begun.length, 2)
  await finish()
  clock.wall += 365 * 24 * 60 * MINUTE_MS
  scheduler.look()
  assert.is(begun.length, 3)
  await finish()
  clock.wall -= 365 * 24 * 60 * MINUTE_MS
  pass(14)
  assert.is(begun.length, 3)
  pass(1)
  assert.is(begun.length, 4)
})

test('a daemon that starts again knows what ran, and takes what it has missed once', async (t) => {
  const first = await machine(t)
  first.scheduler.look()
  await first.finish()
  await first.scheduler.stop()
  assert.equal((await first.runs()).get('directory /ants'), {
    begunMs: 1_000_000_000,
    outcome: 'pushed',
    text: 'Ants@0.0.1',
    stamp: 's',
  })
  const soon = await machine(t, { folder: first.folder, wallMs: 1_000_000_000 + 5 * MINUTE_MS })
  soon.scheduler.look()
  assert.is(soon.begun.length, 0)
  soon.pass(10)
  assert.is(soon.begun.length, 1)
  const late = await machine(t, { folder: first.folder, wallMs: 1_000_000_000 + 500 * MINUTE_MS })
  late.scheduler.look()
  assert.is(late.begun.length, 1)
  const back = await machine(t, { folder: first.folder, wallMs: 1_000 })
  back.pass(14)
  assert.is(back.begun.length, 0)
  back.pass(1)
  assert.is(back.begun.length, 1)
})

test('a failure is told once, written down, and tried again when it is due, not before', async (t) => {
  const { scheduler, begun, waiting, messages, pass, runs } = await machine(t)
  scheduler.look()
  for (let tries = 1; tries <= 2; tries++) {
    waiting.shift()?.reject(new Error('no disk'))
    await scheduler.stop()
    scheduler.look()
    assert.is(begun.length, tries)
    pass(15)
  }
  assert.is(messages.length, 1)
  assert.is((await runs()).get('directory /ants')?.outcome, 'error')
})

test('an image that is not connected stays due, and is looked for without a run', async (t) => {
  const { scheduler, begun, finish, clock, runs } = await machine(t)
  scheduler.look()
  await finish({ outcome: 'absent', text: '' })
  scheduler.look()
  assert.is(begun.length, 1)
  clock.awake += 20_000
  scheduler.look()
  assert.is(begun.length, 2)
  await finish()
  assert.is((await runs()).get('directory /ants')?.outcome, 'pushed')
})
