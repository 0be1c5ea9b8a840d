import { GlasError, toGlasError } from '../glas/errors.ts'
import { FIRST_RETRY_MS, LAST_RETRY_MS, MAX_RECONNECTS, RECONNECT_TIMEOUT_MS } from './limits.ts'

/** Something that this peer wants to be connected with. */
export interface Target {
  /** Tells one target from another, for as long as it is wanted. */
  name: string
  isConnected(): boolean
  /** Rejects when it did not work. */
  connect(signal: AbortSignal): Promise<void>
}

interface Attempt {
  failures: number
  /** By the monotonic clock. */
  nextMs: number
  lastError: GlasError | undefined
}

export interface ReconnectOptions {
  /** First pause after a failure; doubled up to `lastRetryMs`. */
  firstRetryMs?: number
  lastRetryMs?: number
  /** Told of the first failure of each target, not of every try. */
  onFailure?(target: Target, error: GlasError): void
}

/**
 * Keeps up the connections that are wanted: tries what is not connected, a few at a time, with pauses that double and
 * are partly left to chance, so that a swarm does not call a machine that comes back all at once.
 */
export class Reconnector {
  readonly #targets: () => Target[]
  readonly #options: ReconnectOptions
  readonly #attempts = new Map<string, Attempt>()
  readonly #busy = new Map<string, Promise<void>>()
  readonly #closing = new AbortController()
  #timer: NodeJS.Timeout | undefined

  /** `targets` is asked anew on each look. */
  constructor(targets: () => Target[], options: ReconnectOptions = {}) {
    this.#targets = targets
    this.#options = options
  }

  /** Looks now at what is missing; what failed before keeps its pause. Cheap: may be called at each event. */
  look(): void {
    if (this.#closing.signal.aborted) return
    clearTimeout(this.#timer)
    const nowMs = performance.now()
    const missing = this.#targets().filter((target) => !target.isConnected())
    this.#forgetAllBut(missing)
    let waitMs = LAST_RETRY_MS
    for (const target of missing) {
      if (this.#busy.has(target.name)) continue
      const dueMs = (this.#attempts.get(target.name)?.nextMs ?? nowMs) - nowMs
      if (dueMs <= 0 && this.#busy.size < MAX_RECONNECTS) this.#try(target)
      else waitMs = Math.min(waitMs, Math.max(dueMs, 1))
    }
    this.#timer = setTimeout(() => this.look(), waitMs)
    this.#timer.unref()
  }

  /** Resolves when every target that is wanted now is connected or has failed once. */
  async settled(signal: AbortSignal): Promise<void> {
    this.look()
    const isUntried = (target: Target) => !target.isConnected() && !this.#attempts.has(target.name)
    const { promise: aborted, reject } = Promise.withResolvers<never>()
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      while (this.#busy.size > 0 && this.#targets().some(isUntried)) {
        signal.throwIfAborted()
        await Promise.race([aborted, ...this.#busy.values()])
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Why a target is not connected; undefined when it has not failed. */
  lastError(name: string): GlasError | undefined {
    return this.#attempts.get(name)?.lastError
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#closing.abort(new GlasError('Interrupted', 'The peer was stopped.'))
    await Promise.all(this.#busy.values())
  }

  /** A target that was connected in between, or is wanted no more, begins anew. */
  #forgetAllBut(missing: Target[]): void {
    const names = new Set(missing.map(({ name }) => name))
    for (const name of this.#attempts.keys()) if (!names.has(name)) this.#attempts.delete(name)
  }

  #try(target: Target): void {
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(RECONNECT_TIMEOUT_MS)])
    const done = target
      .connect(signal)
      .then(() => void this.#attempts.delete(target.name))
      .catch((cause) => this.#failed(target, toGlasError(cause)))
      .finally(() => {
        this.#busy.delete(target.name)
        this.look()
      })
    this.#busy.set(target.name, done)
  }

  #failed(target: Target, error: GlasError): void {
    if (this.#closing.signal.aborted) return
    const failures = (this.#attempts.get(target.name)?.failures ?? 0) + 1
    const { firstRetryMs = FIRST_RETRY_MS, lastRetryMs = LAST_RETRY_MS } = this.#options
    const pauseMs = Math.min(lastRetryMs, firstRetryMs * 2 ** Math.min(failures - 1, 20))
    const nextMs = performance.now() + pauseMs * (0.75 + Math.random() / 4)
    this.#attempts.set(target.name, { failures, nextMs, lastError: error })
    if (failures === 1) this.#options.onFailure?.(target, error)
  }
}
