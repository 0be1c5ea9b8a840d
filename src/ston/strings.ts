/** Strings and quoted symbols, read and written. */
import { refuseToWrite } from './errors.ts'
import type { StonNewline } from './model.ts'
import type { StonScanner } from './scanner.ts'

const BACKSLASH = 92
const NAMED_ESCAPES = new Map([
  ["'", "'"],
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
])
const NEWLINES = /\r\n|\r|\n/
/** A string of nothing but escapes would hold two pieces for each; joining now and then keeps that small. */
const PIECES_AT_ONCE = 8192

/** Reads the quoted string here; `newline` replaces each raw line end in it. */
export function readString(scanner: StonScanner, newline: StonNewline | undefined): string {
  const start = scanner.offset
  const { text } = scanner
  const delimiter = text.charCodeAt(start)
  let end = start + 1
  let escaped = false
  for (let code = text.charCodeAt(end); code !== delimiter; code = text.charCodeAt(end)) {
    if (end >= text.length) scanner.fail('the string that starts here does not end', start)
    if (code === BACKSLASH) escaped = true
    end += code === BACKSLASH ? 2 : 1
  }
  const raw = text.slice(start + 1, end)
  scanner.offset = end + 1
  if (escaped) return decoded(raw, newline, (at, problem) => scanner.fail(problem, start + 1 + at))
  return withNewlines(raw, newline)
}

type Refuse = (at: number, problem: string) => never

function decoded(raw: string, newline: StonNewline | undefined, refuse: Refuse): string {
  let result = ''
  let pieces: string[] = []
  let from = 0
  for (let at = raw.indexOf('\\'); at !== -1; at = raw.indexOf('\\', from)) {
    const named = NAMED_ESCAPES.get(raw.charAt(at + 1))
    const hex = named === undefined ? unicodeEscape(raw, at, refuse) : ''
    pieces.push(withNewlines(raw.slice(from, at), newline), named ?? hex)
    from = at + (named === undefined ? hex.length * 6 : 2)
    if (pieces.length >= PIECES_AT_ONCE) {
      result += pieces.join('')
      pieces = []
    }
  }
  return result + pieces.join('') + withNewlines(raw.slice(from), newline)
}

/** `\uHHHH`, twice for a surrogate pair; a low surrogate alone passes, as it does in Pharo. */
function unicodeEscape(raw: string, at: number, refuse: Refuse): string {
  if (raw.charAt(at + 1) !== 'u') refuse(at, `${JSON.stringify(raw.slice(at, at + 2))} is no escape`)
  const unit = hexUnit(raw, at)
  if (unit === undefined) refuse(at, 'expected four hexadecimal digits behind \\u')
  if (unit < 0xd800 || unit > 0xdbff) return String.fromCharCode(unit)
  const low = hexUnit(raw, at + 6)
  if (low === undefined || low < 0xdc00 || low > 0xdfff)
    refuse(at, 'the first half of a surrogate pair without the second')
  return String.fromCharCode(unit, low)
}

function hexUnit(raw: string, at: number): number | undefined {
  const digits = /^\\u([0-9A-Fa-f]{4})/.exec(raw.slice(at, at + 6))
  return digits === null ? undefined : Number.parseInt(digits[1]!, 16)
}

function withNewlines(raw: string, newline: StonNewline | undefined): string {
  return newline === undefined ? raw : raw.split(NEWLINES).join(newline)
}

export interface QuoteOptions {
  /** In double quotes. */
  json: boolean
  asciiOnly: boolean
  /** Line ends stand raw, as `newline`. */
  keepNewLines: boolean
  newline: StonNewline
}

const WRITTEN_ESCAPES = new Map([
  ['\b', '\\b'],
  ['\t', '\\t'],
  ['\n', '\\n'],
  ['\f', '\\f'],
  ['\r', '\\r'],
  ['\\', '\\\\'],
])
const STON_ESCAPED = /['\\\0-\x1f\x7f-\x9f]/g
const JSON_ESCAPED = /["\\\0-\x1f\x7f-\x9f]/g
const BEYOND_ASCII = /[^\0-\x7f]/g

/** As a string literal. Half a surrogate pair has no UTF-8 form, and Pharo cannot read its escape: refused. */
export function quote(text: string, options: QuoteOptions): string {
  if (!text.isWellFormed()) refuseToWrite('a string with half a surrogate pair')
  const lines = options.keepNewLines ? text.split(NEWLINES) : [text]
  const delimiter = options.json ? '"' : "'"
  return delimiter + lines.map((line) => escaped(line, options)).join(options.newline) + delimiter
}

function escaped(line: string, { json, asciiOnly }: QuoteOptions): string {
  const written = line.replace(json ? JSON_ESCAPED : STON_ESCAPED, writtenEscape)
  return asciiOnly ? written.replace(BEYOND_ASCII, hexEscape) : written
}

function writtenEscape(character: string): string {
  if (character === "'" || character === '"') return `\\${character}`
  return WRITTEN_ESCAPES.get(character) ?? hexEscape(character)
}

function hexEscape(codeUnit: string): string {
  return `\\u${codeUnit.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`
}
