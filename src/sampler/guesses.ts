import { GlasError } from '../glas/errors.ts'

/** A person mistypes; a program that guesses has 2^256 tokens before it. */
const FREE_TRIES = 5
/** The wait doubles with each wrong try after those, from a second on. */
const FIRST_WAIT_MS = 1_000
const MAX_WAIT_MS = 5 * 60_000
/** After so long without a wrong try all is forgotten. */
const FORGET_AFTER_MS = 60 * 60_000
/** Places that are remembered; the one that failed longest ago goes first. */
const MAX_PLACES = 10_000

/** From many places many lines could come: an hour has so many, and then one that says that there are more. */
const MAX_LINES_AN_HOUR = 200

interface Place {
  wrongTries: number
  lastMs: number
  /** By the monotonic clock. */
  waitUntilMs: number
}

/**
 * Slows down wrong sign-ins, for each place that they come from. While a place has to wait nothing that is new from it
 * is looked at, right or wrong; what was right from there before goes on, so that nobody can lock others out.
 */
export class Guesses {
  readonly #onMessage: (message: string) => void
  readonly #nowMs: () => number
  readonly #places = new Map<string, Place>()
  /** `place hash` of what was right. */
  readonly #right = new Set<string>()
  #lines = { hour: 0, count: 0 }
  /** Since the start, for the metrics. */
  wrongCount = 0
  refusedCount = 0

  /** `nowMs` is a monotonic clock. */
  constructor(onMessage: (message: string) => void, nowMs = () => performance.now()) {
    this.#onMessage = onMessage
    this.#nowMs = nowMs
  }

  /** Throws TooManyTries, with the seconds to wait. `hash` is that of the secret that is tried. */
  check(place: string, hash: string): void {
    const waitMs = (this.#places.get(place)?.waitUntilMs ?? 0) - this.#nowMs()
    if (waitMs <= 0 || this.#right.has(`${place} ${hash}`)) return
    this.refusedCount++
    const seconds = Math.ceil(waitMs / 1000)
    const message = `Too many wrong sign-ins from there. Try again in ${seconds} s.`
    throw new GlasError('TooManyTries', message, { data: { 'retry-after-seconds': seconds } })
  }

  wrong(place: string): void {
    this.wrongCount++
    const now = this.#nowMs()
    const known = this.#places.get(place)
    const before = known === undefined || now - known.lastMs > FORGET_AFTER_MS ? 0 : known.wrongTries
    const wrongTries = before + 1
    const waitMs = wrongTries < FREE_TRIES ? 0 : Math.min(FIRST_WAIT_MS * 2 ** (wrongTries - FREE_TRIES), MAX_WAIT_MS)
    this.#places.delete(place)
    this.#places.set(place, { wrongTries, lastMs: now, waitUntilMs: now + waitMs })
    if (this.#places.size > MAX_PLACES) this.#places.delete(this.#places.keys().next().value ?? '')
    const wait = waitMs === 0 ? '' : ` The next one is looked at in ${Math.ceil(waitMs / 1000)} s.`
    this.#log(`A wrong sign-in from ${place}, number ${wrongTries}.${wait}`)
  }

  #log(line: string): void {
    const hour = Math.floor(this.#nowMs() / FORGET_AFTER_MS)
    if (hour !== this.#lines.hour) this.#lines = { hour, count: 0 }
    this.#lines.count++
    if (this.#lines.count <= MAX_LINES_AN_HOUR) this.#onMessage(line)
    if (this.#lines.count === MAX_LINES_AN_HOUR) this.#onMessage('More wrong sign-ins are only counted, for an hour.')
  }

  right(place: string, hash: string): void {
    const key = `${place} ${hash}`
    if (this.#right.has(key)) return
    this.#right.add(key)
    if (this.#right.size > MAX_PLACES) this.#right.delete(this.#right.values().next().value ?? '')
  }
}
