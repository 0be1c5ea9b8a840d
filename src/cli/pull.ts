import { resolve } from 'node:path'
import type { PullResult } from '../beam/pull.ts'
import { addLimits, type LimitOptions, limitsOf } from './limits.ts'
import { run } from './run.ts'
import { shown, shownBytes } from './shown.ts'
import type { AddVerb } from './verb.ts'

export const addPull: AddVerb = (program, start) => {
  addLimits(program.command('pull <reference> [directory]'))
    .description('bring a version back as a directory (default: ./<image name>)')
    .option('--force', 'replace the directory; with work in it that was never pushed it is kept beside')
    .action((reference: string, directory: string | undefined, options: LimitOptions & { force?: true }) => {
      const target = directory === undefined ? {} : { target: resolve(directory) }
      const args = { reference, ...target, base: process.cwd(), force: options.force === true, ...limitsOf(options) }
      return run(start(), 'pull', args, render)
    })
}

function render(result: PullResult): string {
  const name = shown(`${result['image-name']}@${result.version}`)
  const from =
    result.from.length === 0
      ? 'all of it was here'
      : `${shownBytes(result['fetched-bytes'])} came from ${result.from.length} peer${result.from.length > 1 ? 's' : ''}`
  const lines = [
    `Pulled ${name} into ${shown(result.directory)}: ${result.files} files, ${shownBytes(result.size)}; ${from}.`,
    result['kept-old'] === '' ? '' : `The directory that was there is ${shown(result['kept-old'])} now.`,
    // A shell stays in the directory that was moved away or removed, under the name of the new one.
    result.directory === process.cwd() ? 'This terminal is still in the old directory. Type: cd "$PWD"' : '',
    ...result.inert.map(({ path, what }) => `Made inert (somebody else's git ${what}): ${shown(path)}`),
  ]
  return lines.filter((line) => line !== '').join('\n')
}
