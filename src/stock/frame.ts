/**
 * A frame: one block, or one heap delta, in a pack, described and checksummed by its header, so that packs alone are
 * enough to find everything again. 60 bytes, all numbers little-endian, then the stored bytes:
 *
 *     0  4  magic `PGFR`
 *     4  1  kind: 1 a block, 2 a delta of which the blocks of an image are derived (delta-frame.ts)
 *     5  1  codec of a block: 0 as it is, 1 zstd; format of a delta: 1
 *     6  2  length of the CID: 36
 *     8  4  raw length: of the block, or of the image
 *    12  4  stored length
 *    16  4  CRC-32 of the stored bytes
 *    20 36  CID: of the block, or of the root of the image's file
 *    56  4  CRC-32 of the 56 bytes before
 */
import { crc32 } from 'node:zlib'
import { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import { CID_BYTES, checkCid, MAX_BLOCK_BYTES } from './cid.ts'
import type { StoredBlock } from './codec.ts'

export const FRAME_MAGIC = Buffer.from('PGFR')
export const FRAME_HEADER_BYTES = 60
const KIND_BLOCK = 1
const KIND_DELTA = 2
const DELTA_FORMAT = 1
/** A delta that is larger saves little on any image that is kept as one, and would have to fit in memory. */
export const MAX_DELTA_BYTES = 256 * 1024 * 1024
const CRC_OFFSET = 56

export interface FrameHeader {
  kind: 'block' | 'delta'
  cid: CID
  codec: number
  rawLength: number
  storedLength: number
  dataChecksum: number
}

export function encodeFrameHeader(cid: CID, block: StoredBlock): Uint8Array {
  return encodeHeader(KIND_BLOCK, cid, block)
}

/** For the delta of the image file `root` of `sizeBytes`; `stored` is what delta-frame.ts makes. */
export function encodeDeltaHeader(root: CID, sizeBytes: number, stored: Uint8Array): Uint8Array {
  return encodeHeader(KIND_DELTA, root, { codec: DELTA_FORMAT, rawLength: sizeBytes, stored })
}

function encodeHeader(kind: number, cid: CID, { codec, rawLength, stored }: StoredBlock): Uint8Array {
  const header = Buffer.alloc(FRAME_HEADER_BYTES)
  FRAME_MAGIC.copy(header)
  header.writeUInt8(kind, 4)
  header.writeUInt8(codec, 5)
  header.writeUInt16LE(CID_BYTES, 6)
  header.writeUInt32LE(rawLength, 8)
  header.writeUInt32LE(stored.length, 12)
  header.writeUInt32LE(crc32(stored), 16)
  header.set(cid.bytes, 20)
  header.writeUInt32LE(crc32(header.subarray(0, CRC_OFFSET)), CRC_OFFSET)
  return header
}

/** Undefined for bytes that are no frame header; throws UnknownFormat for one that a newer program wrote. */
export function decodeFrameHeader(bytes: Uint8Array): FrameHeader | undefined {
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (header.length < FRAME_HEADER_BYTES || header.compare(FRAME_MAGIC, 0, 4, 0, 4) !== 0) return undefined
  if (crc32(header.subarray(0, CRC_OFFSET)) !== header.readUInt32LE(CRC_OFFSET)) return undefined
  const kind = header.readUInt8(4)
  const codec = header.readUInt8(5)
  const isKnown = kind === KIND_BLOCK || (kind === KIND_DELTA && codec === DELTA_FORMAT)
  if (!isKnown || header.readUInt16LE(6) !== CID_BYTES) {
    throw new GlasError('UnknownFormat', 'A pack holds blocks of a kind that this program does not know. Update it.')
  }
  const rawLength = header.readUInt32LE(8)
  const storedLength = header.readUInt32LE(12)
  const isBlock = kind === KIND_BLOCK
  if (isBlock ? rawLength > MAX_BLOCK_BYTES || storedLength > rawLength : storedLength > MAX_DELTA_BYTES)
    return undefined
  const cid = CID.decode(Uint8Array.from(header.subarray(20, 20 + CID_BYTES)))
  checkCid(cid)
  const dataChecksum = header.readUInt32LE(16)
  return { kind: isBlock ? 'block' : 'delta', cid, codec, rawLength, storedLength, dataChecksum }
}

export function isDataIntact(header: FrameHeader, stored: Uint8Array): boolean {
  return stored.length === header.storedLength && crc32(stored) === header.dataChecksum
}
