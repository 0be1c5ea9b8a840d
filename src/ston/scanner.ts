/** Characters of a STON text: position, white space, words, and failing with the place where it happened. */
import { stonError } from './errors.ts'
import { MAX_TEXT_CODE_UNITS } from './limits.ts'

const BYTE_ORDER_MARK = 0xfeff

/** A set of characters: a table for ASCII, which nearly all text is, and a pattern for the rest. */
class CharacterSet {
  private readonly ascii = new Uint8Array(128)
  private readonly pattern: RegExp

  constructor(pattern: RegExp) {
    this.pattern = pattern
    for (let code = 0; code < 128; code++) this.ascii[code] = pattern.test(String.fromCharCode(code)) ? 1 : 0
  }

  has(codePoint: number | undefined): boolean {
    if (codePoint === undefined) return false
    return codePoint < 128 ? this.ascii[codePoint] === 1 : this.pattern.test(String.fromCodePoint(codePoint))
  }
}

const DIGIT = new CharacterSet(/[0-9]/)
const CLASS_NAME_START = new CharacterSet(/\p{Lu}/u)
const WORD = new CharacterSet(/[\p{L}\p{Nd}_]/u)
const SYMBOL = new CharacterSet(/[\p{L}\p{Nd}_./-]/u)

export class StonScanner {
  readonly text: string
  /** UTF-16 code units from the start of the text. */
  offset: number

  constructor(text: string) {
    if (text.length > MAX_TEXT_CODE_UNITS) {
      throw stonError(text, 0, `the text is ${text.length} characters long, ${MAX_TEXT_CODE_UNITS} are allowed`)
    }
    this.text = text
    this.offset = text.charCodeAt(0) === BYTE_ORDER_MARK ? 1 : 0
  }

  get atEnd(): boolean {
    return this.offset >= this.text.length
  }

  /** The code unit here as a string; empty at the end. */
  get here(): string {
    return this.text.charAt(this.offset)
  }

  /** Space, tab, CR, LF and form feed. */
  skipSpace(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.offset)
      if (code !== 32 && code !== 9 && code !== 13 && code !== 10 && code !== 12) return
      this.offset++
    }
  }

  /** Steps over `character` if it stands here. */
  take(character: string): boolean {
    if (this.here !== character) return false
    this.offset++
    return true
  }

  /** `take` behind white space: between the tokens of a structure. */
  takeToken(character: string): boolean {
    this.skipSpace()
    return this.take(character)
  }

  atDigit(): boolean {
    return DIGIT.has(this.codePoint())
  }

  atClassName(): boolean {
    return CLASS_NAME_START.has(this.codePoint())
  }

  /** The digits here, at least one and at most `limit`. */
  digits(limit: number): string {
    const start = this.offset
    const digits = this.run(DIGIT)
    if (digits === '') this.fail(`expected a digit, found ${this.found()}`)
    if (digits.length > limit) this.fail(`more than ${limit} digits`, start)
    return digits
  }

  /** Letters, digits and `_`: a class name or a constant. Empty if there are none. */
  word(): string {
    return this.run(WORD)
  }

  /** What may stand bare behind `#`. Empty if there is nothing of it. */
  symbolName(): string {
    return this.run(SYMBOL)
  }

  /** Behind a number or a reference: `12abc` is a mistake, not two values. */
  endToken(): void {
    if (WORD.has(this.codePoint())) this.fail(`expected the value to end, found ${this.found()}`)
  }

  /** What stands here, for a message. */
  found(): string {
    const codePoint = this.codePoint()
    return codePoint === undefined ? 'the end of the text' : JSON.stringify(String.fromCodePoint(codePoint))
  }

  fail(problem: string, offset: number = this.offset): never {
    throw stonError(this.text, offset, problem)
  }

  private codePoint(): number | undefined {
    return this.text.codePointAt(this.offset)
  }

  private run(set: CharacterSet): string {
    const start = this.offset
    for (let point = this.codePoint(); point !== undefined && set.has(point); point = this.codePoint()) {
      this.offset += point > 0xffff ? 2 : 1
    }
    return this.text.slice(start, this.offset)
  }
}
