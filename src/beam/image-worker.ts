/** Runs in a thread of its own: does one job on images, tells the result, and ends. See image-deltas.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { doJob, type ImageJob } from './image-jobs.ts'

const { job } = workerData as { job: ImageJob }
parentPort?.postMessage(doJob(job))
