/**
 * STON text -> syntax tree. The tree keeps what the values drop: where each value stands, entries of a map that a later
 * equal key replaces, and references as they were written. Grammar and numbering: docs/ston.md.
 */
import { MAX_GRAPH_VALUES, MAX_NESTING_LEVELS } from './limits.ts'
import { type StonNewline, type StonScalar, StonSymbol } from './model.ts'
import { readNumber } from './numbers.ts'
import { StonScanner } from './scanner.ts'
import { readString } from './strings.ts'

/** Where a value stands: from its first character to behind its last, in UTF-16 code units of the text. */
interface Span {
  readonly start: number
  readonly end: number
}

/** A string spans its quotes; a quoted symbol its `#` too. */
export type StonScalarNode = Span & { readonly kind: 'scalar'; readonly value: StonScalar }
export type StonReferenceNode = Span & { readonly kind: 'reference'; readonly number: number }
export type StonAssociationNode = Span & {
  readonly kind: 'association'
  readonly key: StonNode
  readonly value: StonNode
}
/** `className` is null for a plain list or map; `number` is what a reference calls it by. */
export type StonListNode = Span & {
  readonly kind: 'list'
  readonly className: string | null
  readonly number: number
  readonly items: readonly StonNode[]
}
export type StonMapNode = Span & {
  readonly kind: 'map'
  readonly className: string | null
  readonly number: number
  readonly entries: ReadonlyArray<{ readonly key: StonNode; readonly value: StonNode }>
}
export type StonNode = StonScalarNode | StonReferenceNode | StonAssociationNode | StonListNode | StonMapNode

export interface StonParseOptions {
  /** Each raw line end inside a string becomes this one. Left out: as it stands. */
  newline?: StonNewline
}

/** The one graph that `text` holds. Throws GlasError BadSton (`data`: line, column, offset), also for more than one. */
export function parseSton(text: string, options: StonParseOptions = {}): StonNode {
  const parser = new StonParser(text, options)
  const node = parser.graph()
  parser.expectEnd()
  return node
}

/** The graphs of `text`, one after the other, each with reference numbers of its own. Throws at the first mistake. */
export function* parseStonMany(text: string, options: StonParseOptions = {}): Generator<StonNode, void, undefined> {
  const parser = new StonParser(text, options)
  while (!parser.atEnd()) yield parser.graph()
}

const CONSTANTS = new Map<string, StonScalar>([
  ['true', true],
  ['false', false],
  ['nil', null],
  ['null', null],
])
/** Digits of a reference: none can be larger than the count of values in a graph. */
const MAX_REFERENCE_DIGITS = 15

class StonParser {
  private readonly scanner: StonScanner
  private readonly newline: StonNewline | undefined
  private symbols = new Map<string, StonSymbol>()
  private values = 0
  private containers = 0
  private levels = 0

  constructor(text: string, options: StonParseOptions) {
    this.scanner = new StonScanner(text)
    this.newline = options.newline
  }

  graph(): StonNode {
    this.symbols = new Map()
    this.values = 0
    this.containers = 0
    return this.value()
  }

  atEnd(): boolean {
    this.scanner.skipSpace()
    return this.scanner.atEnd
  }

  expectEnd(): void {
    if (!this.atEnd()) this.scanner.fail(`expected the end of the text, found ${this.scanner.found()}`)
  }

  private value(): StonNode {
    const key = this.simple()
    if (!this.scanner.takeToken(':')) return key
    this.enter()
    const value = this.value()
    this.levels--
    return { kind: 'association', key, value, start: key.start, end: value.end }
  }

  private simple(): StonNode {
    const { scanner } = this
    scanner.skipSpace()
    const start = scanner.offset
    if (++this.values > MAX_GRAPH_VALUES) scanner.fail(`a graph of more than ${MAX_GRAPH_VALUES} values`)
    const { here } = scanner
    if (here === '[' || here === '{' || scanner.atClassName()) return this.container(start)
    if (here === '@') return this.reference(start)
    const value = this.scalar(here)
    return { kind: 'scalar', value, start, end: scanner.offset }
  }

  private scalar(here: string): StonScalar {
    const { scanner } = this
    if (here === "'" || here === '"') return readString(scanner, this.newline)
    if (here === '#') return this.symbol()
    if (here === '-' || scanner.atDigit()) return readNumber(scanner)
    const start = scanner.offset
    const problem = `expected a value, found ${scanner.found()}`
    const constant = CONSTANTS.get(scanner.word())
    return constant === undefined ? scanner.fail(problem, start) : constant
  }

  private symbol(): StonSymbol {
    const { scanner } = this
    scanner.take('#')
    scanner.skipSpace()
    const quoted = scanner.here === "'" || scanner.here === '"'
    const name = quoted ? readString(scanner, this.newline) : scanner.symbolName()
    if (!quoted && name === '') scanner.fail(`expected the name of a symbol, found ${scanner.found()}`)
    const known = this.symbols.get(name)
    if (known !== undefined) return known
    const symbol = new StonSymbol(name)
    this.symbols.set(name, symbol)
    return symbol
  }

  private reference(start: number): StonNode {
    const { scanner } = this
    scanner.take('@')
    scanner.skipSpace()
    const number = Number(scanner.digits(MAX_REFERENCE_DIGITS))
    scanner.endToken()
    return { kind: 'reference', number, start, end: scanner.offset }
  }

  /** Takes its number before its parts take theirs. */
  private container(start: number): StonNode {
    const { scanner } = this
    this.enter()
    const number = ++this.containers
    const className = scanner.atClassName() ? scanner.word() : null
    scanner.skipSpace()
    if (scanner.here !== '[' && scanner.here !== '{')
      scanner.fail(`expected "[" or "{" behind a class name, found ${scanner.found()}`)
    const parts: Pick<StonListNode, 'kind' | 'items'> | Pick<StonMapNode, 'kind' | 'entries'> =
      scanner.here === '[' ? { kind: 'list', items: this.items() } : { kind: 'map', entries: this.entries() }
    this.levels--
    return { ...parts, className, number, start, end: scanner.offset }
  }

  private items(): StonNode[] {
    const { scanner } = this
    scanner.take('[')
    const items: StonNode[] = []
    if (scanner.takeToken(']')) return items
    do items.push(this.value())
    while (scanner.takeToken(','))
    if (!scanner.take(']')) scanner.fail(`expected "," or "]" in a list, found ${scanner.found()}`)
    return items
  }

  private entries(): Array<{ key: StonNode; value: StonNode }> {
    const { scanner } = this
    scanner.take('{')
    const entries: Array<{ key: StonNode; value: StonNode }> = []
    if (scanner.takeToken('}')) return entries
    do {
      const key = this.simple()
      if (!scanner.takeToken(':')) scanner.fail(`expected ":" behind a key, found ${scanner.found()}`)
      entries.push({ key, value: this.value() })
    } while (scanner.takeToken(','))
    if (!scanner.take('}')) scanner.fail(`expected "," or "}" in a map, found ${scanner.found()}`)
    return entries
  }

  private enter(): void {
    if (++this.levels > MAX_NESTING_LEVELS) this.scanner.fail(`nested deeper than ${MAX_NESTING_LEVELS} levels`)
  }
}
