/** How long the command line takes to start, against Node alone and the start of the other programs. */
import { join } from 'node:path'
import { Kubo, NO_KUBO } from '../../kubo/kubo.ts'
import type { Bench, Scenario } from '../bench.ts'
import { type Command, measured } from '../measure.ts'
import { PintGlas } from '../tools/pintglas.ts'
import { isInstalled } from '../tools/store.ts'

export const startup: Scenario = {
  name: 'startup',
  about: 'the command line starts, does next to nothing and ends (Node alone at 0.25 x or more is the aim)',
  async open(bench: Bench): Promise<() => Promise<void>> {
    const home = await new PintGlas(join(bench.folder, 'startup', 'home')).init()
    const env = { PATH: process.env.PATH, HOME: home.folder }
    const node = { argv: [process.execPath, '-e', '0'], env }
    const works: Array<[what: string, tool: string, command: Command]> = [
      ['print the version', 'node alone', node],
      ['print the version', 'pintglas', home.command('--version')],
      ['list what there is', 'node alone', node],
      ['list what there is', 'pintglas', home.command('ls')],
    ]
    for (const [program, argument] of [
      ['restic', 'version'],
      ['borg', '--version'],
    ] as const) {
      if (isInstalled(program)) works.push(['print the version', program, { argv: [program, argument], env }])
      else bench.skip(program, 'not installed')
    }
    if (NO_KUBO === undefined) {
      const kubo = new Kubo(join(bench.folder, 'startup', 'kubo'))
      works.push(['print the version', 'kubo', { argv: kubo.command('version'), env: { ...kubo.env, ...env } }])
    } else bench.skip('kubo', NO_KUBO)
    return async () => {
      for (const [what, tool, command] of works) bench.report(what, tool, await measured(command))
    }
  },
}
