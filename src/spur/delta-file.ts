/** A heap delta as bytes: docs/formats-delta.md describes them one by one. */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { GlasError } from '../glas/errors.ts'
import { betterPlanes, fromPlanes } from './planes.ts'
import { literalUnitsOf, SPAN_NUMBERS, type Spans } from './predict.ts'
import { faultOfSegments, MAX_SEGMENTS, type Segment, UNIT_BYTES } from './segments.ts'
import { ByteReader, ByteWriter } from './varint.ts'

const MAGIC = [0x50, 0x47, 0x48, 0x44] as const
const VERSION = 1
/** Flags: how the two kinds of words are laid out, see planes.ts. */
const LITERALS_IN_PLANES = 1
const PATCHES_IN_PLANES = 2
/** Objects are at least a header and a unit of body: every span but the last copies as much. */
export const LEAST_COPY_UNITS = 2
/** A payload is at most this part of the image: one that needs more is not worth keeping, and reading stays cheap. */
const MAX_PAYLOAD_SHARE = 1 / 2
/** Larger payloads get a lower level: [up to bytes, level]. A save a minute must not cost seconds. */
const LEVELS: readonly (readonly [number, number])[] = [
  [512 * 1024, 19],
  [16 * 1024 * 1024, 9],
  [Number.POSITIVE_INFINITY, 5],
]

export interface Delta {
  wordSizeBytes: 4 | 8
  baseBytes: number
  nextBytes: number
  baseSegments: readonly Segment[]
  nextSegments: readonly Segment[]
  spans: Spans
  /** The words that the spans leave open, then the words of all patches; addresses and offsets exchanged. */
  words: Uint32Array
  /** What follows the last whole unit of the new file: up to seven bytes. */
  tail: Uint8Array
  /** Varints in pairs: words that stay as predicted, then words that are patched; counted over the new file. */
  patches: Uint8Array
}

/** The most bytes that the delta of an image may unpack to. */
export const maxPayloadBytes = (nextBytes: number): number => Math.floor(nextBytes * MAX_PAYLOAD_SHARE)

/** Undefined where the delta would unpack to more than `maxPayloadBytes`: readers refuse that. */
export function writeDelta(delta: Delta): Uint8Array | undefined {
  const spans = spanBytes(delta.spans)
  const words = new Uint8Array(delta.words.buffer, delta.words.byteOffset, delta.words.byteLength)
  const literals = words.subarray(0, literalUnitsOf(delta.spans) * UNIT_BYTES)
  const patched = words.subarray(literals.length)
  const literalPlanes = betterPlanes(literals, delta.wordSizeBytes)
  const patchPlanes = betterPlanes(patched, delta.wordSizeBytes)
  const flags = (literalPlanes ? LITERALS_IN_PLANES : 0) | (patchPlanes ? PATCHES_IN_PLANES : 0)
  const payload = new ByteWriter(words.length + spans.length + delta.patches.length + UNIT_BYTES)
  for (const part of [literalPlanes ?? literals, patchPlanes ?? patched, delta.tail, spans, delta.patches]) {
    payload.put(part)
  }
  if (payload.length > maxPayloadBytes(delta.nextBytes)) return undefined
  const out = new ByteWriter(payload.length / 4 + 256)
  out.put(Uint8Array.from([...MAGIC, VERSION, delta.wordSizeBytes, flags]))
  out.varint(delta.baseBytes)
  out.varint(delta.nextBytes)
  writeSegments(out, delta.baseSegments)
  writeSegments(out, delta.nextSegments)
  for (const number of [words.length, spans.length, delta.patches.length]) out.varint(number)
  out.put(compressed(payload.view()))
  return out.view().slice()
}

function spanBytes(spans: Spans): Uint8Array {
  const out = new ByteWriter()
  let expected = 0
  for (let at = 0; at < spans.length; at += SPAN_NUMBERS) {
    const baseUnit = spans[at + 1]!
    const copyUnits = spans[at + 2]!
    out.varint(spans[at]!)
    out.signed(baseUnit - expected)
    out.varint(copyUnits)
    expected = baseUnit + copyUnits
  }
  return out.view()
}

/** Units between the end of the one before and this one, size in units, address in units. */
function writeSegments(out: ByteWriter, segments: readonly Segment[]): void {
  out.varint(segments.length)
  let end = 0
  for (const { firstUnit, units, address } of segments) {
    out.varint(firstUnit - end)
    out.varint(units)
    out.varint(address / UNIT_BYTES)
    end = firstUnit + units
  }
}

function compressed(payload: Uint8Array): Uint8Array {
  const level = LEVELS.find(([upTo]) => payload.length <= upTo)![1]
  const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_contentSizeFlag]: 0 }
  return zstdCompressSync(payload, { params })
}

/**
 * Throws BadDelta for anything that is no delta from a base of `baseBytes` to an image of `nextBytes`; what is
 * unpacked and allocated is smaller than that image.
 */
