import type { PushResult } from '../beam/push-result.ts'
import { GlasError } from '../glas/errors.ts'
import type { QuarantinedAnswer } from '../sampler/sampler.ts'
import { callDaemon, connectDaemon } from './remote.ts'
import type { Run } from './run.ts'
import { shown, shownBytes, shownTable } from './shown.ts'
import type { AddVerb } from './verb.ts'

interface Options {
  secrets?: string
  refuse?: true
}

/** Snapshots that came without a token: accept. */
export const addAccept: AddVerb = (program, start) => {
  program
    .command('accept [id]')
    .description('make a version of a snapshot that came without a token; without an id, list those that wait')
    .option('--refuse', 'delete it instead')
    .option('--secrets <what>', '`allow` takes it although secrets were found')
    .action(async (id: string | undefined, { secrets, refuse }: Options) => {
      if (secrets !== undefined && secrets !== 'allow') {
        throw new GlasError('BadUsage', `--secrets takes "allow", not "${secrets}".`)
      }
      const begun = start()
      if (id === undefined) {
        const waiting = await ask<{ quarantine: QuarantinedAnswer[] }>(begun, 'quarantine', {})
        return begun.terminal.result(waiting, render)
      }
      if (refuse) {
        const refused = await ask<QuarantinedAnswer>(begun, 'refuse', { id })
        return begun.terminal.result(refused, ({ name }) => shown(`Refused and deleted: ${name}.`))
      }
      const made = await ask<PushResult>(begun, 'accept', { id, allowSecrets: secrets === 'allow' })
      begun.terminal.result(made, (result) => shown(`Accepted as ${result['image-name']}@${result.version}.`))
    })
}

async function ask<Result>({ home, options }: Run, verb: string, args: unknown): Promise<Result> {
  const socket = await connectDaemon(home.socket)
  if (socket === undefined) {
    throw new GlasError('NotRunning', 'Snapshots come to a daemon, and none runs for this home: `pintglas daemon`.')
  }
  return (await callDaemon(socket, verb, args, options)) as Result
}

function render({ quarantine }: { quarantine: QuarantinedAnswer[] }): string {
  if (quarantine.length === 0) return 'Nothing waits.'
  const rows = quarantine.map(({ id, name, host, path, from, size, received }) => [
    id,
    name,
    shownBytes(size),
    received.slice(0, 16).replace('T', ' '),
    `from ${from}`,
    `says it is ${host}:${path}`,
  ])
  return shownTable(rows)
}
