/**
 * What is written in a piece of a `.changes` file. The format is that of Smalltalk-80: chunks that end with `!`, in
 * which `!!` stands for one; a chunk that begins with `!` names a reader for the chunk behind it, or, where it reads
 * methods, for those up to an empty one.
 * Lines end with CR, or LF. Whatever is in it, it is read once and in one direction.
 */

/** One thing that somebody did. All texts are as they stand in the file, cut to their limits; nothing is escaped. */
export interface CodeChange {
  /** `session` is a save, a quit or a start; `other` what a reader that is not known here was given. */
  kind: 'method' | 'comment' | 'class' | 'expression' | 'session' | 'other'
  /** `Ant`, `Ant class`; empty for expressions and sessions. */
  'class-name': string
  /** Of a method. */
  selector: string
  protocol: string
  /** Author and time, as the image wrote them. */
  stamp: string
  source: string
}

export interface CodeChanges {
  changes: CodeChange[]
  /** There were more than `MAX_CHANGES`; these are the last. */
  hasMore: boolean
}

/** More than anybody reads at a time; loading a large package writes thousands. */
const MAX_CHANGES = 2000
/** Characters of one method or expression. */
const MAX_SOURCE_CHARS = 10_000
/** Characters of a name, a protocol or a stamp. */
const MAX_NAME_CHARS = 200

const READER = /^([\p{L}_][\p{L}\p{N}_]*(?: class(?:Side| trait)?)?) (methodsFor|commentStamp): ?'((?:[^']|'')*)'/u
/** Readers of methods read on; others read one chunk. */
const HAS_MANY = / methodsFor: ?'/
const STAMP = / stamp: ?'((?:[^']|'')*)'/
const SESSION = /^----[A-Z/ ]+----/
const CLASS =
  /^[\p{L}_][\p{L}\p{N}_.]* (?:subclass: |<< ?|(?:variable|weak|ephemeron|immediate)\w*[sS]ubclass: )#([\p{L}\p{N}_]+)/u
const KEYWORDS = /\s*([\p{L}_][\p{L}\p{N}_]*:)\s*[\p{L}_][\p{L}\p{N}_]*/uy
const UNARY_OR_BINARY = /^(?:[\p{L}_][\p{L}\p{N}_]*|[-+*/\\~<>=@,%|&?!]+)/u

/** The changes in `text`, the oldest first. What is cut off at its end counts as far as it goes. */
export function parseChanges(text: string): CodeChanges {
  const chunks = new Chunks(text)
  const changes: CodeChange[] = []
  let count = 0
  const add = (change: CodeChange) => {
    count++
    changes.push(change)
    if (changes.length >= 2 * MAX_CHANGES) changes.splice(0, MAX_CHANGES)
  }
  while (chunks.hasMore()) {
    if (!chunks.atReader()) {
      add(expressionOf(chunks.next()))
      continue
    }
    const head = chunks.next()
    if (!HAS_MANY.test(head)) {
      const body = chunks.next()
      if (head.trim() !== '') add(readBy(head, body))
      continue
    }
    for (let body = chunks.next(); body.trim() !== ''; body = chunks.next()) add(readBy(head, body))
  }
  return { changes: changes.slice(-MAX_CHANGES), hasMore: count > MAX_CHANGES }
}

/** Where a text that begins anywhere in such a file has its first whole record: behind a `!` and an empty line. */
export function firstChunkAt(text: string): number {
  const end = /[^!]!(?: !)?(?:\r\r|\n\n)/.exec(text)
  return end === null ? text.length : end.index + end[0].length
}

class Chunks {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  hasMore(): boolean {
    this.#skipSpace()
    return this.#at < this.#text.length
  }

  /** The next chunk names a reader; its mark is passed over. */
  atReader(): boolean {
    const isReader = this.#text[this.#at] === '!'
    if (isReader) this.#at++
    return isReader
  }

  next(): string {
    const parts: string[] = []
    for (;;) {
      const end = this.#text.indexOf('!', this.#at)
      if (end < 0) {
        parts.push(this.#text.slice(this.#at))
        this.#at = this.#text.length
        break
      }
      const isDouble = this.#text[end + 1] === '!'
      parts.push(this.#text.slice(this.#at, isDouble ? end + 1 : end))
      this.#at = end + (isDouble ? 2 : 1)
      if (!isDouble) break
    }
    return parts.join('')
  }

  #skipSpace(): void {
    while (this.#at < this.#text.length && this.#text.charCodeAt(this.#at) <= 32) this.#at++
  }
}

function readBy(head: string, body: string): CodeChange {
  const source = sourceOf(body)
  const [, className = '', how, text = ''] = READER.exec(head) ?? []
  if (how === undefined) return { ...BARE, kind: 'other', 'class-name': short(head.trim()), source }
  if (how === 'commentStamp')
    return { ...BARE, kind: 'comment', 'class-name': short(className), stamp: unquoted(text), source }
  return {
    kind: 'method',
    'class-name': short(className),
    selector: selectorOf(source),
    protocol: unquoted(text),
    stamp: unquoted(STAMP.exec(head)?.[1] ?? ''),
    source,
  }
}

function expressionOf(chunk: string): CodeChange {
  const source = sourceOf(chunk)
  if (SESSION.test(source)) return { ...BARE, kind: 'session', source }
  const name = CLASS.exec(source)?.[1]
  if (name !== undefined) return { ...BARE, kind: 'class', 'class-name': short(name), source }
  return { ...BARE, kind: 'expression', source }
}

const BARE = { 'class-name': '', selector: '', protocol: '', stamp: '' }

/** `at:put:` of `at: key put: value`. */
function selectorOf(source: string): string {
  KEYWORDS.lastIndex = 0
  const keywords: string[] = []
  for (let match = KEYWORDS.exec(source); match !== null; match = KEYWORDS.exec(source)) {
    keywords.push(match[1] ?? '')
    if (keywords.length > 20) break
  }
  return short(keywords.length > 0 ? keywords.join('') : (UNARY_OR_BINARY.exec(source.trimStart())?.[0] ?? ''))
}

function sourceOf(chunk: string): string {
  const text = chunk
    .replace(/\r\n?/g, '\n')
    .replace(/^\s*\n/, '')
    .trimEnd()
  return text.length <= MAX_SOURCE_CHARS ? text : `${text.slice(0, MAX_SOURCE_CHARS)}…`
}

function unquoted(text: string): string {
  return short(text.replaceAll("''", "'"))
}

function short(text: string): string {
  return text.length <= MAX_NAME_CHARS ? text : `${text.slice(0, MAX_NAME_CHARS)}…`
}
