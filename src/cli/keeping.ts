import type { CheckResult } from '../beam/check.ts'
import type { Pinned } from '../beam/pins.ts'
import { GlasError } from '../glas/errors.ts'
import type { RepackReport } from '../stock/repack.ts'
import type { SweepReport } from '../stock/sweep.ts'
import { renderRemotelyPinned } from './remotes.ts'
import { call, run } from './run.ts'
import { shown, shownBytes, shownTable } from './shown.ts'
import type { Terminal } from './terminal.ts'
import type { AddVerb } from './verb.ts'

/** The verbs that look after the stock: gc, repack, check, pin, unpin. */
export const addKeeping: AddVerb = (program, start) => {
  program
    .command('gc')
    .description('free what no pinned version needs')
    .action(() => {
      return run(start(), 'gc', {}, (report) => `${freed(report)}${idle(report)}`)
    })
  program
    .command('repack')
    .description('as gc, and make the stock as small as it can be; takes its time')
    .action(() => run(start(), 'repack', {}, (report) => `${freed(report)}${replaced(report)}`))
  program
    .command('check')
    .description('read and verify everything in the stock')
    .option('--repair', 'fetch what is damaged or missing from other peers')
    .action(async (options: { repair?: true }) => {
      const begun = start()
      const result = await call(begun, 'check', { repair: options.repair === true })
      if (result.findings.length > 0) throw damaged(result, begun.terminal)
      begun.terminal.result(result, render)
    })
  program
    .command('pin <reference>')
    .description('keep a version here until it is unpinned; fetches it')
    .option('--remote <name>', 'have a remote keep it instead: `pintglas remote`')
    .action((reference: string, { remote }: { remote?: string }) => {
      if (remote !== undefined) return run(start(), 'pinRemotely', { reference, remote }, renderRemotelyPinned)
      return run(start(), 'pin', { reference }, (done) => `${name(done)} is kept here.`)
    })
  program
    .command('unpin <reference>')
    .description('keep a version here no longer; the next gc frees it')
    .option('--force', 'also when nobody else is known to hold it')
    .option('--remote <name>', 'have a remote keep it no longer')
    .action((reference: string, options: { force?: true; remote?: string }) => {
      const { remote } = options
      if (remote !== undefined) return run(start(), 'unpinRemotely', { reference, remote }, renderRemotelyPinned)
      const args = { reference, force: options.force === true }
      return run(start(), 'unpin', args, (done) => `${name(done)} is not kept here any more.`)
    })
}

function freed({ removedBlocks, freedBytes }: SweepReport): string {
  return `Freed ${shownBytes(freedBytes)} (${removedBlocks} blocks).`
}

/** Less than this of forgotten versions is not worth to be spoken of. */
const SPOKEN_OF_BYTES = 1024 * 1024

function idle({ baseBytes }: SweepReport): string {
  if (baseBytes < SPOKEN_OF_BYTES) return ''
  return ` ${shownBytes(baseBytes)} of forgotten versions stay for others that are kept as a difference to them; see \`pintglas repack\`.`
}

function replaced({ replacedBases }: RepackReport): string {
  return replacedBases === 0 ? '' : ` ${replacedBases} forgotten versions are no longer needed by others.`
}

function render({ blocks, bytes, repaired }: CheckResult): string {
  const mended = repaired === 0 ? '' : ` ${repaired} were fetched again.`
  return `All ${blocks} blocks are good (${shownBytes(bytes)}).${mended}`
}

/** Rows that are printed; `--json` has them all. */
const MAX_SHOWN_FINDINGS = 20

function damaged({ findings, repaired }: CheckResult, terminal: Terminal): GlasError {
  const rows = findings.map(({ block, what, versions }) => [what, versions.join(', ') || 'no version', block])
  const mended = repaired > 0 ? ` ${repaired} others were fetched again.` : ''
  const needy = [...new Set(findings.flatMap(({ versions }) => versions))].slice(0, MAX_SHOWN_FINDINGS).join(', ')
  const who = needy === '' ? 'No version needs them.' : `They belong to ${needy}.`
  const message = `${findings.length} blocks are bad.${mended} ${who} \`pintglas check --repair\` fetches them from other peers.`
  for (const line of shownTable(rows.slice(0, MAX_SHOWN_FINDINGS)).split('\n')) terminal.message(line)
  return new GlasError('BlockMismatch', message, { data: { findings, repaired } })
}

function name(done: Pinned): string {
  return shown(`${done['image-name']}@${done.version}`)
}
