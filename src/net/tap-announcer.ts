import type { KeyPair } from '../glas/keys.ts'
import type { Signed } from '../glas/signed.ts'
import { type AnnouncedTap, announceable, signAnnouncement, type TapAnnouncement } from './tap-announcement.ts'

/** Less than a third of what an announcement lives. */
const RENEW_EVERY_MS = 60_000
/** Taps come and go together when a sampler starts, or a person logs off. */
const AFTER_CHANGE_MS = 200
/** Between two announcements, however often taps come and go: receivers take twice as many. */
const MIN_PAUSE_MS = 2_000

export interface AnnouncerPorts {
  key: KeyPair
  /** What others may hear of now. */
  taps: () => AnnouncedTap[]
  publish: (announcement: Uint8Array) => Promise<unknown>
}

/**
 * Tells the swarm which images run here, at each change and every minute. A home that never had any to tell of says
 * nothing; one whose last one has gone says so once.
 */
export class TapAnnouncer {
  readonly #ports: AnnouncerPorts
  #last: Signed<TapAnnouncement> | undefined
  #lastText = ''
  #sequence = 0
  #toldMs = Number.NEGATIVE_INFINITY
  /** How many taps the last telling had. */
  #toldTaps = 0
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(ports: AnnouncerPorts) {
    this.#ports = ports
  }

  /** Something may have changed. Cheap. */
  look(): void {
    const before = this.#last
    if (this.current() === before) return
    this.#tellIn(Math.max(AFTER_CHANGE_MS, this.#toldMs + MIN_PAUSE_MS - performance.now()))
  }

  /** What is so now, signed; undefined when there never was anything. */
  current(): Signed<TapAnnouncement> | undefined {
    const taps = announceable(this.#ports.taps())
    const text = JSON.stringify(taps)
    if (text === this.#lastText || (taps.length === 0 && this.#last === undefined)) return this.#last
    this.#lastText = text
    this.#sign(taps)
    return this.#last
  }

  /** Says that nothing runs here any more, to those that are still connected. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    if (this.#toldTaps > 0) await this.#publish([])
  }

  #sign(taps: AnnouncedTap[]): Uint8Array {
    const { key } = this.#ports
    this.#sequence = Math.max(this.#sequence + 1, Date.now())
    this.#last = signAnnouncement({ peer: key.publicKey, sequence: this.#sequence, taps }, key)
    return this.#last.bytes
  }

  #tellIn(waitMs: number): void {
    clearTimeout(this.#timer)
    if (this.#isStopped) return
    this.#timer = setTimeout(() => this.#tell(), waitMs).unref()
  }

  #tell(): void {
    const taps = this.current()?.body.taps ?? []
    void this.#publish(taps)
    if (taps.length > 0) this.#tellIn(RENEW_EVERY_MS)
  }

  /** Each telling is a new one, or nobody would pass it on. Whoever does not hear it hears the next one, or asks. */
  async #publish(taps: AnnouncedTap[]): Promise<void> {
    this.#toldMs = performance.now()
    this.#toldTaps = taps.length
    await this.#ports.publish(this.#sign(taps)).catch(() => {})
  }
}
