import type { HomeStatus, VersionStatus } from '../beam/status.ts'
import { run } from './run.ts'
import { shown, shownBytes, shownSeconds, shownTable } from './shown.ts'
import type { AddVerb } from './verb.ts'

export const addStatus: AddVerb = (program, start) => {
  program
    .command('status [reference]')
    .description('who holds a version; without one, this home at a glance')
    .action((reference: string | undefined) => {
      if (reference === undefined) return run(start(), 'homeStatus', {}, renderHome)
      return run(start(), 'status', { reference }, renderVersion)
    })
}

function renderVersion(status: VersionStatus): string {
  const name = shown(`${status['image-name']}@${status.version}`)
  const head = `${name}: ${status.copies} ${status.copies === 1 ? 'copy' : 'copies'}${status.here.length > 0 ? ', one of them here' : ', none here'}.`
  const rows = status.holders.map((holder) => [
    holder.peer,
    holder.proved ? 'proved' : 'says so',
    holder.connected ? 'connected' : 'away',
    `${shownSeconds(holder['seen-seconds-ago'])} ago`,
  ])
  return rows.length === 0 ? head : `${head}\n${shownTable(rows)}`
}

function renderHome(status: HomeStatus): string {
  const rows = [
    ['home', status.home],
    ['machine', status.name],
    ['glases', `${status.glases}, ${status.versions} versions`],
    ['stock', shownBytes(status['stock-bytes'])],
    ['members', `${status.members}, connected: ${status.connected.join(', ') || 'none'}`],
    ...Object.entries(status.violations).map(([peer, counts]) => [
      'misbehaved',
      `${peer}: ${Object.entries(counts)
        .map(([code, count]) => `${code} ${count}`)
        .join(', ')}`,
    ]),
    ...Object.entries(status.refused).map(([code, count]) => ['entries refused', `${code} ${count}`]),
  ]
  return shownTable(rows)
}
