import { resolve } from 'node:path'
import { PLAIN_PUSH } from '../beam/push-result.ts'
import { exitCodeOf, GlasError, toGlasError } from '../glas/errors.ts'
import { renderPush } from './push.ts'
import { call, type Run } from './run.ts'
import type { AddVerb } from './verb.ts'

export const addWatch: AddVerb = (program, start) => {
  program
    .command('watch [directory]')
    .description('push an image directory now, and again whenever the image is saved, until it is stopped')
    .option('--secrets <what>', '`allow` pushes although secrets were found')
    .action((directory: string | undefined, { secrets }: { secrets?: string }) => {
      if (secrets !== undefined && secrets !== 'allow') {
        throw new GlasError('BadUsage', `--secrets takes "allow", not "${secrets}".`)
      }
      return watch(start(), resolve(directory ?? '.'), secrets === 'allow')
    })
}

async function watch(start: Run, path: string, allowSecrets: boolean): Promise<void> {
  const { locateImage } = await import('../image/locate.ts')
  const { savesOf } = await import('../image/saves.ts')
  const image = await locateImage(path)
  for await (const _ of savesOf(image, { signal: start.options.signal })) {
    try {
      start.terminal.result(await call(start, 'push', { ...PLAIN_PUSH, path, allowSecrets }), renderPush)
    } catch (error) {
      start.options.signal.throwIfAborted()
      if (!mayBeBetterNextTime(error)) throw error
      start.terminal.message(`${toGlasError(error).message} The next save is tried again.`)
    }
  }
  start.options.signal.throwIfAborted()
}

/** What a later save, or a little time, can change; a mistake in the call cannot. */
function mayBeBetterNextTime(error: unknown): boolean {
  const usage = 2
  return exitCodeOf(error) !== usage
}
