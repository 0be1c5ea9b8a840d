import type { Annotated } from '../beam/annotate.ts'
import { run } from './run.ts'
import { shown } from './shown.ts'
import type { AddVerb } from './verb.ts'

export const addAnnotations: AddVerb = (program, start) => {
  program
    .command('tag <reference> <tag>')
    .description('give a version a name')
    .option('--delete', 'take the tag away')
    .action((reference: string, tag: string, options: { delete?: true }) => {
      if (options.delete)
        return run(start(), 'untag', { reference, tag }, (done) => `${name(done)} has no tag ${tag} any more.`)
      return run(start(), 'tag', { reference, tag }, (done) => `${name(done)} is tagged ${tag}.`)
    })
  program
    .command('note <reference> <text>')
    .description('write a sentence about a version; an empty one takes it away')
    .action((reference: string, text: string) => {
      return run(start(), 'note', { reference, text }, (done) => `Noted at ${name(done)}.`)
    })
}

function name(done: Annotated): string {
  return shown(`${done['image-name']}@${done.version}`)
}
