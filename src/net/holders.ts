import type { CID } from 'multiformats/cid'
import { GlasError, isGlasError, toGlasError } from '../glas/errors.ts'
import { type KeyPair, type PublicKey, peerIdText, sameBytes } from '../glas/keys.ts'
import { Allowance } from './allowance.ts'
import { type BlockReader, challengeByFetch, challengeByHash, challengeHash, type Sample } from './challenge.ts'
import type { Channel } from './channel.ts'
import { decodeClaim } from './claim.ts'
import { Claimant } from './claimant.ts'
import { answerHold, askToHold, type Holding, type HoldOptions } from './hold.ts'
import {
  decodeHolderAnswer,
  decodeHolderRequest,
  encodeHolderAnswer,
  encodeHolderRequest,
  HOLDERS_LIMITS,
  HOLDERS_PROTOCOL,
  type HolderRequest,
  MAX_CHALLENGE_BLOCKS,
} from './holder-messages.ts'
import { type Holder, HolderTable } from './holder-table.ts'
import type { RebuildBudget } from './rebuild-budget.ts'
import { type Guard, handle, isViolation, open, type StreamNode } from './streams.ts'

/** A third of what a claim lives. */
const CLAIM_INTERVAL_MS = 10 * 60_000
/** After a start: connections are up, and those not connected to us hear of us by gossip. */
const FIRST_CLAIM_MS = 30_000
/** Challenges at once, of the holders of one record. */
const CHALLENGES_AT_ONCE = 4
/** Blocks that one peer may have us read for its challenges in a minute: 2 GB of them at most, 30 MB/s. */
const MAX_CHALLENGED_BLOCKS_PER_MINUTE = 1024
/** How often one peer may ask for our claims: once when it connects, and again after a broken connection. */
const MAX_CLAIM_REQUESTS_PER_MINUTE = 10
/** Versions that this peer fetches at once because others asked it to. */
const MAX_HOLDS_AT_ONCE = 4

/** What holding needs of the stock and of the rules of this home. */
export interface HolderShelf extends BlockReader {
  /** Records of which this home keeps all blocks. */
  held(): Promise<CID[]>
  /** A block as its hash says; undefined when it is not here. */
  block(cid: CID): Promise<Uint8Array | undefined>
  /** Up to `count` random blocks of a record that is held here; none when it is not. */
  sample(record: CID, count: number): Promise<CID[]>
  hold: Holding
}

export interface HolderPorts {
  libp2p: StreamNode
  key: KeyPair
  guard: Guard
  shelf: HolderShelf
  rebuilds: RebuildBudget
  /** Whose claims are listened to, connected or not. */
  isMember(peerKey: PublicKey): boolean
  /** Spreads a claim of ours among the members that are connected. */
  publish(claim: Uint8Array): Promise<unknown>
}

/** Who holds which version: what peers claim, what they proved, and asking them to hold more. */
export class Holders {
  readonly #ports: HolderPorts
  readonly #claimant: Claimant
  readonly #table = new HolderTable()
  readonly #challenged = new Allowance(MAX_CHALLENGED_BLOCKS_PER_MINUTE)
  readonly #claimsAsked = new Allowance(MAX_CLAIM_REQUESTS_PER_MINUTE)
  readonly #stopping = new AbortController()
  #holds = 0
  #timer: NodeJS.Timeout | undefined
  #stopHandling: (() => Promise<void>) | undefined

  constructor(ports: HolderPorts) {
    this.#ports = ports
    this.#claimant = new Claimant(ports.key)
  }

  /** Answers members, and renews the claims of this peer while it is up. */
  async start(): Promise<void> {
    const protocol = { id: HOLDERS_PROTOCOL, limits: HOLDERS_LIMITS }
    const { libp2p, guard } = this.#ports
    this.#stopHandling = await handle(libp2p, protocol, guard, (channel) => this.#answer(channel))
    this.#renewAfter(FIRST_CLAIM_MS)
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#stopping.abort(new GlasError('Interrupted', 'The peer was stopped.'))
    await this.#stopHandling?.()
  }

