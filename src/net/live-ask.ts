/** The asking side of `/pintglas/live/1.0.0`. */
import { GlasError, toGlasError } from '../glas/errors.ts'
import { type PublicKey, peerIdText } from '../glas/keys.ts'
import type { Signed } from '../glas/signed.ts'
import type { TapRight } from '../glas/tap-right.ts'
import type { Channel } from './channel.ts'
import {
  ASK_LIVE_LIMITS,
  type DetailedTap,
  decodeLiveAnswer,
  encodeLiveRequest,
  LIVE_PROTOCOL,
  type LiveAnswer,
  type SnapPhase,
  type Taken,
} from './live-messages.ts'
import { open, type StreamNode } from './streams.ts'
import { decodeAnnouncement, type TapAnnouncement } from './tap-announcement.ts'

const PROTOCOL = { id: LIVE_PROTOCOL, limits: ASK_LIVE_LIMITS }

export interface ListAnswer {
  /** Verified, but not whether they are of members; the peer's own and those of others. */
  announcements: Array<{ announcement: Signed<TapAnnouncement>; ageMs: number }>
  right: TapRight
  /** With host and path; none when the asker may not see them. */
  taps: DetailedTap[]
}

/** What a peer has connected, and what it has heard of others. */
export async function askForTaps(
  libp2p: StreamNode,
  peerKey: PublicKey,
  options: { signal: AbortSignal },
): Promise<ListAnswer> {
  const channel = await open(libp2p, peerKey, PROTOCOL, options)
  try {
    await channel.write(encodeLiveRequest({ kind: 'list' }))
    const announcements: ListAnswer['announcements'] = []
    let answer = await nextAnswer(channel)
    for (; answer.kind === 'announcement'; answer = await nextAnswer(channel)) {
      announcements.push({ announcement: decodeAnnouncement(answer.announcement), ageMs: answer.ageMs })
    }
    if (answer.kind !== 'right') throw unexpected(channel)
    const taps = await readTaps(channel, answer.taps)
    await channel.finish()
    return { announcements, right: answer.right, taps }
  } catch (cause) {
    throw channel.abort(toGlasError(cause))
  }
}

async function readTaps(channel: Channel, count: number): Promise<DetailedTap[]> {
  const taps: DetailedTap[] = []
  while (taps.length < count) {
    const { kind, ...tap } = await nextAnswer(channel)
    if (kind !== 'tap') throw unexpected(channel)
    taps.push(tap as DetailedTap)
  }
  return taps
}

/** Has an image of a peer take a snapshot, and waits until that peer says under which record it is there. */
export async function askForSnapshot(
  libp2p: StreamNode,
  peerKey: PublicKey,
  id: string,
  options: { signal: AbortSignal; onPhase: (phase: SnapPhase) => void },
): Promise<Taken> {
  const channel = await open(libp2p, peerKey, PROTOCOL, options)
  try {
    await channel.write(encodeLiveRequest({ kind: 'snap', id }))
    let answer = await nextAnswer(channel)
    for (; answer.kind === 'progress'; answer = await nextAnswer(channel)) options.onPhase(answer.phase)
    if (answer.kind !== 'taken') throw unexpected(channel)
    await channel.finish()
    return answer
  } catch (cause) {
    throw channel.abort(toGlasError(cause))
  }
}

async function nextAnswer(channel: Channel): Promise<LiveAnswer> {
  return decodeLiveAnswer(await channel.readNext())
}

function unexpected(channel: Channel): GlasError {
  return new GlasError('BadMessage', `The peer ${peerIdText(channel.peerKey)} answered something else than was asked.`)
}
