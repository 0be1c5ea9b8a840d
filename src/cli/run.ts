import type { CallOptions } from '../beam/progress.ts'
import { isGlasError } from '../glas/errors.ts'
import type { HomeFolder } from '../home/folder.ts'
import type { Arguments, Result, VerbName } from '../open.ts'
import { callDaemon, connectDaemon } from './remote.ts'
import type { Terminal } from './terminal.ts'

/** Each waits a second for the lock: its holder may be a short verb, or a daemon that has no socket yet. */
const LOCKED_TRIES = 10

/** What every verb is started with: the global options. */
export interface Run {
  home: HomeFolder
  terminal: Terminal
  options: CallOptions
}

/** Runs a verb in the daemon when one is up, else here, and prints its result. */
export async function run<Verb extends VerbName>(
  start: Run,
  verb: Verb,
  args: Arguments<Verb>,
  render: (result: Result<Verb>) => string,
): Promise<void> {
  start.terminal.result(await call(start, verb, args), render)
}

/** The same without printing. */
export async function call<Verb extends VerbName>(
  start: Run,
  verb: Verb,
  args: Arguments<Verb>,
): Promise<Result<Verb>> {
  for (let tries = 1; ; tries++) {
    const socket = await connectDaemon(start.home.socket)
    if (socket !== undefined) return (await callDaemon(socket, verb, args, start.options)) as Result<Verb>
    try {
      return await callHere(start, verb, args)
    } catch (error) {
      if (!isGlasError(error, 'StoreLocked') || tries >= LOCKED_TRIES) throw error
    }
  }
}

async function callHere<Verb extends VerbName>(start: Run, verb: Verb, args: Arguments<Verb>): Promise<Result<Verb>> {
  const { accessOf, openPintGlas } = await import('../open.ts')
  const { home, options } = start
  const pintglas = await openPintGlas(home, { access: accessOf(verb), isDaemon: false, options })
  try {
    return await pintglas.call(verb, args, options)
  } finally {
    await pintglas.close()
  }
}
