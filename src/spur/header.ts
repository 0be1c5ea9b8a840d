/**
 * The header of a Spur image file, 32 and 64 bit. Field offsets are those of SpurImageHeaderStruct in the Pharo VM; all
 * numbers are little-endian. Pure: the caller reads the bytes and knows the size of the file.
 */
import { GlasError } from '../glas/errors.ts'
import type { ImageFormat } from '../glas/record.ts'

/** Enough of the file's start for a header that follows the prefix some old tools wrote. */
export const SPUR_HEAD_BYTES = 1024

const PREFIX_BYTES = 512
const SPUR_32 = 6521
const SPUR_64 = 68021
/** Added to the format number by an image that holds methods of a second bytecode set. */
const MULTIPLE_BYTECODE_SETS = 512
/** Other object formats that begin with a known number: before Spur, and the first 64-bit Spur. */
const OTHER_FORMATS = [6501, 6502, 6504, 6505, 68000, 68002, 68003, 68019]
const HEADER_BYTES = { 4: 64, 8: 128 } as const
/** Segments and objects lie on multiples of this. */
const ALIGNMENT_BYTES = 8

export interface SpurHeader {
  /** As it stands in the file, for example 68021 or 68533. */
  formatNumber: number
  wordSizeBytes: 4 | 8
  multipleBytecodeSets: boolean
  /** Where the header begins: 0, or 512 after a prefix. */
  offsetBytes: 0 | 512
  headerSizeBytes: number
  /** All segments, bridges included. */
  dataSizeBytes: number
  /** Address of the first segment when the image was saved, and of nil. */
  oldBase: number
  specialObjectsOop: number
  lastHash: number
  flags: number
  edenBytes: number
  /** Pharo from 11 on: major times 10 plus minor; 0 before. */
  imageVersion: number
  firstSegmentBytes: number
  freeBytes: number
}

export type SpurReading =
  | { kind: 'spur'; header: SpurHeader }
  /** A Smalltalk image, but of another object format or byte order: kept as it is, its heap is not understood. */
  | { kind: 'other'; formatNumber: number; reason: 'before Spur' | 'foreign byte order' }
  | { kind: 'unknown' }

/**
 * Reads the header from the first bytes of an image file: SPUR_HEAD_BYTES of them, or the whole file when it is
 * shorter. Throws BadImage where the format number is Spur's and the rest contradicts it. A file that is shorter than
 * its header says is no error here: see `isComplete`.
 */
export function readSpurHeader(head: Uint8Array): SpurReading {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  let other: SpurReading = { kind: 'unknown' }
  for (const offset of [0, PREFIX_BYTES] as const) {
    if (view.byteLength < offset + 4) break
    const formatNumber = view.getUint32(offset, true)
    const wordSize = wordSizeOf(formatNumber)
    if (wordSize !== null) return { kind: 'spur', header: readFields(view, offset, wordSize) }
    if (other.kind === 'unknown') other = otherFormat(formatNumber, view.getUint32(offset, false))
  }
  return other
}

/** True when the file holds all the bytes that its header announces; VMs write no more, tools may have added some. */
export function isComplete(header: SpurHeader, fileSizeBytes: number): boolean {
  return fileSizeBytes >= expectedFileBytes(header)
}

export function expectedFileBytes(header: SpurHeader): number {
  return header.offsetBytes + header.headerSizeBytes + header.dataSizeBytes
}

/**
 * What a push needs to know: the format for the record, and the bytes that a complete file has at least. Both are null
 * for an image that is not Spur. Throws BadImage as `readSpurHeader` does.
 */
export function describeImage(head: Uint8Array): { format: ImageFormat | null; expectedBytes: number | null } {
  if (head.byteLength === 0)
    throw new GlasError('BadImage', 'The image is empty. Save it again, or take an older copy.')
  const reading = readSpurHeader(head)
  if (reading.kind !== 'spur') return { format: null, expectedBytes: null }
  const { formatNumber, wordSizeBytes, imageVersion } = reading.header
  return {
    format: { number: formatNumber, wordSizeBytes, imageVersion },
    expectedBytes: expectedFileBytes(reading.header),
  }
}

