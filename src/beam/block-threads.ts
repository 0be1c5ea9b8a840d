import { Worker } from 'node:worker_threads'
import { GlasError } from '../glas/errors.ts'
import type { BlockJob, BlockJobResult } from './block-jobs.ts'

/** One unpacks 400 MB in a second, more than the line gives; a second one costs 100 MB and a core of whoever works here. */
const MAX_THREADS = 1

type Waiting = PromiseWithResolvers<void>

/**
 * A few threads for the work on blocks, started when there is some. Beside the cores that they use they have a heap of
 * their own, and a small one: the blocks that go through them are what would else make the collector look at the whole
 * heap of the thread that serves others (docs/adr/0076).
 */
export class BlockThreads {
  readonly #threads: Thread[] = []
  #isClosed = false

  /** Throws what the job threw: a GlasError, or a system error with its `code`. */
  async run(job: BlockJob): Promise<void> {
    if (this.#isClosed) throw new GlasError('Interrupted', 'The threads were stopped.')
    await this.#leastBusy().run(job)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#threads.splice(0).map((thread) => thread.stop()))
  }

  #leastBusy(): Thread {
    const idle = this.#threads.find((thread) => thread.jobs === 0)
    if (idle !== undefined) return idle
    if (this.#threads.length < MAX_THREADS) this.#threads.push(new Thread())
    return this.#threads.reduce((least, thread) => (thread.jobs < least.jobs ? thread : least))
  }
}

class Thread {
  readonly #worker = new Worker(workerFile(), { workerData: { kind: 'blocks' } })
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #ended: GlasError | undefined

  constructor() {
    this.#worker.on('message', ({ id, result }: { id: number; result: BlockJobResult }) => this.#settle(id, result))
    this.#worker.on('error', (cause) => this.#end(cause))
    this.#worker.on('exit', () => this.#end(undefined))
    this.#worker.unref()
  }

  get jobs(): number {
    return this.#waiting.size
  }

  run(job: BlockJob): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    const waiting = Promise.withResolvers<void>()
    const id = ++this.#lastId
    this.#waiting.set(id, waiting)
    if (this.jobs === 1) this.#worker.ref()
    this.#worker.postMessage({ id, job })
    return waiting.promise
  }

  async stop(): Promise<void> {
    await this.#worker.terminate()
  }

  #settle(id: number, result: BlockJobResult): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (this.jobs === 0) this.#worker.unref()
    if (result.kind === 'done') waiting?.resolve()
    else waiting?.reject(errorOf(result))
  }

  #end(cause: unknown): void {
    this.#ended ??= new GlasError(
      'Internal',
      'A thread that worked on blocks ended early. There may be too little memory.',
      {
        cause,
      },
    )
    for (const { reject } of this.#waiting.values()) reject(this.#ended)
    this.#waiting.clear()
  }
}

function errorOf({ code, message, errno }: BlockJobResult & { kind: 'failed' }): Error {
  if (errno === undefined) return new GlasError(code, message)
  return Object.assign(new Error(message), { code: errno })
}

/** The bundle is one file, which starts itself anew; the sources have a file for it. */
function workerFile(): URL {
  return import.meta.url.endsWith('.ts') ? new URL('./block-worker.ts', import.meta.url) : new URL(import.meta.url)
}
