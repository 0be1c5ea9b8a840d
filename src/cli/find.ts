import type { FoundVersion } from '../beam/find.ts'
import { run } from './run.ts'
import { shownTable } from './shown.ts'
import type { AddVerb } from './verb.ts'

export const addFind: AddVerb = (program, start) => {
  program
    .command('find <words>')
    .description('find versions by name, tag, note, date, host name or path')
    .action((words: string) => run(start(), 'find', { words }, render))
}

function render({ found }: { found: FoundVersion[] }): string {
  if (found.length === 0) return 'Nothing found.'
  return shownTable(found.map((one) => [`${one['image-name']}@${one.version}`, one['glas-id'], one.matched, one.text]))
}
