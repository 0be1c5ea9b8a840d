import type { CallOptions } from '../beam/progress.ts'
import type { HomeFolder } from '../home/folder.ts'
import type { Arguments, Result, VerbName } from '../open.ts'
import { callDaemon, connectDaemon } from './remote.ts'
import type { Terminal } from './terminal.ts'

/** What every verb is started with. */
export interface Run {
  home: HomeFolder
  terminal: Terminal
  options: CallOptions
  /** Never reach for the network. */
  offline: boolean
}

/** Runs a verb in the daemon when one is up, else here, and prints its result. */
export async function run<Verb extends VerbName>(
  start: Run,
  verb: Verb,
  args: Arguments<Verb>,
  render: (result: Result<Verb>) => string,
): Promise<void> {
  const socket = start.offline ? undefined : await connectDaemon(start.home.socket)
  const result =
    socket === undefined
      ? await runHere(start, verb, args)
      : ((await callDaemon(socket, verb, args, start.options)) as Result<Verb>)
  start.terminal.result(result, render)
}

async function runHere<Verb extends VerbName>(start: Run, verb: Verb, args: Arguments<Verb>): Promise<Result<Verb>> {
  const { openPintGlas } = await import('../open.ts')
  const pintglas = await openPintGlas(start.home, { verb, offline: start.offline, options: start.options })
  try {
    return await pintglas.call(verb, args, start.options)
  } finally {
    await pintglas.close()
  }
}
