import type { ListedMember, ListedPeer } from '../beam/swarm.ts'
import type { Allowed } from '../beam/tap-rights.ts'
import { GlasError } from '../glas/errors.ts'
import { TAP_RIGHTS } from '../glas/tap-right.ts'
import { run } from './run.ts'
import { shown, shownTable } from './shown.ts'
import type { AddVerb } from './verb.ts'

/** An invitation that is good for longer than a month is a password. */
const MAX_INVITE_HOURS = 24 * 31

/** The verbs about who belongs together: invite, join, members, listen, peers. */
export const addSwarm: AddVerb = (program, start) => {
  program
    .command('invite')
    .description('print one line that lets another machine join this swarm, once')
    .option('--hours <n>', 'how long it is good', '24')
    .option('--grant <glas>', 'the new member may publish in this glas; `all`: in all of yours')
    .option('--may-invite', 'the new member may invite others')
    .option('--address <host:port>', 'where this machine is reached (again for more)', collect)
    .action((options: { hours: string; grant?: string; mayInvite?: true; address?: string[] }) => {
      const args = {
        hours: hoursOf(options.hours),
        mayInvite: options.mayInvite === true,
        grant: options.grant ?? null,
        addresses: options.address ?? [],
      }
      return run(start(), 'invite', args, ({ invitation }) => `pintglas join ${invitation}`)
    })
  program
    .command('join <invitation>')
    .description('join the swarm of an invitation')
    .option('--leave', 'leave a swarm that has other members')
    .action((invitation: string, options: { leave?: true }) => {
      return run(start(), 'join', { invitation, leave: options.leave === true }, ({ inviter, publishing }) => {
        const grant = publishing === '' ? '' : ' What you push here belongs to the same owner.'
        return `Joined the swarm of ${shown(inviter)}.${grant}`
      })
    })
  addMembers(program, start)
  addPeers(program, start)
}

const addMembers: AddVerb = (program, start) => {
  const members = program.command('members').description('list who belongs to the swarm')
  members.action(() => run(start(), 'members', {}, renderMembers))
  members
    .command('allow <peer> <what>')
    .description(
      'with the images that run here: `live` shows where they are, `snap` also takes snapshots, or `nothing`',
    )
    .action((peer: string, what: string) => {
      const right = TAP_RIGHTS.find((one) => one === what)
      if (right === undefined) throw new GlasError('BadUsage', `Allow ${TAP_RIGHTS.join(', ')}, not "${what}".`)
      return run(start(), 'allowMember', { peer, right }, renderAllowed)
    })
  members
    .command('remove <peer>')
    .description('take a member out of the swarm')
    .option('--with-invited', 'and everybody that it invited')
    .action((peer: string, options: { withInvited?: true }) => {
      const args = { peer, withInvited: options.withInvited === true }
      return run(start(), 'removeMember', args, ({ removed }) => `Removed: ${removed.join(', ')}.`)
    })
}

const addPeers: AddVerb = (program, start) => {
  program
    .command('listen [addresses...]')
    .description('show or set where this peer can be reached, such as 0.0.0.0:4100')
    .action((addresses: string[]) => run(start(), 'listen', { addresses }, ({ listen }) => listen.join('\n')))
  const peers = program.command('peers').description('list the peers that a connection is kept to')
  peers.action(() => run(start(), 'peers', {}, renderPeers))
  peers
    .command('add <address>')
    .description('keep a connection to host:port, host:port#peer-id or ssh://user@host')
    .action((address: string) => run(start(), 'addPeer', { address }, renderPeers))
  peers
    .command('remove <address>')
    .description('keep it no longer')
    .action((address: string) => run(start(), 'removePeer', { address }, renderPeers))
}

function collect(value: string, all: string[] = []): string[] {
  return [...all, value]
}

function hoursOf(text: string): number {
  const hours = Number(text)
  if (hours > 0 && hours <= MAX_INVITE_HOURS) return hours
  throw new GlasError('BadUsage', `--hours takes a number up to ${MAX_INVITE_HOURS}, not "${text}".`)
}

function renderAllowed({ member, right, shared }: Allowed): string {
  const hint = right === 'nothing' || shared ? '' : ' Nothing is shared yet: `pintglas config shareTaps true`.'
  const what = { nothing: 'hear of the names of', live: 'see', snap: 'see and ask' }[right]
  return `${shown(member)} may ${what} the images that run here.${hint}`
}

function renderMembers({ members }: { members: ListedMember[] }): string {
  return shownTable(
    members.map((member) => [
      member.name,
      member.self ? 'this machine' : member.connected ? 'connected' : '-',
      member.founder ? 'founder' : member.mayInvite ? 'may invite' : '-',
      member.taps === 'nothing' || member.self ? '-' : member.taps,
      member.peerId,
    ]),
  )
}

function renderPeers({ peers }: { peers: ListedPeer[] }): string {
  if (peers.length === 0) return 'No permanent peers. `pintglas peers add <host:port | ssh://user@host>` adds one.'
  return shownTable(
    peers.map(({ address, connected, error }) => [address, connected ? 'connected' : 'not connected', error]),
  )
}
