/** Entry of the command line, and of the bundle. Reads the arguments; each verb has a file of its own. */
import { isMainThread, workerData } from 'node:worker_threads'
import { Command, CommanderError, Option } from 'commander'
import { GlasError, toGlasError } from '../glas/errors.ts'
import { programVersion } from '../glas/program-version.ts'
import { homeFolder } from '../home/folder.ts'
import { quietWarnings } from './node-warnings.ts'
import type { Run } from './run.ts'
import { Terminal } from './terminal.ts'
import { addVerbs } from './verbs.ts'

interface GlobalOptions {
  home?: string
  json?: true
  quiet?: true
  offline?: true
  timeout?: string
}

/** Longest `--timeout`: setTimeout takes no more than 2^31 - 1 ms, 24 days. */
const MAX_TIMEOUT_SECONDS = 2_000_000

const UNFINISHED =
  'The command is not whole: what of it? `pintglas help <command>` lists what it can do, `pintglas help` all commands.'

quietWarnings()
if (isMainThread) {
  const exitCode = await main(process.argv.slice(2))
  // Everything of ours is closed by now; libp2p leaves timers behind that would keep the process for another second.
  process.stdout.write('', () => process.exit(exitCode))
} else {
  // The bundle is one file, which threads start anew: beam/image-deltas.ts and beam/block-threads.ts.
  const { kind } = workerData as { kind: 'image' | 'blocks' }
  await (kind === 'blocks' ? import('../beam/block-worker.ts') : import('../beam/image-worker.ts'))
}

async function main(args: string[]): Promise<number> {
  const controller = new AbortController()
  const stop = () =>
    controller.abort(new GlasError('Interrupted', 'Interrupted. Run it again: it goes on where it was.'))
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  let terminal = new Terminal({ json: args.includes('--json'), quiet: false })
  const program = newProgram()
  addVerbs(program, () => {
    const options = program.opts<GlobalOptions>()
    terminal = new Terminal({ json: options.json === true, quiet: options.quiet === true })
    return startOf(options, terminal, controller)
  })
  if (args.length === 0) {
    program.outputHelp()
    return 0
  }
  try {
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return commanderExit(error, terminal)
    return terminal.error(controller.signal.aborted ? reasonOf(controller.signal, error) : error)
  }
}

function newProgram(): Command {
  return new Command('pintglas')
    .description('Takes, keeps and delivers snapshots of live Pharo images.')
    .version(programVersion())
    .option('--home <folder>', 'keys, settings and stock of this peer (default: PINTGLAS_HOME or ~/.pintglas)')
    .option('--json', 'print one JSON object (or one a line) on stdout, errors too')
    .option('--quiet', 'print nothing but the result')
    .option('--offline', 'do not use the network')
    .addOption(new Option('--timeout <seconds>', 'give up after this time'))
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .showHelpAfterError(false)
}

function startOf(options: GlobalOptions, terminal: Terminal, controller: AbortController): Run {
  if (options.timeout !== undefined) stopAfter(options.timeout, controller)
  return {
    home: homeFolder(options.home),
    terminal,
    options: {
      signal: controller.signal,
      offline: options.offline === true,
      onProgress: (progress) => terminal.progress(progress),
      onMessage: (message) => terminal.message(message),
    },
  }
}

function stopAfter(text: string, controller: AbortController): void {
  const seconds = Number(text)
  if (!(seconds > 0 && seconds <= MAX_TIMEOUT_SECONDS)) {
    throw new GlasError('BadUsage', `--timeout takes seconds, from 0 to ${MAX_TIMEOUT_SECONDS}, not "${text}".`)
  }
  const message = `Not done within ${seconds} s. Run it again, or give it more time: it goes on where it was.`
  setTimeout(() => controller.abort(new GlasError('TimedOut', message)), seconds * 1000).unref()
}

/** What stopped the work is what the user wants to know, not the error that the stopped work ended with. */
function reasonOf(signal: AbortSignal, error: unknown): unknown {
  const code = toGlasError(error).code
  return code === 'Interrupted' || code === 'TimedOut' || code === 'Internal' ? signal.reason : error
}

function commanderExit(error: CommanderError, terminal: Terminal): number {
  if (error.exitCode === 0) return 0
  if (error.code === 'commander.help') return terminal.error(new GlasError('BadUsage', UNFINISHED))
  const message = error.message
    .replace(/^error: /, '')
    .replace(/\n\(/, ' (')
    .replace(/\.$/, '')
  return terminal.error(new GlasError('BadUsage', `${message}. See \`pintglas help\`.`))
}
