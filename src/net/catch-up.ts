import { setTimeout as pause } from 'node:timers/promises'
import { GlasError, isGlasError, toGlasError } from '../glas/errors.ts'
import { type PublicKey, toHex } from '../glas/keys.ts'
import { Allowance } from './allowance.ts'
import type { Channel, StreamLimits } from './channel.ts'
import { isRefusal } from './refusal.ts'
import { type Guard, handle, isViolation, open, type StreamNode } from './streams.ts'

/** docs/protocols-data.md. The messages are the index's own. */
export const CATCH_UP_PROTOCOL = '/pintglas/index/1.0.0'

/** News comes by gossip; this brings what gossip lost, a few hundred bytes where nothing was. */
export const CATCH_UP_INTERVAL_MS = 60_000
/** By how much the waits differ by chance, so that a swarm that starts together does not speak together. */
const JITTER = 0.2
/** The peer with the lower key begins. The other one does when nothing came for so much longer. */
export const YIELD_MS = 10_000
/** Conversations at once that this peer began; with more to do, the others wait. */
const MAX_BEGUN = 4
const POSTPONE_MS = 500
/** Two ends that begin at once refuse each other. The one with the higher key waits for so long before it tries again. */
const CROSSING_PAUSE_MS = 100
const CROSSING_TRIES = 5

/** From one peer in a minute. A message that is answered may cost a look at the whole set of entries. */
const MAX_MESSAGES_PER_MINUTE = 600
/** 64 MiB: an index of 100,000 entries in a minute or so. */
const MAX_BYTES_PER_MINUTE = 64 * 1024 * 1024
/** A signature takes 0.1 ms to check: six seconds of one core. */
const MAX_ENTRIES_PER_MINUTE = 60_000

export const CATCH_UP_LIMITS: StreamLimits = {
  /** One, and another that is just being closed. */
  maxStreamsPerPeer: 2,
  maxStreams: 64,
  maxMessageBytes: 256 * 1024,
  /** 1 GiB in all: more entries than any index of ours has. */
  maxMessages: 4096,
  /** In strict turns no second message waits. */
  maxUnreadBytes: 1024 * 1024,
  /** The other end may be slowed down by its allowances, or be writing entries to a slow disk. */
  idleTimeoutMs: 60_000,
  messageTimeoutMs: 60_000,
}

/** One conversation of the index, from one side. Strict turns: each message is answered by one, until it is done. */
export interface CatchUpSession {
  /** The message that opens the conversation; for the side that begins. */
  first(): Uint8Array
  /** `entries` are not verified. Throws BadMessage or LimitExceeded. */
  receive(message: Uint8Array): { reply: Uint8Array | undefined; entries: Uint8Array[]; done: boolean }
}

export interface CatchUpPorts {
  session(role: 'first' | 'second'): CatchUpSession
  /** Verifies, keeps, and reports what is refused. */
  add(entries: Uint8Array[], from: PublicKey): Promise<unknown>
}

/** Keeps the index equal to those of the members that are connected: one conversation at a time with each. */
export class CatchUp {
  readonly #libp2p: StreamNode
  readonly #ownKey: string
  readonly #ports: CatchUpPorts
  readonly #guard: Guard
  readonly #timers = new Map<string, NodeJS.Timeout>()
  /** Peer -> the conversation that goes on with it, whoever began. */
  readonly #running = new Map<string, Promise<void>>()
  readonly #messages = new Allowance(MAX_MESSAGES_PER_MINUTE)
  readonly #bytes = new Allowance(MAX_BYTES_PER_MINUTE)
  readonly #entries = new Allowance(MAX_ENTRIES_PER_MINUTE)
  readonly #stopping = new AbortController()
  #begun = 0
  #stopHandling: (() => Promise<void>) | undefined

  constructor(libp2p: StreamNode, ownKey: PublicKey, ports: CatchUpPorts, guard: Guard) {
    this.#libp2p = libp2p
    this.#ownKey = toHex(ownKey)
    this.#ports = ports
    this.#guard = guard
  }

