/**
 * `/pintglas/member/1.0.0`: right after a connection is up, both ends prove that they are members of the same swarm.
 * Whoever dialled begins, so that a listener tells a stranger nothing. The proof holds for the key that Noise has
 * authenticated; it is judged by what this home itself knows, the certificates sent along included.
 */

import { setTimeout as pause } from 'node:timers/promises'
import { GlasError, toGlasError } from '../glas/errors.ts'
import { type PublicKey, sameBytes, toHex } from '../glas/keys.ts'
import type { Channel } from './channel.ts'
import { FailedTries } from './failed-tries.ts'
import {
  decodePage,
  decodeProof,
  decodeVerdict,
  encodePage,
  encodeProof,
  encodeVerdict,
  type MemberAddresses,
  type Page,
  type Proof,
  pagesOf,
  subjectsOf,
  type Verdict,
} from './hello-messages.ts'
import type { HomeSwarm, SwarmNews } from './home-swarm.ts'
import {
  FAILED_HELLO_WINDOW_MS,
  HELLO_LIMITS,
  HELLO_PAGE_ITEMS,
  HELLO_PAUSE_MS,
  HELLO_TIMEOUT_MS,
  HELLO_TRIES,
  MAX_FAILED_HELLOS,
} from './limits.ts'
import { peerKeyFrom } from './live-members.ts'
import type { Node } from './node.ts'
import { handle, open, type Protocol } from './streams.ts'

export const HELLO_PROTOCOL: Protocol = { id: '/pintglas/member/1.0.0', limits: HELLO_LIMITS }

export interface HelloPorts {
  /** Addresses of other members that the peer may be told. */
  addressesFor(peerKey: PublicKey): MemberAddresses[]
  /** Addresses that a member told. Any of them may be wrong. */
  learn(members: MemberAddresses[]): void
  onViolation(peerKey: PublicKey, error: GlasError): void
}

/** Says hello on each connection, answers it, and takes members down that leave or are removed. */
export class Hello {
  readonly #node: Node
  readonly #swarm: HomeSwarm
  readonly #ports: HelloPorts
  readonly #closing = new AbortController()
  readonly #failed = new FailedTries('hellos that prove nothing', MAX_FAILED_HELLOS, FAILED_HELLO_WINDOW_MS)
  /** Peers that a hello is going on with, begun by this end. */
  readonly #busy = new Set<string>()
  #stop: () => Promise<void> = async () => {}

  constructor(node: Node, swarm: HomeSwarm, ports: HelloPorts) {
    this.#node = node
    this.#swarm = swarm
    this.#ports = ports
  }

