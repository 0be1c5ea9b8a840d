/**
 * Words laid out byte by byte: the first bytes of all words, then the second bytes, and so on. Pointers, of which the
 * high bytes hardly differ, compress a third better that way; text and what repeats itself word by word does worse.
 */
import { constants, zstdCompressSync } from 'node:zlib'

/** Larger sections stay as they are: what they hold repeats itself, and trying costs time. */
const MAX_TRIED_BYTES = 1 << 20
/** For the trial alone. */
const TRIAL_LEVEL = 3

/** `bytes` in planes; its length must be a multiple of `width`. */
export function toPlanes(bytes: Uint8Array, width: number): Uint8Array {
  const count = bytes.length / width
  const planes = new Uint8Array(bytes.length)
  for (let word = 0; word < count; word++) {
    for (let byte = 0; byte < width; byte++) planes[byte * count + word] = bytes[word * width + byte]!
  }
  return planes
}

export function fromPlanes(planes: Uint8Array, width: number): Uint8Array {
  const count = planes.length / width
  const bytes = new Uint8Array(planes.length)
  for (let byte = 0; byte < width; byte++) {
    for (let word = 0; word < count; word++) bytes[word * width + byte] = planes[byte * count + word]!
  }
  return bytes
}

/** The planes where they compress better, else undefined. */
export function betterPlanes(bytes: Uint8Array, width: number): Uint8Array | undefined {
  if (bytes.length > MAX_TRIED_BYTES) return undefined
  const planes = toPlanes(bytes, width)
  return trialBytes(planes) < trialBytes(bytes) ? planes : undefined
}

const trialBytes = (bytes: Uint8Array): number =>
  zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: TRIAL_LEVEL } }).length
