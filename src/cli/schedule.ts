import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ScheduledRule } from '../beam/schedule.ts'
import { GlasError } from '../glas/errors.ts'
import type { ScheduleRule } from '../home/schedule-rule.ts'
import { addKeepOptions, type KeepOptions, policyOf, policyText } from './keep-options.ts'
import { callDaemon, connectDaemon } from './remote.ts'
import { type Run, run } from './run.ts'
import { shownSeconds, shownTable } from './shown.ts'
import type { AddVerb } from './verb.ts'

interface AddOptions extends KeepOptions {
  every: string
  secrets?: string
}

export const addSchedule: AddVerb = (program, start) => {
  const schedule = program.command('schedule').description('snapshots that the daemon takes by itself')
  const add = schedule
    .command('add <what>')
    .description('take snapshots of an image directory, or of an image that is connected now')
    .requiredOption('--every <time>', 'such as 15m, 2h or 1d')
    .option('--secrets <what>', '`allow` takes it although secrets were found')
  addKeepOptions(add).action(async (what: string, options: AddOptions) => {
    if (options.secrets !== undefined && options.secrets !== 'allow') {
      throw new GlasError('BadUsage', `--secrets takes "allow", not "${options.secrets}".`)
    }
    const numbers = { everySeconds: secondsOf(options.every), keep: policyOf(options) }
    const begun = start()
    const subject = await subjectOf(begun, what)
    await run(begun, 'addSchedule', { ...subject, ...numbers, allowSecrets: options.secrets === 'allow' }, render)
    if (!(await isDaemonUp(begun))) begun.terminal.message('Nothing is taken until a daemon runs: `pintglas daemon`.')
  })
  schedule
    .command('ls')
    .description('list what is scheduled, and what came of it')
    .action(() => run(start(), 'schedules', {}, render))
  schedule
    .command('remove <what>')
    .description('end a schedule; versions stay')
    .action((what: string) => run(start(), 'removeSchedule', { targets: [what, resolve(what)] }, render))
}

/** What exists on the disk is a directory or an image in it; anything else has to be connected, to be sure what is meant. */
async function subjectOf({ home, options }: Run, what: string): Promise<Pick<ScheduleRule, 'what' | 'target'>> {
  const path = resolve(what)
  if (existsSync(path)) return { what: 'directory', target: path }
  const socket = await connectDaemon(home.socket)
  if (socket === undefined) {
    const message = `There is no "${path}", and no daemon that an image called "${what}" could be connected to.`
    throw new GlasError('NotAnImage', message, { data: { path } })
  }
  const { tap } = (await callDaemon(socket, 'tapNamed', { tap: what }, options)) as { tap: string }
  return { what: 'tap', target: tap }
}

async function isDaemonUp({ home }: Run): Promise<boolean> {
  const socket = await connectDaemon(home.socket)
  socket?.destroy()
  return socket !== undefined
}

const UNIT_SECONDS: Record<string, number> = { s: 1, m: 60, h: 60 * 60, d: 24 * 60 * 60 }

function secondsOf(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,8})([smhd])$/.exec(text) ?? []
  const seconds = Number(count) * (UNIT_SECONDS[unit] ?? 0)
  if (seconds > 0) return seconds
  throw new GlasError('BadUsage', `--every takes a time such as 15m, 2h or 1d, not "${text}".`)
}

function render({ rules }: { rules: ScheduledRule[] }): string {
  if (rules.length === 0) return 'Nothing is scheduled. `pintglas schedule add . --every 15m` takes this directory.'
  const rows = rules.map(({ target, everySeconds, keep, outcome, text, 'last-run': lastRun }) => [
    target,
    `every ${shownSeconds(everySeconds)}`,
    keep === null ? 'keeps everything' : `keeps ${policyText(keep)}`,
    lastRun === null ? 'did not run yet' : `${lastRun.slice(0, 19).replace('T', ' ')} UTC: ${outcome} ${text}`,
  ])
  return shownTable(rows)
}
