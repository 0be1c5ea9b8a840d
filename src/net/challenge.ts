import { randomBytes } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import { sha256 } from '../glas/hash.ts'
import { type PublicKey, peerIdText, sameBytes } from '../glas/keys.ts'
import type { StoredBlock } from './block-messages.ts'
import { fetchBlocks } from './fetch-blocks.ts'
import {
  decodeHolderAnswer,
  encodeHolderRequest,
  HOLDERS_LIMITS,
  HOLDERS_PROTOCOL,
  NONCE_BYTES,
} from './holder-messages.ts'
import { open, type StreamNode } from './streams.ts'

/** From a record down to a byte of a file: record, contents, directories, sharded ones, file, leaves. */
const MAX_PATH_BLOCKS = 300

/** A block that both sides have, as its hash says. */
export interface Sample {
  cid: CID
  bytes: Uint8Array
}

/** What is needed to look into blocks that come from a peer. */
export interface BlockReader {
  /** Decompresses and verifies; BlockMismatch. */
  unpack(cid: CID, block: StoredBlock): Promise<Uint8Array>
  linksOf(cid: CID, bytes: Uint8Array): CID[]
}

/** SHA-256 over nonce, the key of the holder that answers, and the block: an answer is good for one asking of one peer. */
export function challengeHash(nonce: Uint8Array, holder: PublicKey, block: Uint8Array): Uint8Array {
  return sha256(Buffer.concat([nonce, holder, block]))
}

/**
 * Asks the peer for proofs on blocks that we have ourselves: no block travels. False when it lacks one of them; a hash
 * that is wrong is BlockMismatch.
 */
export async function challengeByHash(
  libp2p: StreamNode,
  peerKey: PublicKey,
  challenge: { record: CID; samples: Sample[] },
  options: { signal?: AbortSignal } = {},
): Promise<boolean> {
  const { record, samples } = challenge
  const nonce = new Uint8Array(randomBytes(NONCE_BYTES))
  const blocks = samples.map(({ cid }) => cid)
  const channel = await open(libp2p, peerKey, { id: HOLDERS_PROTOCOL, limits: HOLDERS_LIMITS }, options)
  try {
    await channel.write(encodeHolderRequest({ kind: 'challenge', record, nonce, blocks }))
    const answer = decodeHolderAnswer(await channel.readNext())
    if (answer.kind !== 'hashes' || answer.hashes.length !== samples.length) {
      throw new GlasError('BadMessage', `The peer ${peerIdText(peerKey)} did not answer a challenge with its hashes.`)
    }
    await channel.finish()
    if (answer.hashes.some((hash) => hash === null)) return false
    const isRight = (sample: Sample, i: number) =>
      sameBytes(challengeHash(nonce, peerKey, sample.bytes), answer.hashes[i] as Uint8Array)
    if (samples.every(isRight)) return true
    throw new GlasError(
      'BlockMismatch',
      `The peer ${peerIdText(peerKey)} gave a false proof for the version ${record}.`,
    )
  } finally {
    channel.abort(new GlasError('Interrupted', 'The challenge is over.'))
  }
}

/**
 * Where we have nothing of the record: fetches the record and goes down one random path to a leaf, verifying each
 * block. False when the peer does not give one of them; BlockMismatch when it gives other bytes.
 */
export async function challengeByFetch(
  libp2p: StreamNode,
  peerKey: PublicKey,
  challenge: { record: CID; reader: BlockReader },
  options: { signal?: AbortSignal } = {},
): Promise<boolean> {
  const { record, reader } = challenge
  let cid: CID | undefined = record
  for (let i = 0; cid !== undefined; i++) {
    if (i >= MAX_PATH_BLOCKS) {
      throw new GlasError('LimitExceeded', `A path of the version ${record} is longer than ${MAX_PATH_BLOCKS} blocks.`)
    }
    const bytes = await fetchOne(libp2p, peerKey, { cid, reader }, options)
    if (bytes === undefined) return false
    const links: CID[] = reader.linksOf(cid, bytes)
    cid = links[Math.floor(Math.random() * links.length)]
  }
  return true
}

async function fetchOne(
  libp2p: StreamNode,
  peerKey: PublicKey,
  wanted: { cid: CID; reader: BlockReader },
  options: { signal?: AbortSignal },
): Promise<Uint8Array | undefined> {
  const fetch = fetchBlocks(libp2p, peerKey, [[wanted.cid]], options)
  for await (const answer of fetch) {
    if (answer.status !== 'found') return undefined
    try {
      return await wanted.reader.unpack(wanted.cid, answer)
    } catch {
      throw fetch.reportBad(wanted.cid)
    }
  }
  return undefined
}
