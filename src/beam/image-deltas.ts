import { Worker } from 'node:worker_threads'
import { GlasError } from '../glas/errors.ts'
import { Gate } from '../stock/gate.ts'
import type { EncodeJob, ImageDeltas, RebuildJob } from '../stock/image-deltas.ts'
import type { ImageJob, JobResult } from './image-jobs.ts'

/** A gigabyte takes a minute; whoever needs longer than this is stuck. */
const JOB_LIMIT_MS = 20 * 60_000
/** Each takes four times the memory of an image. */
const MAX_ENCODINGS_AT_ONCE = 1

/** Deltas made and applied in threads, so that the one that serves others does not wait. */
export function imageDeltas(maxImageBytes: number): ImageDeltas {
  const gate = new Gate(MAX_ENCODINGS_AT_ONCE)
  return {
    encode: async ({ base, image, mostBytes }: EncodeJob, signal) => {
      const images = { base: shared(base), image: shared(image) }
      const job: ImageJob = { kind: 'encode', ...images, mostBytes, maxImageBytes }
      const result = await gate.run(() => runInThread(job, signal))
      if (result.kind !== 'encoded') throw failed(result)
      return result.encoded
    },
    rebuild: async ({ base, delta, shape }: RebuildJob) => {
      const result = await runInThread({ kind: 'rebuild', base: shared(base), delta, shape }, undefined)
      if (result.kind !== 'rebuilt') throw failed(result)
      return result.bytes
    },
  }
}

/** Memory that a thread can look at; anything else would be copied for it. */
function shared(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer instanceof SharedArrayBuffer) return bytes
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length))
  copy.set(bytes)
  return copy
}

function failed(result: JobResult): GlasError {
  const { code, message } = result.kind === 'failed' ? result : { code: 'Internal' as const, message: 'no result' }
  return new GlasError(code, message)
}

/** The bundle is one file, which starts itself anew; the sources have a file for it. */
function workerFile(): URL {
  return import.meta.url.endsWith('.ts') ? new URL('./image-worker.ts', import.meta.url) : new URL(import.meta.url)
}

function runInThread(job: ImageJob, signal: AbortSignal | undefined): Promise<JobResult> {
  signal?.throwIfAborted()
  const worker = new Worker(workerFile(), { workerData: { kind: 'image', job } })
  return new Promise<JobResult>((resolve, reject) => {
    const stop = (error: unknown) => {
      reject(error)
      void worker.terminate()
    }
    const tooLong = new GlasError('TimedOut', `An image was not compared within ${JOB_LIMIT_MS / 60_000} minutes.`)
    const timer = setTimeout(() => stop(tooLong), JOB_LIMIT_MS)
    const abort = () => stop(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      reject(new GlasError('Internal', 'A thread that worked on an image ended early. There may be too little memory.'))
    })
  })
}
