import { GlasError } from '../glas/errors.ts'
import { type PublicKey, toHex } from '../glas/keys.ts'
import type { Signed } from '../glas/signed.ts'
import type { AnnouncedTap, TapAnnouncement } from './tap-announcement.ts'

/** An announcement is believed for so long by our own clock: three renewals may get lost. */
export const ANNOUNCEMENT_TTL_MS = 200_000
/** Peers whose announcements are kept: as many as members. */
export const MAX_ANNOUNCING_PEERS = 1024
/** Of one peer, by our own clock: more are neither taken nor passed on. An honest one has a pause of 2 s between two. */
export const MAX_ANNOUNCEMENTS_PER_MINUTE = 60
const MINUTE_MS = 60_000

/** What a peer said last. */
export interface KnownTaps {
  peerKey: PublicKey
  taps: AnnouncedTap[]
  sequence: number
  /** How old it is, as far as is known here. */
  ageMs: number
  /** The announcement, as it may be passed on. */
  bytes: Uint8Array
}

interface Said {
  announcement: Signed<TapAnnouncement>
  saidMs: number
  /** How many more it may send, at the time of the last one. */
  left: number
  takenMs: number
}

/** Which images run at other peers, as these say it. All of it can be lost: it is said again within a minute. */
export class TapTable {
  readonly #nowMs: () => number
  /** By peer key in hex. What is too old stays, so that an old announcement is known as old when it is told again. */
  readonly #said = new Map<string, Said>()

  /** `nowMs`: a clock that never goes back. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
  }

  /** True when it was newer than what the peer said before. LimitExceeded when there is no room for one more peer. */
  apply(announcement: Signed<TapAnnouncement>, ageMs = 0): boolean {
    const peer = toHex(announcement.body.peer)
    const nowMs = this.#nowMs()
    const known = this.#said.get(peer)
    if (known !== undefined && known.announcement.body.sequence >= announcement.body.sequence) return false
    const left = known === undefined ? MAX_ANNOUNCEMENTS_PER_MINUTE : this.#leftOf(known, nowMs)
    if (left < 1) return false
    if (known === undefined) this.#makeRoom()
    this.#said.set(peer, { announcement, saidMs: nowMs - ageMs, left: left - 1, takenMs: nowMs })
    return true
  }

  /** What the peer said last, whether it still counts or not. */
  announced(peerKey: PublicKey): AnnouncedTap[] {
    return this.#said.get(toHex(peerKey))?.announcement.body.taps ?? []
  }

  /** What still counts, by key. */
  known(): KnownTaps[] {
    const nowMs = this.#nowMs()
    return [...this.#said]
      .filter(([, { saidMs }]) => nowMs - saidMs <= ANNOUNCEMENT_TTL_MS)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([
          ,
          {
            announcement: { body, bytes },
            saidMs,
          },
        ]) => {
          return { peerKey: body.peer, taps: body.taps, sequence: body.sequence, ageMs: nowMs - saidMs, bytes }
        },
      )
  }

  #leftOf({ left, takenMs }: Said, nowMs: number): number {
    const earned = ((nowMs - takenMs) / MINUTE_MS) * MAX_ANNOUNCEMENTS_PER_MINUTE
    return Math.min(MAX_ANNOUNCEMENTS_PER_MINUTE, left + earned)
  }

  /** Forgets a peer that has been silent for too long. */
  #makeRoom(): void {
    if (this.#said.size < MAX_ANNOUNCING_PEERS) return
    const nowMs = this.#nowMs()
    const silent = [...this.#said].find(([, { saidMs }]) => nowMs - saidMs > ANNOUNCEMENT_TTL_MS)
    if (silent === undefined) {
      const message = `The taps of ${MAX_ANNOUNCING_PEERS} peers are known; there is no room for more.`
      throw new GlasError('LimitExceeded', message, { data: { limit: MAX_ANNOUNCING_PEERS, unit: 'peers' } })
    }
    this.#said.delete(silent[0])
  }
}
