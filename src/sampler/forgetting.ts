import type { CallOptions } from '../beam/progress.ts'
import { GlasError } from '../glas/errors.ts'
import type { GlasId } from '../glas/glas-id.ts'
import type { PintGlas } from '../open.ts'
import type { Changes } from './changes.ts'

/** Long enough to see what was clicked. A retraction that others were told of cannot be called back. */
const UNDO_LIMIT_MS = 30_000
/** Versions that wait to be let go; more of them at once is no slip of a hand. */
const MAX_FORGETTING = 1000

interface Waiting {
  glasId: GlasId
  here: boolean
  timer: NodeJS.Timeout
}

/** Lets versions go after a while in which that can be undone. What a daemon that is killed forgot to forget is kept. */
export class Forgetting {
  readonly undoSeconds = UNDO_LIMIT_MS / 1000
  readonly #pintglas: PintGlas
  readonly #changes: Changes
  readonly #options: CallOptions
  readonly #waiting = new Map<string, Waiting>()

  constructor(pintglas: PintGlas, changes: Changes, options: CallOptions) {
    this.#pintglas = pintglas
    this.#changes = changes
    this.#options = options
  }

  has(record: string): boolean {
    return this.#waiting.has(record)
  }

  /** As the verb `forget`, later. Asking again changes nothing but `here`. */
  begin(record: string, { glasId, here }: { glasId: GlasId; here: boolean }): void {
    if (this.#waiting.size >= MAX_FORGETTING && !this.has(record)) {
      throw new GlasError('LimitExceeded', `${MAX_FORGETTING} versions are being let go already. Wait a little.`, {
        data: { limit: MAX_FORGETTING, unit: 'versions' },
      })
    }
    clearTimeout(this.#waiting.get(record)?.timer)
    const timer = setTimeout(() => void this.#forget(record), UNDO_LIMIT_MS).unref()
    this.#waiting.set(record, { glasId, here, timer })
    this.#changes.tell({ topic: 'glases', glases: [glasId] })
  }

  /** NameNotFound when it is too late, or nobody wanted to let it go. */
  undo(record: string): void {
    const waiting = this.#waiting.get(record)
    if (waiting === undefined) throw new GlasError('NameNotFound', 'Nothing to undo: it is let go already, or was not.')
    clearTimeout(waiting.timer)
    this.#waiting.delete(record)
    this.#changes.tell({ topic: 'glases', glases: [waiting.glasId] })
  }

  /** Those that still wait are let go now: somebody was told so. */
  async close(): Promise<void> {
    for (const record of [...this.#waiting.keys()]) await this.#forget(record)
  }

  async #forget(record: string): Promise<void> {
    const waiting = this.#waiting.get(record)
    if (waiting === undefined) return
    clearTimeout(waiting.timer)
    this.#waiting.delete(record)
    const { glasId, here } = waiting
    try {
      await this.#pintglas.call('forget', { reference: `${glasId}@${record}`, here }, this.#options)
    } catch (error) {
      this.#options.onMessage(`${glasId}@${record} could not be let go: ${(error as Error).message}`)
    }
    this.#changes.tell({ topic: 'glases', glases: [glasId] })
  }
}
