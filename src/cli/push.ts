import { resolve } from 'node:path'
import type { PushResult } from '../beam/push-result.ts'
import { GlasError } from '../glas/errors.ts'
import { addLimits, type LimitOptions, limitsOf } from './limits.ts'
import { run } from './run.ts'
import { shown, shownBytes, shownTable } from './shown.ts'
import type { AddVerb } from './verb.ts'

interface PushOptions extends LimitOptions {
  minor?: true
  major?: true
  as?: string
  force?: true
  dryRun?: true
  secrets?: string
  location: boolean
  same?: true
  fork?: true
  to?: string[]
  copies?: string
  public?: true
}

/** More copies than this is a slip of the finger. */
const MAX_COPIES = 100

export const addPush: AddVerb = (program, start) => {
  addLimits(program.command('push [directory]'))
    .description('snapshot an image directory (default: here) into the stock, as a new version')
    .option('--minor', 'raise the minor number of the version')
    .option('--major', 'raise the major number')
    .option('--as <version>', 'use this version')
    .option('--force', 'make a version even when nothing changed')
    .option('--dry-run', 'show what would be left out, and what secrets would be found')
    .option('--secrets <what>', '`allow` pushes although secrets were found')
    .option('--no-location', 'keep host name and path out of the record')
    .option('--same', 'a copied directory goes on with the same glas')
    .option('--fork', 'a copied directory begins a glas of its own')
    .option('--to <peer>', 'end only when this member holds it (again for more)', (peer, all: string[] = []) => [
      ...all,
      peer,
    ])
    .option('--copies <n>', 'end only when so many other peers hold it')
    .option('--public', 'let anybody have it (refused until the heap can be searched for secrets)')
    .action((directory: string | undefined, options: PushOptions) => {
      return run(start(), 'push', argsOf(directory, options), renderPush)
    })
}

function argsOf(directory: string | undefined, options: PushOptions) {
  if (options.secrets !== undefined && options.secrets !== 'allow') {
    throw new GlasError('BadUsage', `--secrets takes "allow", not "${options.secrets}".`)
  }
  const copies = Number(options.copies ?? 0)
  if (!Number.isInteger(copies) || copies < 0 || copies > MAX_COPIES) {
    throw new GlasError('BadUsage', `--copies takes a number from 0 to ${MAX_COPIES}.`)
  }
  if (options.same && options.fork) throw new GlasError('BadUsage', 'Give --same or --fork, not both.')
  const lineage = options.same ? ('same' as const) : options.fork ? ('fork' as const) : undefined
  return {
    path: resolve(directory ?? '.'),
    step: options.major ? ('major' as const) : options.minor ? ('minor' as const) : ('patch' as const),
    ...(options.as === undefined ? {} : { as: options.as }),
    ...(lineage === undefined ? {} : { lineage }),
    force: options.force === true,
    dryRun: options.dryRun === true,
    allowSecrets: options.secrets === 'allow',
    location: options.location,
    to: options.to ?? [],
    copies,
    public: options.public === true,
    ...limitsOf(options),
  }
}

export function renderPush(result: PushResult): string {
  if (result.outcome === 'dry-run') return renderDryRun(result)
  const name = shown(`${result['image-name']}@${result.version}`)
  const lines = [
    result.outcome === 'unchanged'
      ? `Unchanged: ${name} has all of it already.`
      : `Pushed ${name}: ${result.files} files, ${shownBytes(result.size)}, ${shownBytes(result['new-bytes'])} of it new.`,
    leftOutLine(result),
    `Not searched for secrets: ${result.searched.not.map(shown).join(', ') || 'nothing'}.`,
    copiesLine(result),
  ]
  return lines.filter((line) => line !== '').join('\n')
}

function renderDryRun(result: PushResult): string {
  const rows = result['left-out'].map(({ path, rule, reason }) => [path, rule, reason])
  const head = `Would push ${result.files} files, ${shownBytes(result.size)}.`
  const secrets = result.allowed === 0 ? 'No secrets found.' : `${result.allowed} secrets found: the push would stop.`
  if (rows.length === 0) return `${head} ${secrets} Nothing would be left out.`
  return `${head} ${secrets} Left out:\n${shownTable(rows)}`
}

function leftOutLine(result: PushResult): string {
  const count = result['left-out'].filter(({ rule }) => rule !== 'sidecar').length
  return count === 0 ? '' : `Left out: ${count} (see \`pintglas push --dry-run\`).`
}

/** A new version is nowhere else yet; where an older one is by now, only the network could tell. */
function copiesLine({ copies, outcome, ...result }: PushResult): string {
  if (copies.holders.length > 0) return `Copies: here and at ${copies.holders.map(shown).join(', ')}.`
  if (outcome === 'pushed') return `It is only on this machine. For a copy: ${shown(copies.next)}`
  return `Who holds it: pintglas status ${result['glas-id']}@${result.version}. For a copy: ${shown(copies.next)}`
}
