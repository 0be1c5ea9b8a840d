import type { ListedToken } from '../beam/tokens.ts'
import { GlasError } from '../glas/errors.ts'
import { ROLES, type Role } from '../home/tokens.ts'
import { run } from './run.ts'
import { shown, shownTable } from './shown.ts'
import type { AddVerb } from './verb.ts'

const DEFAULT_EXPIRES = '30d'
const UNIT_SECONDS = { m: 60, h: 3600, d: 86_400 }
/** Ten years: longer is `never`. */
const MAX_VALID_SECONDS = 3653 * 86_400

interface AddOptions {
  role: string
  glas: string[]
  expires: string
}

/** Who may use the daemon's HTTP API: token add, ls, revoke. */
export const addTokens: AddVerb = (program, start) => {
  const token = program.command('token').description('let programs and people use the daemon over HTTP')
  token
    .command('add <name>')
    .description('make a token; it is shown once')
    .requiredOption(
      '--role <role>',
      'viewer: sees; operator: also snapshots, tags, notes, pins, forgets; admin: everything',
    )
    .option('--glas <glas>', 'it sees and touches only this one (again for more)', collect, [])
    .option('--expires <time>', 'such as 12h or 30d; `never` until it is revoked', DEFAULT_EXPIRES)
    .action((name: string, { role, glas, expires }: AddOptions) => {
      const args = { name, role: roleOf(role), glases: glas, validSeconds: secondsOf(expires) }
      return run(start(), 'addToken', args, (made) => `${made.token}\n${described(made)} It is not shown again.`)
    })
  token
    .command('ls')
    .description('list tokens, without themselves')
    .action(() => run(start(), 'tokens', {}, render))
  token
    .command('revoke <name>')
    .description('end a token; what goes on under it is cut off')
    .action((name: string) => run(start(), 'revokeToken', { name }, () => shown(`Revoked "${name}".`)))
}

export function roleOf(text: string): Role {
  const role = ROLES.find((one) => one === text)
  if (role === undefined) throw new GlasError('BadUsage', `--role takes ${ROLES.join(', ')}, not "${text}".`)
  return role
}

export function collect(value: string, before: string[]): string[] {
  return [...before, value]
}

function secondsOf(text: string): number | null {
  if (text === 'never') return null
  const [, count = '', unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? []
  const seconds = Number(count) * (UNIT_SECONDS[unit as keyof typeof UNIT_SECONDS] ?? 0)
  if (seconds > 0 && seconds <= MAX_VALID_SECONDS) return seconds
  throw new GlasError('BadUsage', `--expires takes a time such as 12h or 30d, at most ten years, not "${text}".`)
}

function described({ name, role, glases, expires }: ListedToken): string {
  const what = glases === null ? 'all glases' : glases.join(', ')
  const until = expires === null ? 'until it is revoked' : `until ${expires.slice(0, 16).replace('T', ' ')} UTC`
  return shown(`Token "${name}": ${role} of ${what}, ${until}.`)
}

function render({ tokens }: { tokens: ListedToken[] }): string {
  if (tokens.length === 0) return 'No tokens. `pintglas token add` makes one.'
  const rows = tokens.map(({ name, role, glases, expires, expired }) => [
    name,
    role,
    expired ? 'expired' : (expires?.slice(0, 16).replace('T', ' ') ?? 'never expires'),
    glases === null ? 'all glases' : glases.join(', '),
  ])
  return shownTable(rows)
}
