import type { ImageShape } from './delta-frame.ts'

export interface EncodeJob {
  base: Uint8Array
  image: Uint8Array
  /** A larger delta is of no use: the image is unfit as soon as that is clear. No limit where not given. */
  mostBytes?: number | undefined
}

export type EncodedImage =
  | { kind: 'delta'; bytes: Uint8Array; phasesMs: Record<string, number> }
  /** Why the image has to be kept as it is, in words. */
  | { kind: 'unfit'; reason: string; phasesMs: Record<string, number> }

export interface RebuildJob {
  base: Uint8Array
  delta: Uint8Array
  shape: ImageShape
}

/**
 * What knows images from the inside. Both take seconds of work and much memory, and are done elsewhere: the bytes given
 * may lie in shared memory, and must not change until it is done.
 */
export interface ImageDeltas {
  /** A delta that was applied, and gave the image byte for byte. */
  encode(job: EncodeJob, signal?: AbortSignal): Promise<EncodedImage>
  /** The image, its leaves verified. Throws BadDelta. */
  rebuild(job: RebuildJob): Promise<Uint8Array>
}

/** Larger images are kept as blocks, unless the settings say otherwise: a delta takes four times as much memory. */
export const MAX_IMAGE_BYTES = 1024 * 1024 * 1024

/** Heaps compress to a fourth or fifth: what takes more than so many times as much will not get that small. */
export const BEST_COMPRESSION = 16

/** Whether a delta must become larger than that, by the sizes alone: what an image has grown by is not in its base. */
export function isHopeless(baseBytes: number, imageBytes: number, mostBytes: number): boolean {
  return imageBytes - baseBytes > mostBytes * BEST_COMPRESSION
}
