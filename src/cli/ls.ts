import type { ListedGlas } from '../beam/ls.ts'
import { run } from './run.ts'
import { shownBytes, shownTable } from './shown.ts'
import type { AddVerb } from './verb.ts'

export const addLs: AddVerb = (program, start) => {
  program
    .command('ls')
    .description(
      'list glases: your own, those you may publish in or follow, and those of whom you invited or were invited by',
    )
    .option('--all', 'every one that is known here')
    .action((options: { all?: true }) => run(start(), 'ls', { all: options.all === true }, render))
}

function render({ glases }: { glases: ListedGlas[] }): string {
  if (glases.length === 0) return 'No glases yet. `pintglas push <directory>` makes one.'
  const rows = glases.map((glas) => [
    glas['image-name'],
    glas.latest === '' ? '(retracted)' : glas.latest,
    `${glas.versions} version${glas.versions === 1 ? '' : 's'}`,
    shownBytes(glas.size),
    glas.date.slice(0, 16).replace('T', ' '),
    glas.writer,
    glas['glas-id'],
  ])
  return shownTable(rows)
}
