import type { PushResult } from '../beam/push-result.ts'
import { GlasError } from '../glas/errors.ts'
import type { SnapArgs } from '../sampler/sampler.ts'
import type { TapName } from '../sampler/tap-message.ts'
import { callDaemon, connectDaemon } from './remote.ts'
import type { Run } from './run.ts'
import { shown, shownTable } from './shown.ts'
import type { AddVerb } from './verb.ts'

/** Images that run and are connected to the daemon: live, snap. */
export const addLive: AddVerb = (program, start) => {
  program
    .command('live')
    .description('list the images that run and can be asked for a snapshot')
    .action(async () => {
      const begun = start()
      begun.terminal.result(await ask<{ taps: TapName[] }>(begun, 'live', {}), render)
    })
  program
    .command('snap <tap>')
    .description('ask a running image for a snapshot, and wait until it is a version')
    .option('--secrets <what>', '`allow` takes it although secrets were found')
    .action(async (tap: string, { secrets }: { secrets?: string }) => {
      if (secrets !== undefined && secrets !== 'allow') {
        throw new GlasError('BadUsage', `--secrets takes "allow", not "${secrets}".`)
      }
      const begun = start()
      const args: SnapArgs = { tap, allowSecrets: secrets === 'allow' }
      begun.terminal.result(await ask<PushResult>(begun, 'snap', args), (result) => {
        const name = shown(`${result['image-name']}@${result.version}`)
        return result.outcome === 'unchanged' ? `Unchanged: ${name} has all of it already.` : `Took ${name}.`
      })
    })
}

async function ask<Result>({ home, options }: Run, verb: string, args: unknown): Promise<Result> {
  const socket = await connectDaemon(home.socket)
  if (socket === undefined) {
    throw new GlasError('NotRunning', 'Images connect to a daemon, and none runs for this home: `pintglas daemon`.')
  }
  return (await callDaemon(socket, verb, args, options)) as Result
}

function render({ taps }: { taps: TapName[] }): string {
  if (taps.length === 0) return 'No image that runs is connected.'
  return shownTable(taps.map(({ name, host, path }) => [name, `${host}:${path}`]))
}
