/** Tells when an image is saved: by events of the file system where there are any, and by looking now and then. */
import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LocatedImage } from './locate.ts'

/** Network file systems send no events: so it is looked at, too. */
const LOOK_EVERY_MS = 5_000
/** A save writes for a while: only an image that rested for so long counts. */
const QUIET_MS = 2_000

export interface SavesOptions {
  signal: AbortSignal
  lookEveryMs?: number
  quietMs?: number
}

/** Yields at each save that is over; the first time for what is there already. Ends when the signal is aborted. */
export async function* savesOf(
  { directory, imageFile }: LocatedImage,
  { signal, lookEveryMs = LOOK_EVERY_MS, quietMs = QUIET_MS }: SavesOptions,
): AsyncGenerator<void, void> {
  const path = join(directory, imageFile)
  const news = new News(directory)
  let told = ''
  try {
    while (!signal.aborted) {
      const stamp = await stampOf(path)
      if (stamp !== told && stamp !== '') {
        await sleep(quietMs, undefined, { signal })
        if ((await stampOf(path)) !== stamp) continue
        told = stamp
        yield
      } else await news.orAfter(lookEveryMs, signal)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    news.close()
  }
}

/** Changes with every save; empty while there is no image, as there is for a moment when one is replaced. */
async function stampOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeMs } = await stat(path)
    return [ino, size, mtimeMs].join(' ')
  } catch {
    return ''
  }
}

class News {
  #watcher: FSWatcher | undefined
  #ring: () => void = () => {}

  constructor(directory: string) {
    try {
      this.#watcher = watch(directory, () => this.#ring())
      this.#watcher.on('error', () => this.close())
    } catch {
      // No events on this system, or no more of them: looking now and then has to do.
    }
  }

  async orAfter(ms: number, signal: AbortSignal): Promise<void> {
    const rung = new Promise<void>((resolve) => {
      this.#ring = resolve
    })
    const done = new AbortController()
    try {
      await Promise.race([rung, sleep(ms, undefined, { signal: AbortSignal.any([signal, done.signal]) })])
    } finally {
      done.abort()
    }
  }

  close(): void {
    this.#watcher?.close()
    this.#watcher = undefined
  }
}
