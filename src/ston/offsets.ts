/** From places in a text to places in the file that it was decoded from, for whoever overwrites bytes in place. */
import { GlasError } from '../glas/errors.ts'

/** UTF-16 code units between two places whose byte offset is remembered: asking costs a walk of this many at most. */
const CHECKPOINT_CODE_UNITS = 1024

/** Bytes -> text such that ByteOffsets fits: a byte order mark is kept, bytes that are not UTF-8 are an error. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw new GlasError('BadSton', 'Cannot read STON: the bytes are not UTF-8.', { cause: error })
  }
}

/** Offsets in UTF-16 code units -> offsets in the bytes of the same text in UTF-8. */
export class ByteOffsets {
  private readonly text: string
  private readonly checkpoints: number[] = []

  constructor(text: string) {
    this.text = text
    let bytes = 0
    for (let start = 0; start <= text.length; start += CHECKPOINT_CODE_UNITS) {
      this.checkpoints.push(bytes)
      bytes += this.countBytes(start, Math.min(start + CHECKPOINT_CODE_UNITS, text.length))
    }
  }

  /** `offset` between 0 and the length of the text, not inside a surrogate pair. */
  at(offset: number): number {
    const checkpoint = Math.floor(offset / CHECKPOINT_CODE_UNITS)
    const bytes = this.checkpoints[checkpoint]
    if (bytes === undefined) throw new RangeError(`offset ${offset} in a text of ${this.text.length} code units`)
    return bytes + this.countBytes(checkpoint * CHECKPOINT_CODE_UNITS, offset)
  }

  private countBytes(start: number, end: number): number {
    let bytes = 0
    for (let offset = start; offset < end; offset++) bytes += utf8Bytes(this.text.charCodeAt(offset))
    return bytes
  }
}

function utf8Bytes(codeUnit: number): number {
  if (codeUnit < 0x80) return 1
  if (codeUnit < 0x800) return 2
  // Four bytes for a surrogate pair, two for each half of it.
  return codeUnit >= 0xd800 && codeUnit <= 0xdfff ? 2 : 3
}
