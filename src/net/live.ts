import { EventEmitter } from 'node:events'
import { errorKind, GlasError, isGlasError, toGlasError } from '../glas/errors.ts'
import { type KeyPair, type PublicKey, sameBytes, toHex } from '../glas/keys.ts'
import type { TapRight } from '../glas/tap-right.ts'
import { Allowance } from './allowance.ts'
import type { Channel } from './channel.ts'
import { askForSnapshot, askForTaps } from './live-ask.ts'
import {
  type DetailedTap,
  decodeLiveRequest,
  encodeLiveAnswer,
  LIVE_PROGRESS_MS,
  LIVE_PROTOCOL,
  MAX_LISTED_TAPS,
  SERVE_LIVE_LIMITS,
  SNAPSHOT_LIMIT_MS,
  type SnapPhase,
  type Taken,
} from './live-messages.ts'
import { isSettledWithin, unlessAborted } from './settled-within.ts'
import { type Guard, handle, isViolation, type StreamNode } from './streams.ts'
import { type AnnouncedTap, decodeAnnouncement } from './tap-announcement.ts'
import { TapAnnouncer } from './tap-announcer.ts'
import { TapTable } from './tap-table.ts'

/** How often one peer may ask what runs here: a page that is open asks every few seconds. More waits. */
const MAX_LISTS_PER_MINUTE = 60
/** How often one peer may ask images here for snapshots: each one pauses the image of somebody at work. More waits. */
const MAX_SNAPS_PER_MINUTE = 10
/** Snapshots that are being taken for others. */
const MAX_SNAPS_AT_ONCE = 32
/** What a peer said of its images is not asked for again so soon. */
const DETAILS_AGE_MS = 2_000
/** Nor is a peer that could not be reached. */
const FAILURE_AGE_MS = 10_000
/** While somebody looks at the screen; what has not come by then is there at the next look. */
const DETAILS_LIMIT_MS = 8_000
/** Reaching a peer, through others if need be. */
const REACH_LIMIT_MS = 30_000
/** Hearing its list: what is slower than that does not keep a verb from its work. */
const LIST_LIMIT_MS = 10_000

/** The images that run here, as far as others may know of them. */
export interface TapsPort {
  /** Connected here, and shared; none while sharing is off. */
  shared(): DetailedTap[]
  /** What a member may here; `nothing` while sharing is off. */
  rightOf(peerKey: PublicKey): TapRight
  /** Asks the image for a snapshot; returns when it is durable. */
  snap(id: string, options: { signal: AbortSignal; onPhase: (phase: SnapPhase) => void }): Promise<Taken>
}

export interface LivePorts {
  libp2p: StreamNode
  key: KeyPair
  guard: Guard
  taps: TapsPort
  isMember(peerKey: PublicKey): boolean
  /** Connects with a member that is not connected. */
  reach(peerKey: PublicKey, signal: AbortSignal): Promise<void>
  /** Spreads an announcement of ours among the members that are connected. */
  publish(announcement: Uint8Array): Promise<unknown>
}

/** The images of another peer. */
export interface OtherTaps {
  peerKey: PublicKey
  /** False when only its announcement is known. */
  isReached: boolean
  right: TapRight
  /** Host and path where this home may see them. */
  taps: Array<AnnouncedTap & Partial<DetailedTap>>
}

type Details = Pick<OtherTaps, 'isReached' | 'right' | 'taps'> & { atMs: number }
const NOT_REACHED: Omit<Details, 'atMs'> = { isReached: false, right: 'nothing', taps: [] }

/**
 * Images that run at peers: telling of those here, hearing of the others, and asking them for snapshots. Emits `changed`
 * when another member announced something else than before; those that fall silent are not told of.
 */
export class LivePeers extends EventEmitter<{ changed: [] }> {
  readonly #ports: LivePorts
  readonly #announcer: TapAnnouncer
  readonly #table = new TapTable()
  readonly #details = new Map<string, Promise<Details>>()
  readonly #lists = new Allowance(MAX_LISTS_PER_MINUTE)
  readonly #snapsAsked = new Allowance(MAX_SNAPS_PER_MINUTE)
  readonly #stopping = new AbortController()
  #snaps = 0
  #stopHandling: (() => Promise<void>) | undefined

  constructor(ports: LivePorts) {
    super()
    this.#ports = ports
    const { key, publish, taps } = ports
    const names = () => taps.shared().map(({ id, name }) => ({ id, name }))
    this.#announcer = new TapAnnouncer({ key, publish, taps: names })
  }

