import type { CID } from 'multiformats/cid'
import { errorKind, GlasError, toGlasError } from '../glas/errors.ts'
import { type PublicKey, peerIdText, sameBytes } from '../glas/keys.ts'
import type { Signed } from '../glas/signed.ts'
import type { Channel } from './channel.ts'
import { type Claim, decodeClaim } from './claim.ts'
import {
  decodeHolderAnswer,
  encodeHolderAnswer,
  encodeHolderRequest,
  HOLDERS_LIMITS,
  HOLDERS_PROTOCOL,
  PROGRESS_INTERVAL_MS,
} from './holder-messages.ts'
import { isSettledWithin } from './settled-within.ts'
import { type Guard, open, type StreamNode } from './streams.ts'

/** How far a peer is with what it was asked to hold. `totalBytes` is 0 while it is not known. */
export type HoldProgress = (doneBytes: number, totalBytes: number) => void

export interface HoldOptions {
  signal?: AbortSignal
  onProgress?: HoldProgress
}

/**
 * Asks a peer to hold a record and waits until it has all of it durably. The peer pulls the blocks from us over the
 * connection that is there, so we must be serving them. Gives the peer's claim. What the peer says against it is thrown
 * as GlasError with its code and `data.remote`.
 */
export async function askToHold(
  libp2p: StreamNode,
  peerKey: PublicKey,
  record: CID,
  options: HoldOptions = {},
): Promise<Signed<Claim>> {
  const channel = await open(libp2p, peerKey, { id: HOLDERS_PROTOCOL, limits: HOLDERS_LIMITS }, options)
  try {
    await channel.write(encodeHolderRequest({ kind: 'hold', record }))
    const claim = await claimAtLast(channel, record, options)
    await channel.finish()
    return claim
  } catch (cause) {
    throw channel.abort(toGlasError(cause))
  }
}

async function claimAtLast(channel: Channel, record: CID, options: HoldOptions): Promise<Signed<Claim>> {
  while (true) {
    const answer = decodeHolderAnswer(await channel.readNext())
    if (answer.kind === 'progress') {
      options.onProgress?.(answer.doneBytes, answer.totalBytes)
    } else if (answer.kind === 'claim') {
      const claim = decodeClaim(answer.claim)
      const { peer, held } = claim.body
      if (sameBytes(peer, channel.peerKey) && held.some((cid) => cid.equals(record))) return claim
      throw unexpected(channel, 'claims something else')
    } else {
      throw unexpected(channel, 'answers something else')
    }
  }
}

/** Pulls and keeps the record, or throws: the rules of this home decide, and its error is what the asker is told. */
export type Holding = (
  record: CID,
  from: PublicKey,
  options: { signal: AbortSignal; onProgress: HoldProgress },
) => Promise<void>

/** The asked side. `claimed` gives the claim that is sent when the record is durable. */
export async function answerHold(
  channel: Channel,
  record: CID,
  ports: { hold: Holding; claimed: (record: CID) => Promise<Uint8Array>; guard: Guard },
): Promise<void> {
  let progress = { doneBytes: 0, totalBytes: 0 }
  const onProgress: HoldProgress = (doneBytes, totalBytes) => {
    progress = { doneBytes, totalBytes }
  }
  try {
    const work = ports.hold(record, channel.peerKey, { signal: channel.closed, onProgress })
    while (!(await isSettledWithin(work, PROGRESS_INTERVAL_MS))) {
      if (!channel.closed.aborted) await channel.write(encodeHolderAnswer({ kind: 'progress', ...progress }))
    }
    await work
  } catch (cause) {
    const error = toGlasError(cause)
    if (errorKind(error.code) === 'local') ports.guard.onFailure(channel.peerKey, error)
    await channel.refuse(error)
    return
  }
  await channel.write(encodeHolderAnswer({ kind: 'claim', claim: await ports.claimed(record) }))
}

function unexpected(channel: Channel, what: string): GlasError {
  return new GlasError('BadMessage', `The peer ${peerIdText(channel.peerKey)} was asked to hold a version and ${what}.`)
}
