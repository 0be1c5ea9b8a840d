import { resolve } from 'node:path'
import type { ImportResult } from '../beam/import.ts'
import { run } from './run.ts'
import { shown, shownBytes } from './shown.ts'
import { parseSize } from './size.ts'
import type { AddVerb } from './verb.ts'

/** Far more than an image directory has, and less than most disks. */
const DEFAULT_MAX_SIZE = '64G'

export const addImport: AddVerb = (program, start) => {
  program
    .command('import <address> [directory]')
    .description('fetch a public directory from IPFS by its content address (default: ./<last name of the address>)')
    .option(
      '--from <node>',
      'an IPFS node that has it, as host:port#peerId or /ip4/...; more than once for several',
      (node: string, all: string[]) => [...all, node],
      [] as string[],
    )
    .option('--max-size <size>', 'refuse a directory larger than this, such as 500M', DEFAULT_MAX_SIZE)
    .action((address: string, directory: string | undefined, options: { from: string[]; maxSize: string }) => {
      const target = directory === undefined ? {} : { target: resolve(directory) }
      const maxBytes = parseSize('max-size', options.maxSize)
      return run(start(), 'import', { address, ...target, base: process.cwd(), from: options.from, maxBytes }, render)
    })
}

function render(result: ImportResult): string {
  const fetched = result['fetched-bytes']
  const from = fetched === 0 ? 'all of it was here' : `${shownBytes(fetched)} came from IPFS`
  const lines = [
    `Imported into ${shown(result.directory)}: ${result.files} files, ${shownBytes(result.size)}; ${from}.`,
    result['has-image'] ? 'To keep it as a glas: pintglas push it.' : '',
    ...result.inert.map(({ path, what }) => `Made inert (somebody else's git ${what}): ${shown(path)}`),
  ]
  return lines.filter((line) => line !== '').join('\n')
}