  /** Asks a member that came for its claims: what it said before did not reach us. */
  async memberUp(peerKey: PublicKey): Promise<void> {
    try {
      await this.#askForClaims(peerKey)
    } catch (cause) {
      this.#report(peerKey, toGlasError(cause))
    }
  }

  /** Other peers that claim to hold the record, those that proved it first. */
  holders(record: CID): Holder[] {
    return this.#table.holders(record)
  }

  /** How many other peers have proved that they hold the record. */
  copies(record: CID): number {
    return this.holders(record).filter(({ proved }) => proved).length
  }

  /** Tells the swarm what this peer holds now, and what no longer. */
  async announce(held: CID[], dropped: CID[] = []): Promise<void> {
    for (const claim of this.#claimant.claims(held, dropped)) await this.#ports.publish(claim)
  }

  /** Takes in a claim that came by gossip. Throws for what nobody should have passed on. */
  async receiveClaim(bytes: Uint8Array): Promise<'forward' | 'drop'> {
    const { body } = decodeClaim(bytes)
    const isOwn = sameBytes(body.peer, this.#ports.key.publicKey)
    if (isOwn || !this.#ports.isMember(body.peer)) return 'drop'
    try {
      return this.#table.apply(body) ? 'forward' : 'drop'
    } catch (error) {
      // No room here for more claims: no fault of whoever passed this one on.
      if (isGlasError(error, 'LimitExceeded')) return 'drop'
      throw error
    }
  }

  /**
   * Has the peer prove that it holds the record: by hashes where we have some of its blocks, else by a random path that
   * it must send. False when it does not hold it; throws when it cannot be asked, or cheats.
   */
  async challenge(peerKey: PublicKey, record: CID, options: { signal?: AbortSignal } = {}): Promise<boolean> {
    const { libp2p, shelf } = this.#ports
    const withStop = { signal: this.#orStop(options.signal) }
    try {
      const samples = await this.#samples(record)
      const proved =
        samples.length > 0
          ? await challengeByHash(libp2p, peerKey, { record, samples }, withStop)
          : await challengeByFetch(libp2p, peerKey, { record, reader: shelf }, withStop)
      if (proved) this.#table.prove(peerKey, record)
      else this.#table.disprove(peerKey, record)
      return proved
    } catch (cause) {
      const error = toGlasError(cause)
      if (error.code === 'BlockMismatch') this.#table.disprove(peerKey, record)
      if (!withStop.signal.aborted) this.#report(peerKey, error)
      throw error
    }
  }

  /** Challenges all that claim the record and have not proved it lately; gives the number of copies proved then. */
  async prove(record: CID, options: { signal?: AbortSignal } = {}): Promise<number> {
    const claimed = this.holders(record).filter(({ proved }) => !proved)
    const next = claimed.values()
    const worker = async () => {
      // A holder that cannot be asked or cheats has proved nothing, and does not keep the others from it.
      for (const { peerKey } of next) await this.challenge(peerKey, record, options).catch(() => false)
    }
    await Promise.all(Array.from({ length: CHALLENGES_AT_ONCE }, worker))
    options.signal?.throwIfAborted()
    return this.copies(record)
  }

  /** Asks a member to hold a record of ours; returns when it claims to have all of it. `challenge` it then. */
  async askToHold(peerKey: PublicKey, record: CID, options: HoldOptions = {}): Promise<void> {
    const signal = this.#orStop(options.signal)
    try {
      const claim = await askToHold(this.#ports.libp2p, peerKey, record, { ...options, signal })
      this.#table.apply(claim.body)
    } catch (cause) {
      const error = toGlasError(cause)
      if (!signal.aborted) this.#report(peerKey, error)
      throw error
    }
  }

  #orStop(signal: AbortSignal | undefined): AbortSignal {
    const stopping = this.#stopping.signal
    return signal === undefined ? stopping : AbortSignal.any([stopping, signal])
  }

  #report(peerKey: PublicKey, error: GlasError): void {
    if (isViolation(error)) this.#ports.guard.onViolation(peerKey, error)
    else if (error.code === 'Internal') this.#ports.guard.onFailure(peerKey, error)
  }

  #renewAfter(waitMs: number): void {
    this.#timer = setTimeout(() => void this.#renew(), waitMs).unref()
  }

  async #renew(): Promise<void> {
    this.#table.sweep()
    try {
      await this.announce(await this.#ports.shelf.held())
    } catch (cause) {
      this.#ports.guard.onFailure(this.#ports.key.publicKey, toGlasError(cause))
    }
    if (!this.#stopping.signal.aborted) this.#renewAfter(CLAIM_INTERVAL_MS)
  }

  async #samples(record: CID): Promise<Sample[]> {
    const samples: Sample[] = []
    for (const cid of await this.#ports.shelf.sample(record, MAX_CHALLENGE_BLOCKS)) {
      const bytes = await this.#ports.shelf.block(cid)
      if (bytes !== undefined) samples.push({ cid, bytes })
    }
    return samples
  }

  async #askForClaims(peerKey: PublicKey): Promise<void> {
    const protocol = { id: HOLDERS_PROTOCOL, limits: HOLDERS_LIMITS }
    const channel = await open(this.#ports.libp2p, peerKey, protocol, { signal: this.#stopping.signal })
    try {
      await channel.write(encodeHolderRequest({ kind: 'claims' }))
      for (let message = await channel.read(); message !== undefined; message = await channel.read()) {
        const answer = decodeHolderAnswer(message)
        const claim = answer.kind === 'claim' ? decodeClaim(answer.claim).body : undefined
        if (claim === undefined || !sameBytes(claim.peer, peerKey)) {
          throw new GlasError('BadMessage', `The peer ${peerIdText(peerKey)} was asked for its claims and sent others.`)
        }
        this.#table.apply(claim)
      }
    } finally {
      await channel.finish()
    }
  }

  async #answer(channel: Channel): Promise<void> {
    const request = decodeHolderRequest(await channel.readNext())
    if (request.kind === 'claims') await this.#answerClaims(channel)
    else if (request.kind === 'challenge') await this.#answerChallenge(channel, request)
    else await this.#answerHold(channel, request.record)
  }

  async #answerClaims(channel: Channel): Promise<void> {
    await this.#claimsAsked.take(channel.peerKey, 1, channel.closed)
    for (const claim of this.#claimant.claims(await this.#ports.shelf.held())) {
      await channel.write(encodeHolderAnswer({ kind: 'claim', claim }))
    }
  }

