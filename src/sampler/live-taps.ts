import { createHmac, randomBytes } from 'node:crypto'
import type { OwnTap } from '../beam/parts.ts'
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
  /** It may speak for directories of this machine. */
  isOwn: boolean
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
  /** Others learn the id of a tap, and must not be able to try hosts and paths until one fits. */
  readonly #idSecret = randomBytes(32)

  /** `onChange`: another image waits, or one no longer. */
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

  /** As others may be told of them. */
  own(): OwnTap[] {
    return this.list().map(({ host, path, name }) => ({ id: this.idOf({ host, path, name }), host, path, name }))
  }

  /** Undefined when it is not connected any more. */
  byId(id: string): LiveTap | undefined {
    return this.list().find((tap) => this.idOf(tap) === id)
  }

  /** What the API and other members call it; the same while this process runs. */
  idOf(tap: TapName): string {
    return createHmac('sha256', this.#idSecret).update(keyOf(tap)).digest('hex').slice(0, TAP_ID_CHARS)
  }
}

/** What no two of them have in common, for people to type. */
export function fullName({ host, path, name }: TapName): string {
  return `${host}:${path}/${name}`
}

function keyOf({ host, path, name }: TapName): string {
  return [host, path, name].join('\0')
}