  async start(): Promise<void> {
    const { libp2p } = this.#node
    const guard = {
      allow: () => true,
      onViolation: (peerKey: PublicKey, error: GlasError) => this.#ports.onViolation(peerKey, error),
      onFailure: () => {},
    }
    this.#stop = await handle(libp2p, HELLO_PROTOCOL, guard, (channel) => this.#answer(channel))
    await libp2p.register(HELLO_PROTOCOL.id, {
      onConnect: (peerId, { direction }) => this.#met(peerKeyFrom(peerId), direction),
    })
    libp2p.addEventListener('peer:disconnect', ({ detail }) => {
      const peerKey = peerKeyFrom(detail)
      if (peerKey !== undefined) this.#node.members.drop(peerKey)
    })
    this.#swarm.on('changed', () => {
      this.#dropRemoved()
      this.#greetNew()
    })
    this.#swarm.on('adopted', () => this.#startAgain())
  }

  async stop(): Promise<void> {
    this.#closing.abort(new GlasError('Interrupted', 'The peer was stopped.'))
    await this.#stop()
  }

  /** Waits for the hello with a connected peer, and begins it if need be; false when it is a stranger or silent. */
  greet(peerKey: PublicKey, signal?: AbortSignal): Promise<boolean> {
    const decided = this.#node.members.decided(peerKey, this.#timeLimit(signal))
    if (!this.#node.members.isUp(peerKey)) this.#sayHello(peerKey)
    return decided
  }

  /**
   * Also to a peer that is up: it may have lost the connection that it knew this home by, which is not noticed at both
   * ends at once.
   */
  #met(peerKey: PublicKey | undefined, direction: 'inbound' | 'outbound'): void {
    if (peerKey !== undefined && direction === 'outbound') this.#sayHello(peerKey)
  }

  /** A caller that gives up does not end it: others may wait for the same peer. */
  #sayHello(peerKey: PublicKey): void {
    const key = toHex(peerKey)
    if (this.#busy.has(key)) return
    this.#busy.add(key)
    const isOver = () => this.#busy.delete(key)
    this.#try(peerKey).then(isOver, isOver)
  }

  async #try(peerKey: PublicKey): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#begin(peerKey)
      } catch (cause) {
        const error = toGlasError(cause)
        if (error.code === 'BadMessage' || error.code === 'LimitExceeded') this.#ports.onViolation(peerKey, error)
        const isOver = this.#closing.signal.aborted || this.#node.connectionsWith(peerKey).length === 0
        if (isOver || !error.retryable || tries >= HELLO_TRIES) {
          if (!this.#node.members.isUp(peerKey)) this.#node.members.decline(peerKey)
          return
        }
        await pause(HELLO_PAUSE_MS, undefined, { signal: this.#closing.signal })
      }
    }
  }

  async #begin(peerKey: PublicKey): Promise<void> {
    const channel = await open(this.#node.libp2p, peerKey, HELLO_PROTOCOL, { signal: this.#timeLimit() })
    try {
      await channel.write(encodeProof(this.#proof()))
      const theirs = decodeVerdict(await channel.readNext())
      if (!theirs.isMember) {
        await this.#declined(channel, theirs)
        return
      }
      const proof = decodeProof(await channel.readNext())
      const ours = await this.#judge(peerKey, proof)
      if (ours.isMember) this.#node.members.accept(peerKey)
      await channel.write(encodeVerdict(ours))
      if (!ours.isMember) {
        await channel.finish()
        this.#node.members.decline(peerKey)
        return
      }
      this.#raise(peerKey)
      await this.#tell(channel, proof)
      await this.#listen(channel)
      await channel.finish()
    } catch (cause) {
      throw channel.abort(toGlasError(cause))
    }
  }

  async #answer(channel: Channel): Promise<void> {
    this.#failed.check(channel.peerKey)
    const timer = setTimeout(() => channel.abort(tooLong()), HELLO_TIMEOUT_MS)
    try {
      const proof = await this.#readProof(channel)
      const ours = await this.#judge(channel.peerKey, proof)
      // Before the verdict is out, so that what the peer opens next is let in.
      if (ours.isMember) this.#node.members.accept(channel.peerKey)
      await channel.write(encodeVerdict(ours))
      if (!ours.isMember) {
        this.#failed.add(channel.peerKey)
        return this.#node.members.decline(channel.peerKey)
      }
      await channel.write(encodeProof(this.#proof()))
      const theirs = decodeVerdict(await channel.readNext())
      if (!theirs.isMember) {
        await this.#declined(channel, theirs)
        return
      }
      this.#raise(channel.peerKey)
      await this.#listen(channel)
      await this.#tell(channel, proof)
    } finally {
      clearTimeout(timer)
    }
  }

  /** What was sent before the connection broke is still read: the peer may be gone. */
  #raise(peerKey: PublicKey): void {
    if (this.#node.connectionsWith(peerKey).length === 0) {
      throw new GlasError('PeerUnreachable', 'The peer went away during the hello.')
    }
    this.#node.members.raise(peerKey)
  }

  #proof(): Proof {
    const { membership } = this.#swarm
    const chain = this.#swarm.ownChain().map(({ bytes }) => bytes)
    return { swarm: membership.swarm, chain, digest: this.#swarm.digest() }
  }

  async #readProof(channel: Channel): Promise<Proof> {
    const bytes = await channel.readNext()
    try {
      return decodeProof(bytes)
    } catch (error) {
      this.#failed.add(channel.peerKey)
      throw error
    }
  }

  /** The chain is taken in first: it may be news. Whether it proves anything is then the membership's to say. */
  async #judge(peerKey: PublicKey, proof: Proof): Promise<Verdict> {
    const { membership } = this.#swarm
    if (proof.swarm !== membership.swarm) return { isMember: false, reason: 'swarm', removals: [] }
    await this.#swarm.merge({ certificates: proof.chain, removals: [] })
    if (membership.isMember(peerKey)) return { isMember: true }
    const removals = this.#removalsOf([peerKey, ...subjectsOf(proof.chain)])
    return { isMember: false, reason: removals.length > 0 ? 'removed' : 'unknown', removals }
  }

  /** Of the peer, or of those that its certificate depends on. */
  #removalsOf(subjects: PublicKey[]): Uint8Array[] {
    const keys = new Set(subjects.map(toHex))
    const removals = this.#swarm.membership.removals().filter(({ body }) => keys.has(toHex(body.subject)))
    return removals.slice(0, HELLO_PAGE_ITEMS).map(({ bytes }) => bytes)
  }

  /** The other end takes this home for a stranger. When it shows why, this home learns that it was removed. */
  async #declined(channel: Channel, verdict: Verdict & { isMember: false }): Promise<void> {
    this.#node.members.decline(channel.peerKey)
    if (verdict.removals.length > 0) await this.#swarm.merge({ certificates: [], removals: verdict.removals })
    await channel.finish()
  }

  async #tell(channel: Channel, theirs: Proof): Promise<void> {
    const isSame = sameBytes(theirs.digest, this.#swarm.digest())
    const news: SwarmNews = isSame ? { certificates: [], removals: [] } : this.#swarm.news()
    for (const page of pagesOf(news, this.#ports.addressesFor(channel.peerKey))) await channel.write(encodePage(page))
  }

  async #listen(channel: Channel): Promise<void> {
    const news: SwarmNews = { certificates: [], removals: [] }
    let page: Page
    do {
      page = decodePage(await channel.readNext())
      news.certificates.push(...page.certificates)
      news.removals.push(...page.removals)
      this.#ports.learn(page.members)
    } while (page.more)
    const { refused } = await this.#swarm.merge(news)
    for (const error of refused) this.#ports.onViolation(channel.peerKey, error)
  }

  /** Streams that are open would go on for ever: the whole connection ends. */
  #dropRemoved(): void {
    const { membership } = this.#swarm
    for (const peerKey of this.#connectedKeys()) {
      if (!this.#node.members.isMember(peerKey) || membership.isMember(peerKey)) continue
      this.#node.members.drop(peerKey)
      this.#node.disconnect(peerKey, new GlasError('NotAllowed', 'The peer was removed from the swarm.'))
    }
  }

  /** Connected peers that were strangers and are members by what is known now. */
  #greetNew(): void {
    const { membership } = this.#swarm
    for (const peerKey of this.#connectedKeys()) {
      if (!this.#node.members.isUp(peerKey) && membership.isMember(peerKey)) this.#sayHello(peerKey)
    }
  }

  /** Nobody has proved anything about the swarm that this home is in now. */
  #startAgain(): void {
    for (const peerKey of this.#node.members.up()) this.#node.members.drop(peerKey)
    for (const peerKey of this.#connectedKeys()) this.#sayHello(peerKey)
  }

  #connectedKeys(): PublicKey[] {
    return this.#node.libp2p.getPeers().flatMap((peerId) => peerKeyFrom(peerId) ?? [])
  }

  #timeLimit(signal: AbortSignal = this.#closing.signal): AbortSignal {
    return AbortSignal.any([this.#closing.signal, signal, AbortSignal.timeout(HELLO_TIMEOUT_MS)])
  }
}

function tooLong(): GlasError {
  return new GlasError('TimedOut', `A hello took more than ${HELLO_TIMEOUT_MS / 1000} s.`)
}
