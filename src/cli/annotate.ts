import type { Annotated } from '../beam/annotate.ts'
import type { Forgotten } from '../beam/forget.ts'
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
  program
    .command('forget <reference>')
    .description('let a version go: unpinned here, and retracted for everyone where you may')
    .option('--here', 'only here')
    .action((reference: string, options: { here?: true }) => {
      return run(start(), 'forget', { reference, here: options.here === true }, forgotten)
    })
}

function forgotten(done: Forgotten): string {
  const told = done.retracted ? 'retracted for everyone, and not kept here any more' : 'not kept here any more'
  return `${name(done)} is ${told}. \`pintglas gc\` frees its space.`
}

function name(done: Annotated): string {
  return shown(`${done['image-name']}@${done.version}`)
}
