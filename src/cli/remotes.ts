import { readFile } from 'node:fs/promises'
import type { RemotelyPinned } from '../beam/remote-pins.ts'
import type { ListedRemote } from '../beam/remotes.ts'
import type { RemoteKind } from '../remote/remote-pinning.ts'
import { run } from './run.ts'
import { shown, shownTable } from './shown.ts'
import type { AddVerb } from './verb.ts'

/** The verb about IPFS services that keep public versions: `remote`. */
export const addRemotes: AddVerb = (program, start) => {
  const remote = program.command('remote').description('list the IPFS services that can keep copies of public versions')
  remote.action(() => run(start(), 'remotes', {}, render))
  remote
    .command('add <name> <url>')
    .description('add one: a pinning service, or a Kubo node or an IPFS Cluster of your own')
    .option('--kind <kind>', 'what it speaks: pinning-service, kubo or cluster', 'pinning-service')
    .option('--token-file <file>', 'a file that holds the token which it asks for')
    .action(async (name: string, url: string, options: { kind: string; tokenFile?: string }) => {
      const begun = start()
      const token = options.tokenFile === undefined ? '' : (await readFile(options.tokenFile, 'utf8')).trim()
      return run(begun, 'addRemote', { name, url, kind: options.kind as RemoteKind, token }, render)
    })
  remote
    .command('pins <name>')
    .description('list the versions that it keeps, and how far it is with them')
    .action((name: string) => run(start(), 'remotePins', { remote: name }, renderPins))
  remote
    .command('remove <name>')
    .description('forget it, and its token; what it keeps it goes on to keep')
    .action((name: string) => run(start(), 'removeRemote', { name }, render))
}

/** What happened to one version, as a sentence. */
export function renderRemotelyPinned(pin: RemotelyPinned): string {
  const what = shown(`${pin['image-name']}@${pin.version}`)
  if (pin.state === 'none') return `${what} is not kept by ${pin.remote} any more.`
  if (pin.state === 'pinned') return `${what} is kept by ${pin.remote}.`
  return `${what}: ${pin.remote} says ${pin.state}${pin.info === '' ? '' : ` (${shown(pin.info)})`}. See: pintglas remote pins ${pin.remote}`
}

function render({ remotes }: { remotes: ListedRemote[] }): string {
  if (remotes.length === 0) return 'No remotes. `pintglas remote add <name> <url>` adds one.'
  return shownTable(
    remotes.map(({ name, kind, url, ...rest }) => [name, kind, rest['has-token'] ? 'with token' : '-', url]),
  )
}

function renderPins({ pins, others }: { pins: RemotelyPinned[]; others: number }): string {
  const rest = others === 0 ? '' : `${others} other things are kept there, which are not known here.`
  if (pins.length === 0) return rest === '' ? 'Nothing is kept there.' : rest
  const table = shownTable(pins.map((pin) => [`${pin['image-name']}@${pin.version}`, pin.state, pin.info]))
  return rest === '' ? table : `${table}\n${rest}`
}
