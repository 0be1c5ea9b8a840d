import type { ListedGrant } from '../beam/grants.ts'
import { run } from './run.ts'
import { shownTable } from './shown.ts'
import type { AddVerb } from './verb.ts'

export const addGrant: AddVerb = (program, start) => {
  program
    .command('grant [peer] [glas]')
    .description('let a member publish in a glas of yours; without a glas in all of them; without a peer: list')
    .action((peer: string | undefined, glas: string | undefined) => {
      if (peer === undefined) return run(start(), 'grants', {}, ({ grants }) => render(grants))
      return run(start(), 'grant', { peer, reference: glas ?? null }, (granted) => render([granted]))
    })
  program
    .command('revoke <grant>')
    .description('end a grant, or all grants of a member; what was published under them stays')
    .action((grant: string) => run(start(), 'revoke', { grant }, ({ revoked }) => render(revoked)))
}

function render(grants: ListedGrant[]): string {
  if (grants.length === 0) return 'You have granted nothing to anybody.'
  return shownTable(
    grants.map((grant) => [
      grant.peer,
      grant['glas-id'] === '' ? 'all glases' : grant['glas-id'],
      grant.revoked ? 'revoked' : 'may publish',
      grant.grant.slice(0, 16),
    ]),
  )
}