function wordSizeOf(formatNumber: number): 4 | 8 | null {
  if (formatNumber === SPUR_32 || formatNumber === SPUR_32 + MULTIPLE_BYTECODE_SETS) return 4
  if (formatNumber === SPUR_64 || formatNumber === SPUR_64 + MULTIPLE_BYTECODE_SETS) return 8
  return null
}

function otherFormat(formatNumber: number, swapped: number): SpurReading {
  if (OTHER_FORMATS.includes(formatNumber)) return { kind: 'other', formatNumber, reason: 'before Spur' }
  const foreign = wordSizeOf(swapped) !== null || OTHER_FORMATS.includes(swapped)
  return foreign ? { kind: 'other', formatNumber: swapped, reason: 'foreign byte order' } : { kind: 'unknown' }
}

function readFields(view: DataView, offset: 0 | 512, wordSize: 4 | 8): SpurHeader {
  const size = HEADER_BYTES[wordSize]
  if (view.byteLength < offset + size) {
    throw badHeader(`ends within its header (${view.byteLength} of ${offset + size} bytes)`)
  }
  const wide = wordSize === 8
  const u16 = (narrowAt: number, wideAt: number) => view.getUint16(offset + (wide ? wideAt : narrowAt), true)
  const u32 = (narrowAt: number, wideAt: number) => view.getUint32(offset + (wide ? wideAt : narrowAt), true)
  const word = (narrowAt: number, wideAt: number) =>
    wide ? readWord64(view, offset + wideAt) : view.getUint32(offset + narrowAt, true)
  const formatNumber = view.getUint32(offset, true)
  const header: SpurHeader = {
    formatNumber,
    wordSizeBytes: wordSize,
    multipleBytecodeSets: formatNumber !== SPUR_32 && formatNumber !== SPUR_64,
    offsetBytes: offset,
    headerSizeBytes: u32(4, 4),
    dataSizeBytes: word(8, 8),
    oldBase: word(12, 16),
    specialObjectsOop: word(16, 24),
    lastHash: u32(20, 32),
    flags: u32(28, 48),
    edenBytes: u32(40, 64),
    imageVersion: u16(46, 70),
    firstSegmentBytes: word(48, 72),
    freeBytes: word(52, 80),
  }
  checkFields(header)
  return header
}

/** Sizes and addresses of real images fit 53 bits; a header with more is damaged. */
function readWord64(view: DataView, at: number): number {
  const value = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32
  if (!Number.isSafeInteger(value)) throw badHeader(`holds an impossible number at byte ${at}`)
  return value
}

function checkFields(header: SpurHeader): void {
  const { headerSizeBytes, dataSizeBytes, firstSegmentBytes, oldBase, specialObjectsOop } = header
  if (headerSizeBytes !== HEADER_BYTES[header.wordSizeBytes])
    throw badHeader(`names a header of ${headerSizeBytes} bytes`)
  if (dataSizeBytes === 0 || dataSizeBytes % ALIGNMENT_BYTES !== 0)
    throw badHeader(`names ${dataSizeBytes} bytes of data`)
  if (firstSegmentBytes === 0 || firstSegmentBytes > dataSizeBytes || firstSegmentBytes % ALIGNMENT_BYTES !== 0) {
    throw badHeader(`names a first segment of ${firstSegmentBytes} bytes in ${dataSizeBytes} bytes of data`)
  }
  if (oldBase % ALIGNMENT_BYTES !== 0 || specialObjectsOop % ALIGNMENT_BYTES !== 0 || specialObjectsOop < oldBase) {
    throw badHeader('names addresses that cannot be')
  }
}

function badHeader(what: string): GlasError {
  return new GlasError('BadImage', `The image is damaged: it ${what}. Save it again, or take an older copy.`)
}
