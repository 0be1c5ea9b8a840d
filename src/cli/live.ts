import type { ListedTap } from '../beam/live.ts'
import type { SnapResult } from '../beam/snap.ts'
import { GlasError } from '../glas/errors.ts'
import { run } from './run.ts'
import { shown, shownTable } from './shown.ts'
import type { AddVerb } from './verb.ts'

/** Images that run, here and at other members: live, snap. */
export const addLive: AddVerb = (program, start) => {
  program
    .command('live')
    .description('list the images that run, here and at members that share theirs')
    .action(() => run(start(), 'live', {}, render))
  program
    .command('snap <tap>')
    .description('ask a running image for a snapshot, and wait until it is a version (name, or name@machine)')
    .option('--secrets <what>', '`allow` takes it although secrets were found')
    .action((tap: string, { secrets }: { secrets?: string }) => {
      if (secrets !== undefined && secrets !== 'allow') {
        throw new GlasError('BadUsage', `--secrets takes "allow", not "${secrets}".`)
      }
      return run(start(), 'snap', { tap, allowSecrets: secrets === 'allow' }, renderTaken)
    })
}

function render({ taps }: { taps: ListedTap[] }): string {
  if (taps.length === 0) return 'No image that runs is known.'
  return shownTable(taps.map((tap) => [tap.name, tap.here ? 'here' : tap.peer, whereOf(tap), hintOf(tap)]))
}

function renderTaken(result: SnapResult): string {
  const name = shown(`${result['image-name']}@${result.version}`)
  if (result.outcome === 'unchanged') return `Unchanged: ${name} has all of it already.`
  return result.here ? `Took ${name}.` : `Took ${name}, which is on ${shown(result.peer)} now.`
}

function whereOf({ host, path }: ListedTap): string {
  return path === '' ? '-' : `${host}:${path}`
}

/** Why `snap` would not work. */
function hintOf({ reached, may }: ListedTap): string {
  if (!reached) return 'not reached'
  return may === 'snap' ? '' : 'may not be asked'
}