  /** Answers members. */
  async start(): Promise<void> {
    const protocol = { id: LIVE_PROTOCOL, limits: SERVE_LIVE_LIMITS }
    const { libp2p, guard } = this.#ports
    this.#stopHandling = await handle(libp2p, protocol, guard, (channel) => this.#answer(channel))
  }

  async stop(): Promise<void> {
    await this.#announcer.stop()
    this.#stopping.abort(new GlasError('Interrupted', 'The peer was stopped.'))
    await this.#stopHandling?.()
  }

  /** Images may have come or gone, or be shared or no longer. Cheap. */
  look(): void {
    this.#announcer.look()
  }

  /** Takes in an announcement that came by gossip. Throws for what nobody should have passed on. */
  async receive(bytes: Uint8Array): Promise<'forward' | 'drop'> {
    const announcement = decodeAnnouncement(bytes)
    return this.#take(announcement) ? 'forward' : 'drop'
  }

  /** Asks a member that came what runs there, and what it has heard of others. */
  async memberUp(peerKey: PublicKey): Promise<void> {
    this.#details.delete(toHex(peerKey))
    await this.#detailsOf(peerKey)
  }

  memberDown(peerKey: PublicKey): void {
    this.#details.delete(toHex(peerKey))
  }

  /** Images of other members that are known now, by peer; those that can be asked are asked for more. */
  async others(signal: AbortSignal): Promise<OtherTaps[]> {
    const known = this.#table.known().filter(({ peerKey, taps }) => taps.length > 0 && this.#ports.isMember(peerKey))
    const limit = AbortSignal.any([signal, AbortSignal.timeout(DETAILS_LIMIT_MS)])
    const others = known.map(async ({ peerKey, taps: announced }) => {
      const { isReached, right, taps } = (await unlessAborted(this.#detailsOf(peerKey), limit)) ?? NOT_REACHED
      return { peerKey, isReached, right, taps: right === 'nothing' ? announced : taps }
    })
    const all = await Promise.all(others)
    signal.throwIfAborted()
    return all.filter(({ taps }) => taps.length > 0)
  }

  /**
   * Has an image of another member take a snapshot; gives what that peer says of it. Throws what the peer says
   * against it with `data.remote`.
   */
  async snap(
    peerKey: PublicKey,
    id: string,
    { signal, onPhase }: { signal: AbortSignal; onPhase: (phase: SnapPhase) => void },
  ): Promise<Taken> {
    const all = AbortSignal.any([signal, this.#stopping.signal, AbortSignal.timeout(SNAPSHOT_LIMIT_MS)])
    try {
      await this.#ports.reach(peerKey, all)
      return await askForSnapshot(this.#ports.libp2p, peerKey, id, { signal: all, onPhase })
    } catch (cause) {
      const error = toGlasError(cause)
      if (!all.aborted) this.#report(peerKey, error)
      throw error
    }
  }

  #take(announcement: ReturnType<typeof decodeAnnouncement>, ageMs = 0): boolean {
    const { peer } = announcement.body
    if (sameBytes(peer, this.#ports.key.publicKey) || !this.#ports.isMember(peer)) return false
    try {
      const before = this.#table.announced(peer)
      const isNew = this.#table.apply(announcement, ageMs)
      if (isNew && JSON.stringify(announcement.body.taps) !== JSON.stringify(before)) this.emit('changed')
      return isNew
    } catch (error) {
      // No room here for one more peer: no fault of whoever passed this on.
      if (isGlasError(error, 'LimitExceeded')) return false
      throw error
    }
  }

  /** One question at a time to each peer, and none while the last answer is fresh. */
  async #detailsOf(peerKey: PublicKey): Promise<Details> {
    const peer = toHex(peerKey)
    const before = this.#details.get(peer)
    if (before !== undefined) {
      const details = await before
      const maxAgeMs = details.isReached ? DETAILS_AGE_MS : FAILURE_AGE_MS
      if (performance.now() - details.atMs < maxAgeMs) return details
    }
    const other = this.#details.get(peer)
    if (other !== undefined && other !== before) return other
    const asked = this.#askDetails(peerKey)
    this.#details.set(peer, asked)
    return asked
  }

  /** Never throws: of a peer that cannot be asked the announcement is known. */
  async #askDetails(peerKey: PublicKey): Promise<Details> {
    const reached = this.#ports.reach(peerKey, this.#within(REACH_LIMIT_MS))
    const answer = await reached.then(
      () => this.#list(peerKey),
      () => NOT_REACHED,
    )
    return { ...answer, atMs: performance.now() }
  }

  async #list(peerKey: PublicKey): Promise<Omit<Details, 'atMs'>> {
    try {
      const options = { signal: this.#within(LIST_LIMIT_MS) }
      const { announcements, right, taps } = await askForTaps(this.#ports.libp2p, peerKey, options)
      for (const { announcement, ageMs } of announcements) this.#take(announcement, ageMs)
      return { isReached: true, right, taps }
    } catch (cause) {
      if (!this.#stopping.signal.aborted) this.#report(peerKey, toGlasError(cause))
      return NOT_REACHED
    }
  }

  #within(limitMs: number): AbortSignal {
    return AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(limitMs)])
  }

  #report(peerKey: PublicKey, error: GlasError): void {
    if (isViolation(error)) this.#ports.guard.onViolation(peerKey, error)
    else if (error.code === 'Internal') this.#ports.guard.onFailure(peerKey, error)
  }

  async #answer(channel: Channel): Promise<void> {
    const request = decodeLiveRequest(await channel.readNext())
    if (request.kind === 'list') await this.#answerList(channel)
    else await this.#answerSnap(channel, request.id)
  }

  async #answerList(channel: Channel): Promise<void> {
    const { peerKey } = channel
    await this.#lists.take(peerKey, 1, channel.closed)
    const own = this.#announcer.current()
    if (own !== undefined) {
      await channel.write(encodeLiveAnswer({ kind: 'announcement', ageMs: 0, announcement: own.bytes }))
    }
    for (const { peerKey: who, bytes, ageMs } of this.#table.known()) {
      if (sameBytes(who, peerKey) || !this.#ports.isMember(who)) continue
      await channel.write(encodeLiveAnswer({ kind: 'announcement', ageMs, announcement: bytes }))
    }
    const right = this.#ports.taps.rightOf(peerKey)
    const taps = right === 'nothing' ? [] : this.#ports.taps.shared().slice(0, MAX_LISTED_TAPS)
    await channel.write(encodeLiveAnswer({ kind: 'right', right, taps: taps.length }))
    for (const { id, name, host, path } of taps) {
      await channel.write(encodeLiveAnswer({ kind: 'tap', id, name, host, path }))
    }
  }

  /** Who may not ask learns nothing of what is there. */
  async #answerSnap(channel: Channel, id: string): Promise<void> {
    const { peerKey } = channel
    if (this.#ports.taps.rightOf(peerKey) !== 'snap') return channel.refuse(notAllowed())
    if (this.#snaps >= MAX_SNAPS_AT_ONCE) return channel.refuse(tooMany())
    this.#snaps += 1
    try {
      const taken = await this.#takeSnapshot(channel, id)
      await channel.write(encodeLiveAnswer({ kind: 'taken', ...taken }))
    } catch (cause) {
      const error = toGlasError(cause)
      if (errorKind(error.code) === 'local') this.#ports.guard.onFailure(peerKey, error)
      await channel.refuse(error)
    } finally {
      this.#snaps -= 1
    }
  }

  async #takeSnapshot(channel: Channel, id: string): Promise<Taken> {
    let phase: SnapPhase = 'asked'
    const onPhase = (next: SnapPhase) => {
      phase = next
    }
    const { peerKey, closed: signal } = channel
    const work = this.#snapsAsked.take(peerKey, 1, signal).then(() => this.#ports.taps.snap(id, { signal, onPhase }))
    while (!(await isSettledWithin(work, LIVE_PROGRESS_MS))) {
      if (!signal.aborted) await channel.write(encodeLiveAnswer({ kind: 'progress', phase }))
    }
    return work
  }
}

function notAllowed(): GlasError {
  const message = 'You may not ask its images for snapshots. Whoever uses it can allow it: pintglas members allow.'
  return new GlasError('NotAllowed', message)
}

function tooMany(): GlasError {
  const message = `It takes ${MAX_SNAPS_AT_ONCE} snapshots for others already. Try again later.`
  return new GlasError('LimitExceeded', message, {
    retryable: true,
    data: { limit: MAX_SNAPS_AT_ONCE, unit: 'snapshots' },
  })
}
