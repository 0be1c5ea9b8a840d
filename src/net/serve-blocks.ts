import type { CID } from 'multiformats/cid'
import { GlasError, toGlasError } from '../glas/errors.ts'
import type { PublicKey } from '../glas/keys.ts'
import {
  BLOCKS_PROTOCOL,
  type BlockAnswer,
  decodeRequest,
  encodeAnswer,
  MAX_SERVED_MEMBER_STREAMS,
  MAX_SERVED_STRANGER_STREAMS,
  READ_AHEAD_BLOCKS,
  SERVE_LIMITS,
  type StoredBlock,
} from './block-messages.ts'
import type { Channel } from './channel.ts'
import { RateLimit } from './rate-limit.ts'
import { type Guard, handle, type StreamNode } from './streams.ts'

/** What the protocol needs of a stock. */
export interface BlockShelf {
  /**
   * The block as it lies there, undefined when it does not. The bytes belong to the caller. A failure is answered with
   * `failed` for this block alone, and reported to the guard. May wait for what it costs: that is the peer's to pay.
   */
  stored(cid: CID, peerKey: PublicKey): Promise<StoredBlock | undefined>
  /**
   * Members may have everything, strangers what is public. Asked before anything is looked up, and decided without
   * looking whether the block is there: a refusal must not tell a stranger what is held.
   */
  mayServe(peerKey: PublicKey, cid: CID): boolean
}

/**
 * Answers `/pintglas/blocks/1.0.0` from the shelf until the returned function is called. `guard.allow` tells members
 * from strangers; nobody is sent away for being one, but strangers share a few streams and cannot take those of members.
 */
export function serveBlocks(
  libp2p: StreamNode,
  shelf: BlockShelf,
  guard: Guard,
  upload: RateLimit = new RateLimit(),
): Promise<() => Promise<void>> {
  const protocol = { id: BLOCKS_PROTOCOL, limits: SERVE_LIMITS }
  const members: Served = { streams: 0, max: MAX_SERVED_MEMBER_STREAMS }
  const strangers: Served = { streams: 0, max: MAX_SERVED_STRANGER_STREAMS }
  return handle(libp2p, protocol, { ...guard, allow: () => true }, async (channel) => {
    const served = (await guard.allow(channel.peerKey)) ? members : strangers
    if (served.streams >= served.max) {
      const message = `It sends blocks to ${served.max} others already. Try again, or use another peer.`
      await channel.refuse(new GlasError('PeerUnreachable', message))
      return
    }
    served.streams += 1
    try {
      await answerAll(channel, { shelf, upload }, guard)
    } finally {
      served.streams -= 1
    }
  })
}

interface Served {
  streams: number
  max: number
}

/** One request is read only when the one before is answered: what waits is bounded by the stream's own limits. */
async function answerAll(
  channel: Channel,
  { shelf, upload }: { shelf: BlockShelf; upload: RateLimit },
  guard: Guard,
): Promise<void> {
  for (let request = await channel.read(); request !== undefined; request = await channel.read()) {
    const ahead: Array<Promise<BlockAnswer>> = []
    for (const cid of decodeRequest(request)) {
      ahead.push(answerFor(channel.peerKey, cid, shelf, guard))
      if (ahead.length > READ_AHEAD_BLOCKS) await answerNext(channel, ahead, upload)
    }
    while (ahead.length > 0) await answerNext(channel, ahead, upload)
  }
}

async function answerNext(channel: Channel, ahead: Array<Promise<BlockAnswer>>, upload: RateLimit): Promise<void> {
  const answer = await ahead.shift()
  if (answer !== undefined) await channel.writePaced(upload, ...encodeAnswer(answer))
}

/** Never rejects. */
async function answerFor(peerKey: PublicKey, cid: CID, shelf: BlockShelf, guard: Guard): Promise<BlockAnswer> {
  if (!shelf.mayServe(peerKey, cid)) return { status: 'refused' }
  try {
    const block = await shelf.stored(cid, peerKey)
    return block === undefined ? { status: 'missing' } : { status: 'found', ...block }
  } catch (cause) {
    guard.onFailure(peerKey, toGlasError(cause))
    return { status: 'failed' }
  }
}
