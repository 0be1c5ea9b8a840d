import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { GlasError } from '../glas/errors.ts'

/** What stays free on the disk whatever is beamed in: the stock, and others on this machine, need some. */
export const MIN_FREE_BYTES = 1024 ** 3

/** A folder of its own for one transfer. Gone when it is released, whatever happened to what is in it. */
export interface SpoolPlace {
  folder: string
  /** Claims more room. Throws DiskFull when it would go into what has to stay free. */
  reserve(bytes: number): Promise<void>
  release(): Promise<void>
}

/** Where transfers lie until they are in the stock. Nothing in it is worth anything after a crash. */
export class Spool {
  readonly #folder: string
  readonly #minFreeBytes: number
  #reservedBytes = 0

  private constructor(folder: string, minFreeBytes: number) {
    this.#folder = folder
    this.#minFreeBytes = minFreeBytes
  }

  /** Removes what a daemon that was killed has left. The folder must be this process's alone. */
  static async open(folder: string, minFreeBytes = MIN_FREE_BYTES): Promise<Spool> {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true, mode: 0o700 })
    return new Spool(folder, minFreeBytes)
  }

  async place(): Promise<SpoolPlace> {
    const folder = await mkdtemp(join(this.#folder, 'beam-'))
    let heldBytes = 0
    return {
      folder,
      reserve: async (bytes) => {
        await this.#reserve(bytes)
        heldBytes += bytes
      },
      release: async () => {
        await rm(folder, { recursive: true, force: true })
        this.#reservedBytes -= heldBytes
        heldBytes = 0
      },
    }
  }

  /** What was reserved counts until its release, written or not: two transfers never hope for the same room. */
  async #reserve(bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder)
    // Nothing is waited for from here on: of those that come at once the first one that fits gets the room.
    if (bavail * bsize - this.#reservedBytes - bytes >= this.#minFreeBytes) {
      this.#reservedBytes += bytes
      return
    }
    const message = `There is no room for a snapshot of ${bytes} bytes in ${this.#folder}: free some space, or move the stock.`
    throw new GlasError('DiskFull', message, { data: { path: this.#folder, bytes, free: bavail * bsize } })
  }
}
