import type { PushResult } from '../beam/push-result.ts'
import { GlasError } from '../glas/errors.ts'
import { rootOf } from '../glas/image-id.ts'
import type { LiveTap, LiveTaps } from './live-taps.ts'
import type { TapMessage, TapName } from './tap-message.ts'

/** Until the beam of a Tap begins: saving and packing a large image on a busy machine takes minutes. */
const ANSWER_LIMIT_MS = 15 * 60_000
/** A Tap that has gone may connect again, as it does after a save; without a beam from it there is nothing to wait for. */
const GONE_LIMIT_MS = 10_000

/** A snapshot that was asked for and whose beam has not begun. All who ask meanwhile get the same. */
class Request {
  readonly result: Promise<PushResult>
  /** Resolves when the beam begins. */
  readonly begun: Promise<void>
  allowSecrets = false
  #timer: NodeJS.Timeout
  readonly settle: (result: PushResult) => void
  readonly fail: (error: unknown) => void
  readonly #setBegun: () => void

  constructor(onTimeout: () => void) {
    const { promise, resolve, reject } = Promise.withResolvers<PushResult>()
    promise.catch(() => {}) // a launcher asks and does not wait
    this.result = promise
    const begun = Promise.withResolvers<void>()
    this.begun = begun.promise
    this.#setBegun = begun.resolve
    this.settle = resolve
    this.fail = reject
    this.#timer = setTimeout(onTimeout, ANSWER_LIMIT_MS).unref()
  }

  failIn(ms: number, error: GlasError, onFail: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      onFail()
      this.fail(error)
    }, ms).unref()
  }

  begin(): void {
    clearTimeout(this.#timer)
    this.#setBegun()
  }
}

/** Requests for snapshots, from asking the Tap to the new version. */
export class SnapshotRequests {
  readonly #taps: LiveTaps
  readonly #waiting = new Map<string, Request>()

  constructor(taps: LiveTaps) {
    this.#taps = taps
  }

  /** Asks a Tap once, however many want a snapshot of it. Undefined when it is not connected. */
  ask(name: TapName, { allowSecrets = false } = {}): Promise<PushResult> | undefined {
    const waiting = this.#taps.get(name)
    if (waiting === undefined) return undefined
    const key = keyOf(waiting.tap)
    const known = this.#waiting.get(key)
    const request = known ?? this.#open(key)
    request.allowSecrets ||= allowSecrets
    if (known === undefined) waiting.ask()
    return request.result
  }

  /** Resolves when the image that was asked begins to send. Undefined when nothing was asked of it. */
  begun(tap: LiveTap): Promise<void> | undefined {
    return this.#waiting.get(keyOf(tap))?.begun
  }

  /** What waits for the beam that begins now. Whoever asks from now on gets a later snapshot. */
  take(message: TapMessage): Pick<Request, 'allowSecrets' | 'settle' | 'fail'> | undefined {
    const key = keyOf(message)
    const request = this.#waiting.get(key)
    this.#waiting.delete(key)
    request?.begin()
    return request
  }

  /** Whoever sits at the image does not want a snapshot to be taken. */
  refuse(tap: LiveTap): void {
    const key = keyOf(tap)
    const request = this.#waiting.get(key)
    this.#waiting.delete(key)
    request?.begin()
    request?.fail(new GlasError('NotAllowed', `Whoever sits at "${tap.name}" has said no to a snapshot.`))
  }

  /** The Tap has lost its connection. */
  gone(tap: LiveTap): void {
    const key = keyOf(tap)
    const error = new GlasError('PeerUnreachable', `"${tap.name}" went away before it sent a snapshot.`)
    this.#waiting.get(key)?.failIn(GONE_LIMIT_MS, error, () => this.#waiting.delete(key))
  }

  #open(key: string): Request {
    const request: Request = new Request(() => {
      this.#waiting.delete(key)
      request.fail(new GlasError('TimedOut', `The image sent no snapshot within ${ANSWER_LIMIT_MS / 60_000} minutes.`))
    })
    this.#waiting.set(key, request)
    return request
  }
}

/** A Tap may have a name of its own, under which its beams do not come; so the image tells which is whose. */
function keyOf({ host, path, imageId }: TapName & { imageId: string }): string {
  return [host, path, rootOf(imageId)].join('\0')
}