  /** Answers members. */
  async start(): Promise<void> {
    const protocol = { id: CATCH_UP_PROTOCOL, limits: CATCH_UP_LIMITS }
    this.#stopHandling = await handle(this.#libp2p, protocol, this.#guard, (channel) => this.#answer(channel))
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
    this.#stopping.abort(new GlasError('Interrupted', 'The peer was stopped.'))
    await this.#stopHandling?.()
    await Promise.allSettled(this.#running.values())
  }

  /** A member came: catches up with it soon, and from then on at intervals. */
  memberUp(peerKey: PublicKey): void {
    this.#schedule(peerKey, 0)
  }

  memberDown(peerKey: PublicKey): void {
    const peer = toHex(peerKey)
    clearTimeout(this.#timers.get(peer))
    this.#timers.delete(peer)
  }

  /** Catches up now, or waits for the conversation that goes on. Throws what ended it. */
  async now(peerKey: PublicKey, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    const peer = toHex(peerKey)
    for (let tries = 1; ; tries++) {
      try {
        await (this.#running.get(peer) ?? this.#alone(peer, () => this.#begin(peerKey, signal)))
        return
      } catch (error) {
        if (!isBusy(error) || tries >= CROSSING_TRIES) throw error
      }
      if (this.#ownKey > peer) await pause(CROSSING_PAUSE_MS)
      signal?.throwIfAborted()
    }
  }

  #schedule(peerKey: PublicKey, waitMs: number): void {
    const peer = toHex(peerKey)
    if (this.#stopping.signal.aborted) return
    clearTimeout(this.#timers.get(peer))
    const turnMs = this.#ownKey < peer ? 0 : YIELD_MS
    const jitteredMs = (waitMs + turnMs) * (1 + JITTER * Math.random())
    this.#timers.set(peer, setTimeout(() => void this.#due(peerKey), jitteredMs).unref())
  }

  async #due(peerKey: PublicKey): Promise<void> {
    const peer = toHex(peerKey)
    if (this.#begun >= MAX_BEGUN) {
      this.#timers.set(peer, setTimeout(() => void this.#due(peerKey), POSTPONE_MS).unref())
      return
    }
    this.#begun += 1
    try {
      await this.now(peerKey)
    } catch (cause) {
      const error = toGlasError(cause)
      if (isViolation(error)) this.#guard.onViolation(peerKey, error)
      else if (error.code === 'Internal') this.#guard.onFailure(peerKey, error)
    } finally {
      this.#begun -= 1
    }
    this.#reschedule(peerKey)
  }

  /** Whoever began: the next one is an interval away, unless the member left in the meantime. */
  #reschedule(peerKey: PublicKey): void {
    if (this.#timers.has(toHex(peerKey))) this.#schedule(peerKey, CATCH_UP_INTERVAL_MS)
  }

  async #alone(peer: string, work: () => Promise<void>): Promise<void> {
    const running = work()
    this.#running.set(peer, running)
    try {
      await running
    } finally {
      this.#running.delete(peer)
    }
  }

  async #begin(peerKey: PublicKey, signal: AbortSignal | undefined): Promise<void> {
    const stopping = this.#stopping.signal
    const both = signal === undefined ? stopping : AbortSignal.any([stopping, signal])
    const protocol = { id: CATCH_UP_PROTOCOL, limits: CATCH_UP_LIMITS }
    const channel = await open(this.#libp2p, peerKey, protocol, { signal: both })
    try {
      const session = this.#ports.session('first')
      await channel.write(session.first())
      await this.#converse(channel, session)
      await channel.finish()
    } catch (cause) {
      const error = toGlasError(cause)
      await channel.refuse(error)
      throw error
    }
  }

  async #answer(channel: Channel): Promise<void> {
    const peer = toHex(channel.peerKey)
    if (this.#running.has(peer)) {
      await channel.refuse(new GlasError('PeerUnreachable', 'It compares its index with yours already. Try later.'))
      return
    }
    await this.#alone(peer, () => this.#converse(channel, this.#ports.session('second')))
    this.#reschedule(channel.peerKey)
  }

  async #converse(channel: Channel, session: CatchUpSession): Promise<void> {
    const { peerKey, closed } = channel
    while (true) {
      const message = await channel.readNext()
      await this.#messages.take(peerKey, 1, closed)
      await this.#bytes.take(peerKey, message.byteLength, closed)
      const { reply, entries, done } = session.receive(message)
      await this.#entries.take(peerKey, entries.length, closed)
      if (entries.length > 0) await this.#ports.add(entries, peerKey)
      if (reply !== undefined) await channel.write(reply)
      if (done) return
      if (reply === undefined) throw new GlasError('Internal', 'The index has nothing to say and is not done.')
    }
  }
}

/** The peer is in a conversation with us already, as far as it knows. */
function isBusy(error: unknown): boolean {
  return isGlasError(error, 'PeerUnreachable') && isRefusal(error)
}
