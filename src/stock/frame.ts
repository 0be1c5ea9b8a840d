/**
 * A frame: one block in a pack, described and checksummed by its header, so that packs alone are enough to find
 * everything again. 60 bytes, all numbers little-endian, then the stored bytes:
 *
 *     0  4  magic `PGFR`
 *     4  1  kind: 1 stored (2 is kept for blocks derived from a base and a delta)
 *     5  1  codec: 0 as it is, 1 zstd
 *     6  2  length of the CID: 36
 *     8  4  raw length
 *    12  4  stored length
 *    16  4  CRC-32 of the stored bytes
 *    20 36  CID
 *    56  4  CRC-32 of the 56 bytes before
 */
import { crc32 } from 'node:zlib'
import { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import { CID_BYTES, checkCid, MAX_BLOCK_BYTES } from './cid.ts'
import type { StoredBlock } from './codec.ts'

export const FRAME_MAGIC = Buffer.from('PGFR')
export const FRAME_HEADER_BYTES = 60
const KIND_STORED = 1
const CRC_OFFSET = 56

export interface FrameHeader {
  cid: CID
  codec: number
  rawLength: number
  storedLength: number
  dataChecksum: number
}

export function encodeFrameHeader(cid: CID, block: StoredBlock): Uint8Array {
  const header = Buffer.alloc(FRAME_HEADER_BYTES)
  FRAME_MAGIC.copy(header)
  header.writeUInt8(KIND_STORED, 4)
  header.writeUInt8(block.codec, 5)
  header.writeUInt16LE(CID_BYTES, 6)
  header.writeUInt32LE(block.rawLength, 8)
  header.writeUInt32LE(block.stored.length, 12)
  header.writeUInt32LE(crc32(block.stored), 16)
  header.set(cid.bytes, 20)
  header.writeUInt32LE(crc32(header.subarray(0, CRC_OFFSET)), CRC_OFFSET)
  return header
}

/** Undefined for bytes that are no frame header; throws UnknownFormat for one that a newer program wrote. */
export function decodeFrameHeader(bytes: Uint8Array): FrameHeader | undefined {
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (header.length < FRAME_HEADER_BYTES || header.compare(FRAME_MAGIC, 0, 4, 0, 4) !== 0) return undefined
  if (crc32(header.subarray(0, CRC_OFFSET)) !== header.readUInt32LE(CRC_OFFSET)) return undefined
  if (header.readUInt8(4) !== KIND_STORED || header.readUInt16LE(6) !== CID_BYTES) {
    throw new GlasError('UnknownFormat', 'A pack holds blocks of a kind that this program does not know. Update it.')
  }
  const rawLength = header.readUInt32LE(8)
  const storedLength = header.readUInt32LE(12)
  if (rawLength > MAX_BLOCK_BYTES || storedLength > rawLength) return undefined
  const cid = CID.decode(Uint8Array.from(header.subarray(20, 20 + CID_BYTES)))
  checkCid(cid)
  return { cid, codec: header.readUInt8(5), rawLength, storedLength, dataChecksum: header.readUInt32LE(16) }
}

export function isDataIntact(header: FrameHeader, stored: Uint8Array): boolean {
  return stored.length === header.storedLength && crc32(stored) === header.dataChecksum
}
