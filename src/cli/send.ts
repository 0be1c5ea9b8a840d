import type { SendRules } from '../beam/send.ts'
import { run } from './run.ts'
import { shownTable } from './shown.ts'
import type { AddVerb } from './verb.ts'

/** Rules of what a daemon sends by itself: send, unsend. */
export const addSend: AddVerb = (program, start) => {
  program
    .command('send [member]')
    .description('have everything that is published here go to a member by itself; without member: list the rules')
    .action((member: string | undefined) => {
      if (member === undefined) return run(start(), 'sending', {}, render)
      return run(start(), 'send', { peer: member }, render)
    })
  program
    .command('unsend <member>')
    .description('send it there no longer; what was sent stays')
    .action((member: string) => run(start(), 'unsend', { peer: member }, render))
}

function render({ to }: SendRules): string {
  if (to.length === 0) return 'Nothing is sent by itself. `pintglas send <member>` has everything go there.'
  return shownTable(to.map(({ member, peerId }) => [member, peerId]))
}
