import type { LoggedVersion, LogResult } from '../beam/log.ts'
import { run } from './run.ts'
import { shown, shownBytes, shownTable } from './shown.ts'
import type { AddVerb } from './verb.ts'

export const addLog: AddVerb = (program, start) => {
  program
    .command('log <glas>')
    .description('list the versions of a glas, the newest first')
    .action((reference: string) => run(start(), 'log', { reference }, render))
}

function render(result: LogResult): string {
  const rows = result.versions.map((version) => [
    version.version,
    version.date.slice(0, 19).replace('T', ' '),
    shownBytes(version.size),
    version.writer,
    version.here ? 'here' : '-',
    remarks(version),
  ])
  return `${shown(result['image-name'])}  ${result['glas-id']}\n${shownTable(rows)}`
}

function remarks({ tags, note, retracted, fork, record }: LoggedVersion): string {
  const parts = [
    fork ? `(fork @${record})` : '',
    retracted ? '(retracted)' : '',
    ...tags.map((tag) => `[${tag}]`),
    note,
  ]
  return parts.filter((part) => part !== '').join(' ')
}
