import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type ErrorCode, GlasError, toGlasError } from '../glas/errors.ts'
import { type PublicKey, peerIdText, peerKeyOf } from '../glas/keys.ts'
import { Channel, type StreamLimits } from './channel.ts'
import { isRefusal } from './refusal.ts'

/** A protocol as one end sees it: the limits are those of the end that reads. */
export interface Protocol {
  id: string
  limits: StreamLimits
}

/** Who may use a protocol, and where to report what went wrong with a peer. */
export interface Guard {
  /**
   * False gives the peer a refusal and closes the stream before the handler sees it. A promise may wait for the peer's
   * hello; it is given `idleTimeoutMs`.
   */
  allow(peerKey: PublicKey): boolean | Promise<boolean>
  /** The peer broke a rule of the protocol. */
  onViolation(peerKey: PublicKey, error: GlasError): void
  /** This end failed to answer. */
  onFailure(peerKey: PublicKey, error: GlasError): void
}

export type StreamNode = Pick<Libp2p, 'handle' | 'unhandle' | 'dialProtocol'>

/** Codes that say that the other end is at fault, when it is not the other end that says so. */
const VIOLATIONS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'BadMessage',
  'BadSignature',
  'BadEntry',
  'BlockMismatch',
  'LimitExceeded',
  'TimedOut',
  'UnknownFormat',
])

/** libp2p's own count is a backstop, with room for the refusals that we send to whoever has too many. */
const SPARE_STREAMS = 8

export function isViolation(error: GlasError): boolean {
  return VIOLATIONS.has(error.code) && !isRefusal(error)
}

/**
 * Answers `protocol`: each stream that passes the guard and the limits gets `handler`. When it returns, the stream is
 * closed in good order; what it throws is told to the peer (only its code and message, never of an Internal error) and
 * reported to the guard. The function that is given back stops the protocol and drops its streams.
 */
export async function handle(
  libp2p: StreamNode,
  protocol: Protocol,
  guard: Guard,
  handler: (channel: Channel) => Promise<void>,
): Promise<() => Promise<void>> {
  const live = new Map<string, Set<Channel>>()
  const onStream = async (stream: Stream, connection: Connection) => {
    const peer = connection.remotePeer.toString()
    const peerKey = keyOrUndefined(peer)
    if (peerKey === undefined) {
      stream.abort(new GlasError('NotAllowed', 'Only peers with Ed25519 keys are answered.'))
      return
    }
    const channel = new Channel(stream, peerKey, protocol.limits)
    const full = enter(live, peer, channel, protocol)
    channel.closed.addEventListener('abort', () => leave(live, peer, channel), { once: true })
    if (full !== undefined) await settle(channel, guard, full)
    else await answer(channel, protocol, guard, handler)
  }
  const spare = protocol.limits.maxStreamsPerPeer + SPARE_STREAMS
  await libp2p.handle(protocol.id, (stream, connection) => void onStream(stream, connection), {
    maxInboundStreams: spare,
    maxOutboundStreams: spare,
  })
  return async () => {
    await libp2p.unhandle(protocol.id)
    const stopped = new GlasError('Interrupted', 'The peer was stopped.')
    for (const channels of live.values()) for (const channel of [...channels]) channel.abort(stopped)
  }
}

/**
 * Opens a stream to a peer over the connection that is there, whichever side made it, or dials what is known of the
 * peer. `signal` governs the stream for its whole life. The caller ends it with `finish` or `abort`.
 */
