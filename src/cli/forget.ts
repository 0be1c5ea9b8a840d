import type { Forgotten } from '../beam/forget.ts'
import type { PolicyResult } from '../beam/forget-by-policy.ts'
import { GlasError } from '../glas/errors.ts'
import { addKeepOptions, type KeepOptions, policyOf } from './keep-options.ts'
import { run } from './run.ts'
import { shown, shownTable } from './shown.ts'
import type { AddVerb } from './verb.ts'

interface ForgetOptions extends KeepOptions {
  here?: true
  policy?: true
  dryRun?: true
}

export const addForget: AddVerb = (program, start) => {
  const command = program
    .command('forget [reference]')
    .description('let a version go: unpinned here, and retracted for everyone where you may')
    .option('--here', 'only here')
    .option(
      '--policy',
      'let go all versions of a glas (without one: of each that is yours) that no --keep option keeps',
    )
    .option('--dry-run', 'with --policy: say why each version stays or goes, and let none go')
  addKeepOptions(command).action((reference: string | undefined, options: ForgetOptions) => {
    const policy = policyOf(options)
    const here = options.here === true
    if (options.policy === undefined) {
      if (policy !== null || options.dryRun) throw new GlasError('BadUsage', '--keep-... and --dry-run need --policy.')
      if (reference === undefined) throw new GlasError('BadUsage', 'Which version? Name one, or use --policy.')
      return run(start(), 'forget', { reference, here }, forgotten)
    }
    if (policy === null) throw new GlasError('BadUsage', '--policy needs to know what to keep, such as --keep-daily 7.')
    const args = { reference: reference ?? null, policy, here, dryRun: options.dryRun === true, ownOnly: false }
    return run(start(), 'forgetByPolicy', args, renderPolicy)
  })
}

function forgotten(done: Forgotten): string {
  const told = done.retracted ? 'retracted for everyone, and not kept here any more' : 'not kept here any more'
  return `${shown(`${done['image-name']}@${done.version}`)} is ${told}. \`pintglas gc\` frees its space.`
}

function renderPolicy({ 'dry-run': dryRun, glases }: PolicyResult): string {
  const goes = dryRun ? 'would go' : 'goes'
  const texts = glases.map(({ 'glas-id': glasId, 'image-name': name, versions }) => {
    const rows = versions.map(({ version, date, stays, reasons }) => {
      return [version, date.slice(0, 19).replace('T', ' '), stays ? 'stays' : goes, reasons.join(', ')]
    })
    return `${shown(name)}  ${glasId}\n${shownTable(rows)}`
  })
  const gone = glases.flatMap(({ versions }) => versions).filter(({ stays }) => !stays).length
  const end = dryRun ? `${gone} would go.` : `${gone} let go. \`pintglas gc\` frees their space.`
  return [...texts, gone === 0 ? 'None goes.' : end].join('\n\n')
}
