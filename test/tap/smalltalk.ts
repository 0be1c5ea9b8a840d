/**
 * Reads Smalltalk methods closely enough to find what a compiler would: brackets, statements and cascades that do not
 * fit, variables that nobody declares. No Pharo runs where these tests do.
 */

type Kind =
  | 'name'
  | 'keyword'
  | 'binary'
  | 'assign'
  | 'return'
  | 'period'
  | 'cascade'
  | 'colon'
  | 'open'
  | 'close'
  | 'literal'

interface Token {
  kind: Kind
  text: string
}

export interface Parsed {
  /** Names that are read or assigned and declared neither in the method nor by the caller. */
  undeclared: Set<string>
  /** Messages that are sent to `self`, or to a name with a capital: `receiver selector`. */
  sent: Set<string>
}

const TOKENS: Array<[Kind | 'space', RegExp]> = [
  ['space', /^(?:\s+|"[^"]*")/],
  ['literal', /^\$[\s\S]/],
  ['literal', /^#?'(?:[^']|'')*'/],
  ['literal', /^#[A-Za-z_][\w:]*/],
  ['literal', /^#\((?:[^()']|'[^']*')*\)/],
  ['literal', /^\d+(?:r[0-9A-Z]+|\.\d+)?/],
  ['assign', /^:=/],
  ['keyword', /^[A-Za-z_]\w*:(?!=)/],
  ['name', /^[A-Za-z_]\w*/],
  ['return', /^\^/],
  ['period', /^\./],
  ['cascade', /^;/],
  ['open', /^[([{]/],
  ['close', /^[)\]}]/],
  ['colon', /^:/],
  ['binary', /^[-+*/~<>=@%|&?,\\]+/],
]

function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  for (let rest = text; rest !== ''; ) {
    const found = TOKENS.map(([kind, pattern]) => ({ kind, match: pattern.exec(rest)?.[0] })).find(({ match }) => match)
    if (found?.match === undefined) throw new Error(`not Smalltalk: ${rest.slice(0, 40)}`)
    if (found.kind !== 'space') tokens.push({ kind: found.kind, text: found.match })
    rest = rest.slice(found.match.length)
  }
  return tokens
}

const PSEUDO = ['self', 'super', 'true', 'false', 'nil', 'thisContext']
const CLOSING: Record<string, string> = { '(': ')', '[': ']', '{': '}' }

/** `body` is what stands between the brackets of a method; `declared` are its arguments and the variables of its class. */
export function parseBody(body: string, declared: Iterable<string>): Parsed {
  const parser = new Parser(tokensOf(body), new Set([...PSEUDO, ...declared]))
  parser.sequence()
  parser.atEnd()
  return parser.parsed
}

class Parser {
  readonly parsed: Parsed = { undeclared: new Set(), sent: new Set() }
  readonly #tokens: Token[]
  #scope: Set<string>
  #at = 0
  /** Of the message that was sent last: what comes after a semicolon is for the same. */
  #lastReceiver = ''

  constructor(tokens: Token[], scope: Set<string>) {
    this.#tokens = tokens
    this.#scope = scope
  }

  atEnd(): void {
    if (this.#at < this.#tokens.length) throw this.#unexpected()
  }

  /** Pragmas, temporaries, statements; until a closing bracket or the end. */
  sequence(): void {
    while (this.#is('binary', '<')) this.#pragma()
    if (this.#is('binary', '||')) this.#at++
    if (this.#is('binary', '|')) {
      this.#at++
      while (this.#is('name')) this.#scope.add(this.#take('name'))
      this.#take('binary', '|')
    }
    while (this.#is('binary', '<')) this.#pragma()
    while (this.#at < this.#tokens.length && !this.#is('close')) {
      const isReturn = this.#is('return')
      if (isReturn) this.#at++
      this.#expression()
      if (this.#is('period')) this.#at++
      else if (this.#at < this.#tokens.length && !this.#is('close')) throw this.#unexpected()
      else return
      if (isReturn && !this.#is('close') && this.#at < this.#tokens.length) throw this.#unexpected()
    }
  }

  #pragma(): void {
    this.#take('binary', '<')
    while (!this.#is('binary', '>')) this.#at++
    this.#at++
  }

  #expression(): void {
    if (this.#is('name') && this.#tokens[this.#at + 1]?.kind === 'assign') {
      this.#use(this.#take('name'))
      this.#at++
      this.#expression()
      return
    }
    const receiver = this.#primary()
    if (this.#messages(receiver) === 0 && this.#is('cascade')) throw this.#unexpected()
    const cascaded = this.#lastReceiver
    while (this.#is('cascade')) {
      this.#at++
      if (this.#messages(cascaded) === 0) throw this.#unexpected()
    }
  }

  /** How many messages: unary, then binary, then one of keywords. */
  #messages(receiver: string): number {
    let count = this.#unaries(receiver)
    let to = count > 0 ? '' : receiver
    for (; this.#is('binary'); count++) {
      this.#send(to, this.#take('binary'))
      this.#unaries(this.#primary())
      to = ''
    }
    let selector = ''
    while (this.#is('keyword')) {
      selector += this.#take('keyword')
      const argument = this.#primary()
      const unaries = this.#unaries(argument)
      for (let inner = unaries > 0 ? '' : argument; this.#is('binary'); inner = '') {
        this.#send(inner, this.#take('binary'))
        this.#unaries(this.#primary())
      }
    }
    if (selector === '') return count
    this.#send(to, selector)
    return count + 1
  }

  #unaries(receiver: string): number {
    let count = 0
    for (let to = receiver; this.#is('name'); to = '') {
      this.#send(to, this.#take('name'))
      count++
    }
    return count
  }

  /** The name where it is one, else nothing. */
  #primary(): string {
    if (this.#is('literal')) return this.#taken('')
    if (this.#is('binary', '-')) this.#at++ // a negative number
    if (this.#is('name')) return this.#use(this.#take('name'))
    const open = this.#take('open')
    if (open === '[') this.#block()
    else if (open === '(') this.#expression()
    else this.sequence()
    this.#take('close', CLOSING[open])
    return ''
  }

  #block(): void {
    const outer = this.#scope
    this.#scope = new Set(outer)
    let hasArguments = false
    while (this.#is('colon')) {
      this.#at++
      this.#scope.add(this.#take('name'))
      hasArguments = true
    }
    if (hasArguments && !this.#is('close')) this.#take('binary', '|')
    this.sequence()
    this.#scope = outer
  }

  #use(name: string): string {
    if (!this.#scope.has(name)) this.parsed.undeclared.add(name)
    return name
  }

  #send(receiver: string, selector: string): void {
    this.#lastReceiver = receiver
    if (receiver === 'self' || /^[A-Z]/.test(receiver)) this.parsed.sent.add(`${receiver} ${selector}`)
  }

  #is(kind: Kind, text?: string): boolean {
    const token = this.#tokens[this.#at]
    return token?.kind === kind && (text === undefined || token.text === text)
  }

  #take(kind: Kind, text?: string): string {
    if (!this.#is(kind, text)) throw this.#unexpected()
    return this.#taken(this.#tokens[this.#at]?.text ?? '')
  }

  #taken(value: string): string {
    this.#at++
    return value
  }

  #unexpected(): Error {
    const near = this.#tokens.slice(Math.max(0, this.#at - 5), this.#at + 2).map(({ text }) => text)
    return new Error(`unexpected at the end of: ${near.join(' ')}`)
  }
}
