/** Which blocks the stock takes, and how they are named: CIDv1, SHA-256, codecs raw, dag-pb and dag-cbor. */
import { hash } from 'node:crypto'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { GlasError } from '../glas/errors.ts'

export const RAW_CODE = 0x55
export const DAG_PB_CODE = 0x70
export const DAG_CBOR_CODE = 0x71
const SHA_256_CODE = 0x12
export const DIGEST_BYTES = 32
/** Version, codec, hash code and hash length take a byte each. */
export const CID_BYTES = 4 + DIGEST_BYTES

/** The most that other implementations of IPFS make or accept; our own leaves have at most half of it. */
export const MAX_BLOCK_BYTES = 2 * 1024 * 1024

const CODES: readonly number[] = [RAW_CODE, DAG_PB_CODE, DAG_CBOR_CODE]

/** Throws UnknownFormat for a CID that no block of the stock can have. */
export function checkCid(cid: CID): void {
  const { version, code, multihash } = cid
  if (version === 1 && CODES.includes(code) && multihash.code === SHA_256_CODE && multihash.size === DIGEST_BYTES)
    return
  throw new GlasError('UnknownFormat', `The block ${cid} is not one of ours: only CIDv1 with SHA-256 is kept.`, {
    data: { cid: cid.toString() },
  })
}

/** The CID of a block. */
export function cidOf(code: number, bytes: Uint8Array): CID {
  return CID.createV1(code, Digest.create(SHA_256_CODE, hash('sha256', bytes, 'buffer')))
}

/** What the stock finds a block by: the 32 bytes of its hash. The same bytes under two codecs are one block. */
export function digestOf(cid: CID): Uint8Array {
  return cid.multihash.digest
}

/** The digest as a short string, for maps and sets. */
export function digestKey(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString('latin1')
}

export function keyOf(cid: CID): string {
  return digestKey(digestOf(cid))
}

/**
 * The block together with what its CID makes of it: the same bytes may be linked as a leaf here and as a node there,
 * and only the node has links to follow.
 */
export function walkKey(cid: CID): string {
  return String.fromCharCode(cid.code) + keyOf(cid)
}

export function cidOfDigest(code: number, digest: Uint8Array): CID {
  return CID.createV1(code, Digest.create(SHA_256_CODE, digest))
}

export function isBlockOf(cid: CID, bytes: Uint8Array): boolean {
  return hash('sha256', bytes, 'buffer').equals(digestOf(cid))
}

/** Throws BlockMismatch where the bytes are not those of the CID, LimitExceeded where they are too many. */
export function checkBlock(cid: CID, bytes: Uint8Array): void {
  checkCid(cid)
  checkBlockSize(cid, bytes.length)
  if (isBlockOf(cid, bytes)) return
  throw new GlasError('BlockMismatch', `What came as block ${cid} has another hash. Get it from somebody else.`, {
    data: { cid: cid.toString() },
  })
}

export function checkBlockSize(cid: CID, sizeBytes: number): void {
  if (sizeBytes <= MAX_BLOCK_BYTES) return
  throw new GlasError(
    'LimitExceeded',
    `The block ${cid} has ${sizeBytes} bytes; at most ${MAX_BLOCK_BYTES} are kept.`,
    {
      data: { cid: cid.toString(), limit: MAX_BLOCK_BYTES, value: sizeBytes, unit: 'bytes' },
    },
  )
}

export function blockMissing(cid: CID): GlasError {
  return new GlasError('BlockMissing', `The block ${cid} is not in the stock. Pull the version again to get it.`, {
    data: { cid: cid.toString() },
  })
}
