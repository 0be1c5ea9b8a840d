/** Values (model.ts) -> STON and STONJSON text, byte for byte as Pharo's STONWriter makes it. */
import { refuseToWrite } from './errors.ts'
import { MAX_GRAPH_VALUES, MAX_NESTING_LEVELS, MAX_TEXT_CODE_UNITS } from './limits.ts'
import {
  numberOf,
  StonAssociation,
  StonFloat,
  StonFraction,
  type StonMap,
  type StonNewline,
  StonObject,
  StonReference,
  StonScaled,
  StonSymbol,
  type StonValue,
  specialFloat,
} from './model.ts'
import { printBigInt, printFloat, printFraction, printScaled } from './numbers.ts'
import { quote } from './strings.ts'

export interface StonLayout {
  /** Newlines and tabs, as Pharo's `toStringPretty:`; else no white space at all. */
  pretty?: boolean
  /** Default LF. */
  newline?: StonNewline
  /** Everything beyond ASCII as `\uHHHH`. */
  asciiOnly?: boolean
}

export interface StonWriteOptions extends StonLayout {
  /** Line ends in strings stand raw, as `newline`, instead of `\r` and `\n`. */
  keepNewLines?: boolean
  /** A list, map or object met again: `write` it as `@n` (the default), `ignore` that and write it again, or `error`. */
  references?: 'write' | 'ignore' | 'error'
  /** Instance variables that are nil: `omit` them (the default) or `write` them. */
  nils?: 'omit' | 'write'
}

type Settings = Required<StonWriteOptions> & { json: boolean }

const DEFAULTS: Settings = {
  pretty: false,
  newline: '\n',
  asciiOnly: false,
  keepNewLines: false,
  references: 'write',
  nils: 'omit',
  json: false,
}

/** Throws GlasError BadSton for what STON cannot say, and beyond the limits of limits.ts. */
export function writeSton(value: StonValue, options: StonWriteOptions = {}): string {
  return new StonWriter({ ...DEFAULTS, ...options }).text(value)
}

/**
 * JSON as STONJSON writes it: symbols as strings, fractions as floats. Throws GlasError BadSton for what JSON has not:
 * objects of a class (but OrderedDictionary), associations, keys that are no text, infinities, anything used twice.
 */
export function writeStonJson(value: StonValue, options: StonLayout = {}): string {
  return new StonWriter({ ...DEFAULTS, ...options, references: 'error', json: true }).text(value)
}

const CLASS_NAME = /^\p{Lu}[\p{L}\p{Nd}_]*$/u
const BARE_SYMBOL = /^[A-Za-z0-9._/-]+$/
/** Classes whose list stands on one line in the pretty form: those written as one element, and the short lists. */
const ONE_LINE_CLASSES = new Set(
  (
    'ByteArray Character Class ClassTrait Color Date DateAndTime FILE Float Metaclass MimeType Time URL UUID ZnMimeType ' +
    'AbsolutePath OmReference Path Point RelativePath'
  ).split(' '),
)

/** Dictionaries are written as maps too, but their nils are values. */
const DICTIONARY_CLASS = /Dictionary$/

class StonWriter {
  private readonly settings: Settings
  private readonly numbers = new Map<object, number>()
  private output = ''
  private values = 0
  private levels = 0
  private indent = 0

  constructor(settings: Settings) {
    this.settings = settings
  }

  text(value: StonValue): string {
    this.value(value)
    return this.output
  }

  private value(value: StonValue): void {
    if (++this.values > MAX_GRAPH_VALUES) refuseToWrite(`a graph of more than ${MAX_GRAPH_VALUES} values`)
    if (value instanceof StonAssociation) this.association(value)
    else if (value instanceof StonFloat && !Number.isFinite(value.value)) this.shared(value, specialFloat(value.value))
    else if (typeof value === 'number' && !Number.isFinite(value)) this.value(new StonFloat(value))
    else if (Array.isArray(value) || value instanceof Map || value instanceof StonObject) this.shared(value, value)
    else this.put(this.scalar(value))
  }

  /** Writes `contents`, or a reference where `identity` was written before. */
  private shared(identity: object, contents: StonValue[] | StonMap | StonObject): void {
    const { references, json } = this.settings
    if (references !== 'ignore') {
      const number = this.numbers.get(identity)
      if (number !== undefined) {
        if (references === 'error') refuseToWrite('a list, map or object that is used twice, or inside itself')
        this.put(`@${number}`)
        return
      }
      this.numbers.set(identity, this.numbers.size + 1)
    }
    this.enter()
    if (Array.isArray(contents)) this.list(contents)
    else if (contents instanceof Map) this.map(contents, true)
    else if (!json) this.object(contents)
    else if (contents.className === 'OrderedDictionary' && contents.map) this.map(contents.map, true)
    else refuseToWrite(`an instance of ${contents.className}, which JSON cannot say`)
    this.levels--
  }