export async function open(
  libp2p: StreamNode,
  peerKey: PublicKey,
  protocol: Protocol,
  options: { signal?: AbortSignal } = {},
): Promise<Channel> {
  const limitMs = protocol.limits.idleTimeoutMs
  const limit = AbortSignal.timeout(limitMs)
  const { signal } = options
  let stream: Stream
  try {
    signal?.throwIfAborted()
    const both = signal === undefined ? limit : AbortSignal.any([signal, limit])
    const maxOutboundStreams = protocol.limits.maxStreamsPerPeer + SPARE_STREAMS
    stream = await libp2p.dialProtocol(peerIdFromString(peerIdText(peerKey)), protocol.id, {
      signal: both,
      maxOutboundStreams,
    })
  } catch (cause) {
    if (signal?.aborted) throw toGlasError(signal.reason)
    throw notReached(peerKey, protocol, cause)
  }
  const channel = new Channel(stream, peerKey, protocol.limits)
  const onAbort = () => channel.abort(toGlasError(signal?.reason))
  signal?.addEventListener('abort', onAbort, { once: true })
  channel.closed.addEventListener('abort', () => signal?.removeEventListener('abort', onAbort), { once: true })
  if (signal?.aborted) throw channel.abort(toGlasError(signal.reason))
  return channel
}

async function answer(
  channel: Channel,
  protocol: Protocol,
  guard: Guard,
  handler: (channel: Channel) => Promise<void>,
): Promise<void> {
  try {
    if (!(await isAllowed(channel, protocol, guard))) {
      await channel.refuse(new GlasError('NotAllowed', 'You are no member of this swarm. Ask for an invitation.'))
      return
    }
    await handler(channel)
    await channel.finish()
  } catch (cause) {
    await settle(channel, guard, toGlasError(cause))
  }
}

async function isAllowed(channel: Channel, protocol: Protocol, guard: Guard): Promise<boolean> {
  const verdict = guard.allow(channel.peerKey)
  if (typeof verdict === 'boolean') return verdict
  const { promise: late, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(resolve, protocol.limits.idleTimeoutMs, false)
  try {
    return await Promise.race([verdict, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Reports what ended a stream, and tells the peer while there is still somebody to tell. */
async function settle(channel: Channel, guard: Guard, error: GlasError): Promise<void> {
  if (isViolation(error)) guard.onViolation(channel.peerKey, error)
  else if (!isRefusal(error) && !isParting(error)) guard.onFailure(channel.peerKey, error)
  await channel.refuse(error)
}

const isParting = (error: GlasError): boolean => error.code === 'PeerUnreachable' || error.code === 'Interrupted'

/** Counts the channel in, or gives the reason why there is no room. Refused ones count too, until they are gone. */
function enter(
  live: Map<string, Set<Channel>>,
  peer: string,
  channel: Channel,
  protocol: Protocol,
): GlasError | undefined {
  const own = live.get(peer) ?? new Set()
  live.set(peer, own.add(channel))
  const { maxStreamsPerPeer, maxStreams } = protocol.limits
  if (own.size > maxStreamsPerPeer) return tooMany(protocol, maxStreamsPerPeer, 'from one peer')
  const all = [...live.values()].reduce((sum, channels) => sum + channels.size, 0)
  return all > maxStreams ? tooMany(protocol, maxStreams, 'from all peers') : undefined
}

function leave(live: Map<string, Set<Channel>>, peer: string, channel: Channel): void {
  const own = live.get(peer)
  own?.delete(channel)
  if (own?.size === 0) live.delete(peer)
}

function tooMany(protocol: Protocol, limit: number, whose: string): GlasError {
  const message = `${protocol.id} answers ${limit} streams ${whose} at once. Try again when some are done.`
  return new GlasError('LimitExceeded', message, { retryable: true, data: { limit, unit: 'streams' } })
}

function notReached(peerKey: PublicKey, protocol: Protocol, cause: unknown): GlasError {
  const peer = peerIdText(peerKey)
  if (cause instanceof Error && cause.name === 'UnsupportedProtocolError') {
    const message = `The peer ${peer} does not speak ${protocol.id}. It may run another version of PintGlas.`
    return new GlasError('PeerUnreachable', message, { cause, retryable: false, data: { peer } })
  }
  const message = `The peer ${peer} cannot be reached. Is it running, and reachable from here?`
  return new GlasError('PeerUnreachable', message, { cause, data: { peer } })
}

function keyOrUndefined(peerId: string): PublicKey | undefined {
  try {
    return peerKeyOf(peerId)
  } catch {
    return undefined
  }
}