export function readDelta(bytes: Uint8Array, baseBytes: number, nextBytes: number): Delta {
  const reader = new ByteReader(bytes, () => {
    throw badDelta('it ends too early, or holds no proper number')
  })
  if (MAGIC.some((byte) => reader.byte() !== byte)) throw badDelta('it does not begin as one')
  if (reader.byte() !== VERSION) throw badDelta('its version is not known here')
  const wordSizeBytes = reader.byte()
  if (wordSizeBytes !== 4 && wordSizeBytes !== 8) throw badDelta('its word size is impossible')
  const flags = reader.byte()
  if (flags > (LITERALS_IN_PLANES | PATCHES_IN_PLANES)) throw badDelta('its flags are not known here')
  if (reader.varint() !== baseBytes) throw badDelta('it was made for another base')
  if (reader.varint() !== nextBytes) throw badDelta('it makes an image of another size')
  const baseSegments = readSegments(reader, Math.floor(baseBytes / UNIT_BYTES))
  const nextUnits = Math.floor(nextBytes / UNIT_BYTES)
  const nextSegments = readSegments(reader, nextUnits)
  const [wordBytes, spanLength, patchLength] = [reader.varint(), reader.varint(), reader.varint()]
  const tailLength = nextBytes % UNIT_BYTES
  const payloadBytes = wordBytes + tailLength + spanLength + patchLength
  if (payloadBytes > maxPayloadBytes(nextBytes) || wordBytes % wordSizeBytes !== 0)
    throw badDelta('its sizes are impossible')
  const payload = unpacked(reader.take(reader.remaining), payloadBytes)
  const rest = new ByteReader(payload.subarray(wordBytes), () => {
    throw badDelta('its spans end too early, or hold no proper number')
  })
  const tail = rest.take(tailLength)
  const spans = readSpans(rest.take(spanLength), Math.floor(baseBytes / UNIT_BYTES), nextUnits)
  const patches = rest.take(patchLength)
  const words = readWords(payload.subarray(0, wordBytes), literalUnitsOf(spans) * UNIT_BYTES, wordSizeBytes, flags)
  return { wordSizeBytes, baseBytes, nextBytes, baseSegments, nextSegments, spans, words, tail, patches }
}

function readWords(bytes: Uint8Array, literal: number, wordSizeBytes: number, flags: number): Uint32Array {
  if (literal > bytes.length) throw badDelta('it holds too few words')
  const unplaned = (part: Uint8Array, flag: number) => {
    if ((flags & flag) !== 0) part.set(fromPlanes(part, wordSizeBytes))
  }
  unplaned(bytes.subarray(0, literal), LITERALS_IN_PLANES)
  unplaned(bytes.subarray(literal), PATCHES_IN_PLANES)
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
}

function readSegments(reader: ByteReader, totalUnits: number): Segment[] {
  const count = reader.varint()
  if (count > MAX_SEGMENTS) throw badDelta('it has too many segments')
  const list: Segment[] = []
  let end = 0
  for (let at = 0; at < count; at++) {
    const firstUnit = end + reader.varint()
    const units = reader.varint()
    list.push({ firstUnit, units, address: reader.varint() * UNIT_BYTES })
    end = firstUnit + units
  }
  const fault = faultOfSegments(list, totalUnits)
  if (fault !== undefined) throw badDelta(`it names ${fault}`)
  return list
}

/** Exactly `payloadBytes`, at the start of a buffer's word. */
function unpacked(frame: Uint8Array, payloadBytes: number): Uint8Array {
  let payload: Uint8Array
  try {
    payload = zstdDecompressSync(frame, { maxOutputLength: Math.max(payloadBytes, 1) })
  } catch (cause) {
    throw badDelta('its payload cannot be unpacked', cause)
  }
  if (payload.length !== payloadBytes) throw badDelta('its payload is of another size than it says')
  return payload.byteOffset % 4 === 0 ? payload : new Uint8Array(payload)
}

function readSpans(bytes: Uint8Array, baseUnits: number, nextUnits: number): Spans {
  const reader = new ByteReader(bytes, () => {
    throw badDelta('its spans end too early, or hold no proper number')
  })
  const most = Math.floor(nextUnits / LEAST_COPY_UNITS) + 1
  let spans = new Int32Array(Math.min(most, 1024) * SPAN_NUMBERS)
  let at = 0
  let nextUnit = 0
  for (let expected = 0; reader.remaining > 0; at += SPAN_NUMBERS) {
    const literalUnits = reader.varint()
    const baseUnit = expected + reader.signed()
    const copyUnits = reader.varint()
    expected = baseUnit + copyUnits
    nextUnit += literalUnits + copyUnits
    if (baseUnit < 0 || expected > baseUnits || nextUnit > nextUnits) throw badDelta('a span is out of range')
    if (copyUnits < LEAST_COPY_UNITS && reader.remaining > 0) throw badDelta('a span copies too little')
    if (at === spans.length) {
      const longer = new Int32Array(Math.min(spans.length * 2, most * SPAN_NUMBERS))
      longer.set(spans)
      spans = longer
    }
    spans.set([literalUnits, baseUnit, copyUnits], at)
  }
  if (nextUnit !== nextUnits) throw badDelta('its spans do not make up the image')
  return spans.subarray(0, at)
}

export function badDelta(what: string, cause?: unknown): GlasError {
  return new GlasError('BadDelta', `The heap delta is damaged: ${what}. Take the blocks instead.`, { cause })
}
