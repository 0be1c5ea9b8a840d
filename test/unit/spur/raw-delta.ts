/** Writes heap deltas by hand, right or wrong, with nothing of the encoder in it: docs/formats-delta.md was the model. */

export interface RawDelta {
  head?: number[]
  version?: number
  wordSize?: number
  flags?: number
  baseBytes: number
  nextBytes: number
  /** Three numbers each: units since the end of the one before, units, address divided by 8. */
  baseSegments?: number[][]
  nextSegments?: number[][]
  words?: Uint8Array
  tail?: Uint8Array
  /** Three numbers each: literal units, difference to the end of the copy before, copied units. */
  spans?: number[][]
  /** Two numbers each. */
  patches?: number[][]
  /** In place of the true lengths of words, spans and patches. */
  lengths?: number[]
  /** In place of the stored payload. */
  frame?: Uint8Array
}

export function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return [...bytes, rest]
}

const signed = (value: number): number[] => varint(value < 0 ? -value * 2 - 1 : value * 2)
const bytesOf = (numbers: readonly number[]): Uint8Array => Uint8Array.from(numbers)

/** A zstd frame of one stored block: magic, single segment with a content size of four bytes, block header, bytes. */
export function stored(payload: Uint8Array): Uint8Array {
  const size = payload.length
  const sizeBytes = [size & 255, (size >> 8) & 255, (size >> 16) & 255, size >>> 24]
  const block = (size << 3) | 1
  const head = [0x28, 0xb5, 0x2f, 0xfd, 0xa0, ...sizeBytes, block & 255, (block >> 8) & 255, (block >> 16) & 255]
  return bytesOf([...head, ...payload])
}

export function rawDelta(delta: RawDelta): Uint8Array {
  const words = delta.words ?? new Uint8Array()
  const tail = delta.tail ?? new Uint8Array()
  const spans = (delta.spans ?? []).flatMap(([literal, jump, copy]) => [
    ...varint(literal!),
    ...signed(jump!),
    ...varint(copy!),
  ])
  const patches = (delta.patches ?? []).flat().flatMap(varint)
  const segments = (list: number[][]) => [...varint(list.length), ...list.flat().flatMap(varint)]
  const lengths = delta.lengths ?? [words.length, spans.length, patches.length]
  return bytesOf([
    ...(delta.head ?? [0x50, 0x47, 0x48, 0x44]),
    delta.version ?? 1,
    delta.wordSize ?? 8,
    delta.flags ?? 0,
    ...varint(delta.baseBytes),
    ...varint(delta.nextBytes),
    ...segments(delta.baseSegments ?? [[0, Math.floor(delta.baseBytes / 8), 0x1000]]),
    ...segments(delta.nextSegments ?? [[0, Math.floor(delta.nextBytes / 8), 0x1000]]),
    ...lengths.flatMap(varint),
    ...(delta.frame ?? stored(bytesOf([...words, ...tail, ...spans, ...patches]))),
  ])
}
