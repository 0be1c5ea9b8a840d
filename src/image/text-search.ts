/** Looks for secrets in one text that arrives in pieces; where the pieces end makes no difference. */
import { DETECTORS, type Detector, MAX_MATCH_CHARS, type TextKind } from './detectors.ts'

/** Kept for one file; the rest is counted. Whoever reads the list wants to know where to look, not all of it. */
export const MAX_MATCHES_PER_FILE = 100

/** What stays in the window before the next position, for patterns that look back (a line start, a word boundary). */
const CONTEXT_CHARS = 8

export interface SecretMatch {
  kind: string
  /** Byte offset in the file of the first byte of `secret`. */
  offset: number
  /** Latin-1: one character a byte. Never shown, logged or stored. */
  secret: string
}

interface Search {
  detector: Detector
  /** Where this detector goes on: after its last match. */
  nextOffset: number
}

export class TextSearch {
  readonly #text: TextKind
  readonly #searches: Search[]
  readonly #matches: SecretMatch[] = []
  #window = ''
  /** Offset in the file of the window's first character. */
  #windowOffset = 0
  #overlooked = 0

  constructor(text: TextKind) {
    this.#text = text
    this.#searches = DETECTORS.filter(({ only }) => only === undefined || only.includes(text)).map((detector) => ({
      detector,
      nextOffset: 0,
    }))
  }

  add(chunk: Uint8Array): void {
    this.#window += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1')
    const sureLength = this.#window.length - MAX_MATCH_CHARS
    if (sureLength <= 0) return
    this.#searchBefore(sureLength)
    const kept = Math.max(0, sureLength - CONTEXT_CHARS)
    this.#window = this.#window.slice(kept)
    this.#windowOffset += kept
  }

  /** The matches in the order of the file, each byte in one at most, and how many more there were. */
  end(): { matches: SecretMatch[]; overlooked: number } {
    this.#searchBefore(this.#window.length)
    this.#window = ''
    const matches: SecretMatch[] = []
    let end = 0
    for (const match of this.#matches.sort((a, b) => a.offset - b.offset)) {
      if (match.offset < end) continue
      end = match.offset + match.secret.length
      matches.push(match)
    }
    return { matches, overlooked: this.#overlooked }
  }

  /** Takes the matches that begin before `limit` in the window; later ones may still grow. */
  #searchBefore(limit: number): void {
    for (const search of this.#searches) {
      const { detector } = search
      const { expression } = detector // shared by all searches: compiled once, and its position set before each use
      expression.lastIndex = Math.max(0, search.nextOffset - this.#windowOffset)
      for (let found = expression.exec(this.#window); found !== null; found = expression.exec(this.#window)) {
        if (found.index >= limit) break
        search.nextOffset = this.#windowOffset + expression.lastIndex
        this.#take(detector, found)
      }
      search.nextOffset = Math.max(search.nextOffset, this.#windowOffset + limit)
    }
  }

  #take({ kind, isHarmless }: Detector, found: RegExpExecArray): void {
    const secret = found.groups?.secret ?? found[0]
    if (isHarmless?.(secret, this.#text)) return
    if (this.#matches.length >= MAX_MATCHES_PER_FILE) this.#overlooked++
    else this.#matches.push({ kind, offset: this.#windowOffset + found.index + found[0].lastIndexOf(secret), secret })
  }
}
