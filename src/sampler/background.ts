import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { CallOptions } from '../beam/progress.ts'
import type { PushArgs, PushResult } from '../beam/push-result.ts'
import { stockFolder } from '../home/home.ts'
import type { PintGlas } from '../open.ts'
import { giveWay } from './give-way.ts'

export type Push = (args: PushArgs, options: CallOptions) => Promise<PushResult>

/**
 * A push that nobody waits for: of an image that runs, or on a schedule. Before the first one the whole process steps
 * back behind all others, for images run on this machine, and it stays there. A daemon that only holds copies never does.
 */
export async function backgroundPush(pintglas: PintGlas): Promise<Push> {
  const { home } = pintglas.parts
  const clones = join(stockFolder(home), 'clones')
  await rm(clones, { recursive: true, force: true }) // what a daemon that was killed has left
  let steppedBack: Promise<void> | undefined
  return async (args, options) => {
    const { niceness, backgroundBytesPerSecond: bytesPerSecond } = home.config
    if (niceness > 0) steppedBack ??= giveWay(niceness)
    await steppedBack
    await mkdir(clones, { recursive: true, mode: 0o700 })
    return pintglas.call('push', { ...args, background: { bytesPerSecond, clones } }, options)
  }
}
