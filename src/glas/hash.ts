import { hash } from 'node:crypto'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'

/** Multicodec codes, from the multicodec table. */
export const RAW_CODEC = 0x55
export const DAG_PB_CODEC = 0x70
export const DAG_CBOR_CODEC = 0x71
export const SHA2_256 = 0x12

export const RECORD_CID_BYTES = 36
const RECORD_CID_PREFIX = Uint8Array.from([1, DAG_CBOR_CODEC, SHA2_256, 32])

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(hash('sha256', bytes, 'buffer'))
}

/** The version 1 CID of a block with SHA-256. */
export function cidOf(codec: number, bytes: Uint8Array): CID {
  return CID.createV1(codec, createDigest(SHA2_256, sha256(bytes)))
}

/** Version 1, the given codec, SHA-256 whole: the one way in which CIDs are written here. */
export function isPlainCid(cid: CID, codec: number): boolean {
  return cid.version === 1 && cid.code === codec && cid.multihash.code === SHA2_256 && cid.multihash.size === 32
}

/** The CID that these bytes are, when it can be that of a record: there is one spelling of each. */
export function recordCidOf(bytes: Uint8Array): CID | undefined {
  const spelled = Buffer.compare(bytes.subarray(0, RECORD_CID_PREFIX.length), RECORD_CID_PREFIX) === 0
  return spelled && bytes.byteLength === RECORD_CID_BYTES ? CID.decode(bytes) : undefined
}