  async #answerChallenge(channel: Channel, request: HolderRequest & { kind: 'challenge' }): Promise<void> {
    await this.#challenged.take(channel.peerKey, request.blocks.length, channel.closed)
    const hashes: Array<Uint8Array | null> = []
    for (const cid of request.blocks) {
      await this.#ports.rebuilds.pay(channel.peerKey, cid)
      const bytes = await this.#ports.shelf.block(cid)
      const hash = bytes && challengeHash(request.nonce, this.#ports.key.publicKey, bytes)
      hashes.push(hash ?? null)
    }
    await channel.write(encodeHolderAnswer({ kind: 'hashes', hashes }))
  }

  async #answerHold(channel: Channel, record: CID): Promise<void> {
    if (this.#holds >= MAX_HOLDS_AT_ONCE) {
      const message = `It fetches ${MAX_HOLDS_AT_ONCE} versions for others already. Try again when one is done.`
      await channel.refuse(new GlasError('LimitExceeded', message, { retryable: true }))
      return
    }
    this.#holds += 1
    try {
      await answerHold(channel, record, {
        hold: (wanted, from, options) => this.#ports.shelf.hold(wanted, from, options),
        claimed: (held) => this.#claimHeld(held),
        guard: this.#ports.guard,
      })
    } finally {
      this.#holds -= 1
    }
  }

  /** The asker gets the same claim as the swarm; that the swarm cannot be told now is no reason to fail. */
  async #claimHeld(record: CID): Promise<Uint8Array> {
    const claim = this.#claimant.claims([record])[0] as Uint8Array
    await this.#ports
      .publish(claim)
      .catch((cause) => this.#ports.guard.onFailure(this.#ports.key.publicKey, toGlasError(cause)))
    return claim
  }
}
