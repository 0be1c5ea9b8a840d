/** The work on whole images that is done in a thread of its own, and how a thread tells what came of it. */
import { hash } from 'node:crypto'
import { GlasError, toGlasError } from '../glas/errors.ts'
import { decodePieces } from '../spur/decode.ts'
import { encodeDelta } from '../spur/encode.ts'
import { BEST_COMPRESSION, type EncodedImage, type EncodeJob, type RebuildJob } from '../stock/image-deltas.ts'

const DIGEST_BYTES = 32
const TOO_LARGE = 'its delta is larger than is of use'

export type ImageJob = ({ kind: 'encode'; maxImageBytes: number } & EncodeJob) | ({ kind: 'rebuild' } & RebuildJob)

export type JobResult =
  | { kind: 'encoded'; encoded: EncodedImage }
  | { kind: 'rebuilt'; bytes: Uint8Array }
  | { kind: 'failed'; code: 'BadDelta' | 'Internal'; message: string }

export function doJob(job: ImageJob): JobResult {
  try {
    if (job.kind === 'encode') return { kind: 'encoded', encoded: encodeAndCheck(job, job.maxImageBytes) }
    return { kind: 'rebuilt', bytes: rebuildAndCheck(job) }
  } catch (error) {
    const { code, message } = toGlasError(error)
    return { kind: 'failed', code: code === 'BadDelta' ? code : 'Internal', message }
  }
}

/** Exact or not at all: what does not come out as it went in is no delta. */
export function encodeAndCheck(job: EncodeJob, maxImageBytes: number): EncodedImage {
  const { base, image, mostBytes = Number.POSITIVE_INFINITY } = job
  const encoding = encodeDelta(base, image, { maxImageBytes, mostLiteralBytes: mostBytes * BEST_COMPRESSION })
  if (encoding.kind === 'unfit') return { ...encoding, phasesMs: {} }
  if (encoding.bytes.length > mostBytes)
    return { kind: 'unfit', reason: TOO_LARGE, phasesMs: encoding.statistics.durationsMs }
  const began = performance.now()
  let same = true
  decodePieces(base, encoding.bytes, image.length, (piece, at) => {
    same &&= Buffer.compare(piece, image.subarray(at, at + piece.length)) === 0
  })
  const phasesMs = { ...encoding.statistics.durationsMs, verify: performance.now() - began }
  if (!same) return { kind: 'unfit', reason: 'its delta did not give it back', phasesMs }
  return { kind: 'delta', bytes: encoding.bytes, phasesMs }
}

/** In memory that threads share: it may be the base of the next one. */
export function rebuildAndCheck({ base, delta, shape }: RebuildJob): Uint8Array {
  const { sizeBytes, leafBytes, digests } = shape
  const bytes = new Uint8Array(new SharedArrayBuffer(sizeBytes))
  decodePieces(base, delta, sizeBytes, (piece, at) => bytes.set(piece, at))
  for (let at = 0, leaf = 0; at < sizeBytes; at += leafBytes, leaf++) {
    const digest = digests.subarray(leaf * DIGEST_BYTES, (leaf + 1) * DIGEST_BYTES)
    if (!hash('sha256', bytes.subarray(at, at + leafBytes), 'buffer').equals(digest)) {
      throw new GlasError('BadDelta', 'An image that was rebuilt from a delta has other bytes than it must have.')
    }
  }
  return bytes
}
