import { spawn } from 'node:child_process'
import { GlasError } from '../glas/errors.ts'
import type { OpenArgs, OpenedPage } from '../sampler/open-page.ts'
import { callDaemon, connectDaemon } from './remote.ts'
import { collect, roleOf } from './token.ts'
import type { AddVerb } from './verb.ts'

interface Options {
  role: string
  glas: string[]
  print?: true
}

/** The page of the daemon, signed in. */
export const addOpen: AddVerb = (program, start) => {
  program
    .command('open')
    .description('open the page of the daemon in a browser, signed in; prints the link, which works once')
    .option('--role <role>', 'what the page may do: viewer, operator or admin', 'admin')
    .option('--glas <glas>', 'it sees and touches only this one (again for more)', collect, [])
    .option('--print', 'only print the link, for a browser elsewhere')
    .action(async ({ role, glas, print }: Options) => {
      const { home, options, terminal } = start()
      const args: OpenArgs = { role: roleOf(role), glases: glas }
      const socket = await connectDaemon(home.socket)
      if (socket === undefined) {
        throw new GlasError('NotRunning', "The page is the daemon's, and none runs for this home: `pintglas daemon`.")
      }
      const opened = (await callDaemon(socket, 'open', args, options)) as OpenedPage
      if (print === undefined && opened.isLocal) launchBrowser(opened.url)
      terminal.result(opened, ({ url }) => url)
    })
}

/** Others on this machine may read the command line: such a link is good for its user alone. */
function launchBrowser(url: string): void {
  const [program = '', ...first] = BROWSERS[process.platform] ?? ['xdg-open']
  const child = spawn(program, [...first, url], { detached: true, stdio: 'ignore' })
  child.on('error', () => {})
  child.unref()
}

const BROWSERS: Partial<Record<NodeJS.Platform, string[]>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
}