  private object({ className, contents }: StonObject): void {
    if (!CLASS_NAME.test(className)) refuseToWrite(`${JSON.stringify(className)} as the name of a class`)
    this.put(className)
    this.space()
    if (contents instanceof Map) this.map(contents, this.settings.nils === 'write' || DICTIONARY_CLASS.test(className))
    else if (ONE_LINE_CLASSES.has(className)) this.shortList(contents)
    else this.list(contents)
  }

  private list(items: StonValue[]): void {
    this.put('[')
    if (items.length === 0) this.space()
    else this.lines(items, (item) => this.value(item))
    this.put(']')
  }

  private shortList(items: StonValue[]): void {
    this.put('[')
    this.space()
    for (const [index, item] of items.entries()) {
      if (index > 0) this.put(this.settings.pretty ? ', ' : ',')
      this.value(item)
    }
    this.space()
    this.put(']')
  }

  private map(map: StonMap, withNils: boolean): void {
    const isWritten = ([key, value]: [StonValue, StonValue]) =>
      withNils || value !== null || !(key instanceof StonSymbol)
    this.put('{')
    if (map.size === 0) this.space()
    else this.lines([...map].filter(isWritten), ([key, value]) => this.entry(key, value))
    this.put('}')
  }

  private lines<Part>(parts: Part[], write: (part: Part) => void): void {
    this.indent++
    this.newline()
    for (const [index, part] of parts.entries()) {
      if (index > 0) {
        this.put(',')
        this.newline()
      }
      write(part)
    }
    this.indent--
    this.newline()
  }

  private association({ key, value }: StonAssociation): void {
    if (this.settings.json) refuseToWrite('an association, which JSON cannot say')
    this.enter()
    this.entry(key, value)
    this.levels--
  }

  private entry(key: StonValue, value: StonValue): void {
    if (this.settings.json && typeof key !== 'string' && !(key instanceof StonSymbol))
      refuseToWrite('a JSON key that is not a string')
    // `a:b:c` reads as a:(b:c), and there are no parentheses.
    if (key instanceof StonAssociation) refuseToWrite('an association as the key of another or of a map')
    this.value(key)
    this.put(this.settings.pretty ? ' : ' : ':')
    this.value(value)
  }

  private scalar(value: StonValue): string {
    const { json } = this.settings
    if (value === null) return json ? 'null' : 'nil'
    if (typeof value === 'string') return quote(value, this.settings)
    if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : printFloat(value)
    if (typeof value === 'bigint') return printBigInt(value)
    if (typeof value === 'boolean') return String(value)
    if (value instanceof StonSymbol) return this.symbol(value.name)
    if (value instanceof StonFloat) return printFloat(value.value)
    if (value instanceof StonFraction) return json ? this.asFloat(value) : printFraction(value)
    if (value instanceof StonScaled) return json ? this.asFloat(value) : printScaled(value)
    if (value instanceof StonReference) return this.reference(value.number)
    return refuseToWrite(`a JavaScript ${typeof value}`)
  }

  private asFloat(fraction: StonFraction | StonScaled): string {
    const value = numberOf(fraction)
    if (value === undefined || !Number.isFinite(value))
      return refuseToWrite('a fraction beyond the range of floats as JSON')
    return printFloat(value)
  }

  private symbol(name: string): string {
    if (this.settings.json) return quote(name, this.settings)
    return BARE_SYMBOL.test(name) ? `#${name}` : `#${quote(name, this.settings)}`
  }

  /** One that was kept when reading: right as long as the containers before it are the same. */
  private reference(number: number): string {
    const isKnown = number >= 1 && number <= this.numbers.size && this.settings.references === 'write'
    return isKnown ? `@${number}` : refuseToWrite(`a reference to @${number}, which was not written before it`)
  }

  private enter(): void {
    if (++this.levels > MAX_NESTING_LEVELS) refuseToWrite(`values nested deeper than ${MAX_NESTING_LEVELS} levels`)
  }

  private space(): void {
    if (this.settings.pretty) this.put(' ')
  }

  private newline(): void {
    if (this.settings.pretty) this.put(this.settings.newline + '\t'.repeat(this.indent))
  }

  private put(text: string): void {
    this.output += text
    if (this.output.length > MAX_TEXT_CODE_UNITS) refuseToWrite(`a text of more than ${MAX_TEXT_CODE_UNITS} characters`)
  }
}
