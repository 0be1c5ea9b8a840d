import { hash } from 'node:crypto'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'

/** Multicodec codes, from the multicodec table. */
export const RAW_CODEC = 0x55
export const DAG_PB_CODEC = 0x70
export const DAG_CBOR_CODEC = 0x71
export const SHA2_256 = 0x12

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(hash('sha256', bytes, 'buffer'))
}

/** The version 1 CID of a block with SHA-256. */
export function cidOf(codec: number, bytes: Uint8Array): CID {
  return CID.createV1(codec, createDigest(SHA2_256, sha256(bytes)))
}
