import { randomBytes } from 'node:crypto'
import type { CallOptions, Progress } from '../beam/progress.ts'
import { type GlasError, toGlasError } from '../glas/errors.ts'
import type { GlasId } from '../glas/glas-id.ts'
import type { Changes } from './changes.ts'

/** What came to its end is shown for a while: so many. */
const MAX_ENDED_TRANSFERS = 50
/** Told at most this often for each: a page draws no faster. */
const TELL_EVERY_MS = 250
/** The rate is that of the last while, not of the whole. */
const RATE_WINDOW_MS = 2_000

export interface TransferStart {
  /** `snapshot`: an image was asked; `beam`: one sends; else the verb that moves bytes. */
  kind: string
  /** What is moved, for people. */
  label: string
  /** Undefined where it is not known, or several. */
  glasId: GlasId | undefined
  /** Id of the tap that it is about; empty for none. */
  tap: string
}

export interface Transfer extends TransferStart {
  id: string
  state: 'running' | 'done' | 'failed'
  phase: Progress['phase']
  doneBytes: number
  totalBytes: number | undefined
  bytesPerSecond: number
  startedAt: Date
  /** The version that came of it. */
  made: { glasId: GlasId; version: string; record: string; name: string } | undefined
  error: GlasError | undefined
}

/** Tells of one transfer; `end` or `fail` once. */
export interface TransferTeller {
  readonly transfer: Readonly<Transfer>
  progress(progress: Progress): void
  end(made?: Transfer['made']): void
  fail(error: unknown): void
}

/** What moves now, and what did lately. */
export class Transfers {
  readonly #changes: Changes
  readonly #running = new Map<string, Transfer>()
  readonly #ended: Transfer[] = []
  /** Since the start, by kind. */
  readonly movedBytes = new Map<string, number>()

  constructor(changes: Changes) {
    this.#changes = changes
  }

  begin(start: TransferStart): TransferTeller {
    const transfer: Transfer = {
      ...start,
      id: randomBytes(8).toString('hex'),
      state: 'running',
      phase: 'waiting',
      doneBytes: 0,
      totalBytes: undefined,
      bytesPerSecond: 0,
      startedAt: new Date(),
      made: undefined,
      error: undefined,
    }
    this.#running.set(transfer.id, transfer)
    this.#changes.tell({ topic: 'transfers' })
    return {
      transfer,
      progress: this.#measured(transfer),
      end: (made) => this.#end(transfer, { state: 'done', made }),
      fail: (error) => this.#end(transfer, { state: 'failed', error: toGlasError(error) }),
    }
  }

  /** Runs what may move bytes, as a transfer as soon as it tells of progress. */
  async follow<Result>(
    { kind, label }: Pick<TransferStart, 'kind' | 'label'>,
    options: CallOptions,
    run: (options: CallOptions) => Promise<Result>,
  ): Promise<Result> {
    let telling: TransferTeller | undefined
    const onProgress = (progress: Progress) => {
      telling ??= this.begin({ kind, label, glasId: undefined, tap: '' })
      telling.progress(progress)
      options.onProgress(progress)
    }
    try {
      const result = await run({ ...options, onProgress })
      telling?.end()
      return result
    } catch (error) {
      telling?.fail(error)
      throw error
    }
  }

  /** Those that run first, then the others, the newest first. */
  list(): Transfer[] {
    return [...[...this.#running.values()].reverse(), ...this.#ended]
  }

  get runningCount(): number {
    return this.#running.size
  }

  #measured(transfer: Transfer): (progress: Progress) => void {
    let toldMs = 0
    let window = { atMs: performance.now(), bytes: 0, phase: transfer.phase }
    return ({ phase, doneBytes, totalBytes }) => {
      const now = performance.now()
      const moved = phase === transfer.phase ? Math.max(0, doneBytes - transfer.doneBytes) : doneBytes
      this.movedBytes.set(transfer.kind, (this.movedBytes.get(transfer.kind) ?? 0) + moved)
      Object.assign(transfer, { phase, doneBytes, totalBytes })
      if (phase !== window.phase) window = { atMs: now, bytes: doneBytes, phase }
      const elapsedMs = now - window.atMs
      if (elapsedMs > 0) transfer.bytesPerSecond = Math.max(0, ((doneBytes - window.bytes) * 1000) / elapsedMs)
      if (elapsedMs > RATE_WINDOW_MS) window = { atMs: now, bytes: doneBytes, phase }
      if (now - toldMs < TELL_EVERY_MS) return
      toldMs = now
      this.#changes.tell({ topic: 'transfers' })
    }
  }

  #end(transfer: Transfer, end: Partial<Transfer>): void {
    if (!this.#running.delete(transfer.id)) return
    Object.assign(transfer, end, { bytesPerSecond: 0 })
    this.#ended.unshift(transfer)
    this.#ended.splice(MAX_ENDED_TRANSFERS)
    this.#changes.tell({ topic: 'transfers' })
  }
}
