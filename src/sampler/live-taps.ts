import { createHash } from 'node:crypto'
import { GlasError } from '../glas/errors.ts'
import type { ImageId } from '../glas/image-id.ts'
import type { TapName } from './tap-message.ts'

/** Images that wait at once: a person has a few, a cluster node some hundred. */
const MAX_LIVE_TAPS = 1000
/** Hex digits: an image is told from a thousand others, and nobody gains from finding two with one id. */
const TAP_ID_CHARS = 16
/** Candidates that a message names. */
const MAX_CANDIDATES = 20

export interface LiveTap extends TapName {
  /** As it was when the Tap connected. */
  imageId: ImageId
}

interface Waiting {
  tap: LiveTap
  /** Has the Tap take a snapshot and beam it. */
  ask: () => void
  /** Ends the connection. */
  drop: () => void
}

/** The images that are connected and can be asked. One for each host, path and name: the newest. */
export class LiveTaps {
  readonly #waiting = new Map<string, Waiting>()
  readonly #onChange: () => void

  constructor(onChange: () => void = () => {}) {
    this.#onChange = onChange
  }

  /** Gives the function that removes it again, and nobody else that came after it. */
  add(waiting: Waiting): () => void {
    const key = keyOf(waiting.tap)
    const older = this.#waiting.get(key)
    if (older === undefined && this.#waiting.size >= MAX_LIVE_TAPS) {
      throw new GlasError('LimitExceeded', `${MAX_LIVE_TAPS} images wait here already.`, {
        data: { limit: MAX_LIVE_TAPS, unit: 'images' },
      })
    }
    this.#waiting.set(key, waiting)
    older?.drop()
    this.#onChange()
    return () => {
      if (this.#waiting.get(key) !== waiting) return
      this.#waiting.delete(key)
      this.#onChange()
    }
  }

  get(name: TapName): Waiting | undefined {
    return this.#waiting.get(keyOf(name))
  }

  /** By host, path and name. */
  list(): LiveTap[] {
    const taps = [...this.#waiting].sort(([a], [b]) => (a < b ? -1 : 1))
    return taps.map(([, { tap }]) => tap)
  }

  /** The Tap that a person means: by its name, its directory, or both with the host. PeerNotFound, AmbiguousName. */
  named(text: string): LiveTap {
    const taps = this.list()
    const found = taps.filter((tap) => [tap.name, tap.path, `${tap.host}:${tap.path}`, fullName(tap)].includes(text))
    const [only] = found
    if (only !== undefined && found.length === 1) return only
    const there = (found.length > 0 ? found : taps).map(fullName).slice(0, MAX_CANDIDATES)
    if (found.length > 1) {
      const message = `${found.length} images that run are called "${text}": ${there.join(', ')}. Type more of it.`
      throw new GlasError('AmbiguousName', message, { data: { candidates: there } })
    }
    const others = there.length === 0 ? 'None is connected.' : `There are: ${there.join(', ')}.`
    throw new GlasError('PeerNotFound', `No image that runs is called "${text}". ${others}`, { data: { there } })
  }
}

function fullName({ host, path, name }: TapName): string {
  return `${host}:${path}/${name}`
}

/** A short name for a host, path and name, for addresses of the API. */
export function tapId(name: TapName): string {
  return createHash('sha256').update(keyOf(name)).digest('hex').slice(0, TAP_ID_CHARS)
}

function keyOf({ host, path, name }: TapName): string {
  return [host, path, name].join('\0')
}
