import type { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import { type PublicKey, toHex } from '../glas/keys.ts'
import type { Claim } from './claim.ts'

/** A claim is believed for so long by our own clock: three renewals may get lost, and a reboot changes nothing. */
export const CLAIM_TTL_MS = 35 * 60_000
/** A holder counts for so long after it proved it. Then it must do so again. */
export const MAX_PROOF_AGE_MS = 6 * 3_600_000
/** Peers whose claims are kept: as many as members. */
const MAX_CLAIMING_PEERS = 1024
/** Records of one peer: 20 full claims. */
export const MAX_RECORDS_PER_PEER = 20_480
/** All together, about 200 bytes each. */
const MAX_HOLDINGS = 200_000

export interface Holder {
  peerKey: PublicKey
  /** It answered a challenge on this record not longer than MAX_PROOF_AGE_MS ago. */
  proved: boolean
  /** How long ago it last claimed or proved to hold the record. */
  lastSeenMs: number
}

interface Holding {
  peerKey: PublicKey
  sequence: number
  /** False where the peer said that it dropped the record: an older claim must not bring it back. */
  isHeld: boolean
  seenMs: number
  provedMs: number | undefined
}

interface KnownPeer {
  /** The highest of its claims, kept when these are gone, so that old ones are known as old. */
  sequence: number
  records: Set<string>
}

/** Who says that it holds what, and who has proved it. All of it can be lost: claims come again, proofs can be had. */
export class HolderTable {
  readonly #nowMs: () => number
  /** Record CID -> peer key in hex -> what it said. */
  readonly #byRecord = new Map<string, Map<string, Holding>>()
  /** By peer key in hex. */
  readonly #peers = new Map<string, KnownPeer>()
  #holdings = 0

  /** `nowMs`: a clock that never goes back. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
  }

  /** True when the claim said anything new. LimitExceeded when there is no room for it. */
  apply(claim: Claim): boolean {
    const known = this.#peerOf(claim.peer)
    // Out of order within the life time of a claim is fine; what is older may be an old claim, told again.
    if (claim.sequence <= known.sequence - CLAIM_TTL_MS) return false
    known.sequence = Math.max(known.sequence, claim.sequence)
    const dropped = claim.dropped.filter((record) => this.#say(claim, record, false, known.records))
    const held = claim.held.filter((record) => this.#say(claim, record, true, known.records))
    return dropped.length + held.length > 0
  }

  /** The peer passed a challenge on the record. */
  prove(peerKey: PublicKey, record: CID): void {
    const holding = this.#byRecord.get(record.toString())?.get(toHex(peerKey))
    if (holding === undefined) {
      this.#put(record.toString(), this.#holdingOf(peerKey, 0, true, this.#nowMs()), this.#peerOf(peerKey).records)
    } else {
      holding.isHeld = true
      holding.provedMs = this.#nowMs()
      holding.seenMs = holding.provedMs
    }
  }

  /** The peer failed one: it counts no more, until it claims or proves it anew. */
  disprove(peerKey: PublicKey, record: CID): void {
    const holding = this.#byRecord.get(record.toString())?.get(toHex(peerKey))
    if (holding === undefined) return
    holding.isHeld = false
    holding.provedMs = undefined
  }

  /** Proved ones first, then those seen last. */
  holders(record: CID): Holder[] {
    const nowMs = this.#nowMs()
    const holders = [...(this.#byRecord.get(record.toString())?.values() ?? [])]
      .filter((holding) => holding.isHeld && !isOver(holding, nowMs))
      .map((holding) => ({
        peerKey: holding.peerKey,
        proved: holding.provedMs !== undefined && nowMs - holding.provedMs <= MAX_PROOF_AGE_MS,
        lastSeenMs: nowMs - holding.seenMs,
      }))
    return holders.sort((a, b) => Number(b.proved) - Number(a.proved) || a.lastSeenMs - b.lastSeenMs)
  }

  /** Forgets what is too old to count. */
  sweep(): void {
    const nowMs = this.#nowMs()
    for (const [record, byPeer] of this.#byRecord) {
      for (const [peer, holding] of byPeer) if (isOver(holding, nowMs)) this.#delete(record, peer)
    }
  }

  /** Makes room by forgetting a peer of which nothing is left but its sequence. */
  #peerOf(peerKey: PublicKey): KnownPeer {
    const peer = toHex(peerKey)
    const known = this.#peers.get(peer)
    if (known !== undefined) return known
    if (this.#peers.size >= MAX_CLAIMING_PEERS) {
      const silent = [...this.#peers].find(([, { records }]) => records.size === 0)
      if (silent === undefined) throw full(MAX_CLAIMING_PEERS, 'peers')
      this.#peers.delete(silent[0])
    }
    const fresh: KnownPeer = { sequence: 0, records: new Set() }
    this.#peers.set(peer, fresh)
    return fresh
  }

  #say(claim: Claim, record: CID, isHeld: boolean, records: Set<string>): boolean {
    const key = record.toString()
    const before = this.#byRecord.get(key)?.get(toHex(claim.peer))
    if (before !== undefined && before.sequence >= claim.sequence) return false
    const provedMs = isHeld ? before?.provedMs : undefined
    this.#put(key, this.#holdingOf(claim.peer, claim.sequence, isHeld, provedMs), records)
    return true
  }

  #holdingOf(peerKey: PublicKey, sequence: number, isHeld: boolean, provedMs: number | undefined): Holding {
    return { peerKey, sequence, isHeld, seenMs: this.#nowMs(), provedMs }
  }

  #put(record: string, holding: Holding, records: Set<string>): void {
    const peer = toHex(holding.peerKey)
    const byPeer = this.#byRecord.get(record) ?? new Map<string, Holding>()
    if (!byPeer.has(peer)) {
      if (records.size >= MAX_RECORDS_PER_PEER) throw full(MAX_RECORDS_PER_PEER, 'records of one peer')
      if (this.#holdings >= MAX_HOLDINGS) throw full(MAX_HOLDINGS, 'records of all peers')
      this.#holdings += 1
      records.add(record)
    }
    this.#byRecord.set(record, byPeer.set(peer, holding))
  }

  #delete(record: string, peer: string): void {
    const byPeer = this.#byRecord.get(record)
    if (byPeer?.delete(peer) !== true) return
    this.#holdings -= 1
    this.#peers.get(peer)?.records.delete(record)
    if (byPeer.size === 0) this.#byRecord.delete(record)
  }
}

const isOver = (holding: Holding, nowMs: number): boolean => nowMs - holding.seenMs > CLAIM_TTL_MS

function full(limit: number, unit: string): GlasError {
  const message = `No more claims are kept: there are those of ${limit} ${unit}.`
  return new GlasError('LimitExceeded', message, { data: { limit, unit } })
}
