/** Runs in a thread of its own: does one job on blocks after the other, and tells how each ended. See block-threads.ts. */
import { parentPort } from 'node:worker_threads'
import { type BlockJob, doBlockJob } from './block-jobs.ts'

parentPort?.on('message', ({ id, job }: { id: number; job: BlockJob }) => {
  parentPort?.postMessage({ id, result: doBlockJob(job) })
})
