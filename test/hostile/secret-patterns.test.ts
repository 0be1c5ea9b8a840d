import * as assert from 'uvu/assert'
import { DETECTORS, MAX_MATCH_CHARS } from '../../src/image/detectors.ts'
import { TextSearch } from '../../src/image/text-search.ts'
import { test } from '../harness.ts'

/** Texts that make careless patterns go back and forth: beginnings of matches without an end, over and over. */
const TRAPS = [
  'a',
  '://',
  '://a:',
  '://:',
  'https://a',
  'eyJ',
  'eyJaaaaaaaa.',
  'eyJaaaaaaaa.eyJ',
  '-----BEGIN ',
  '-----BEGIN RSA PRIVATE KEY-----\\n',
  'AAAA ',
  'secret',
  "secret='",
  'secret::::',
  'token ',
  'password   ',
  "password:'aaaaaaaa",
  "user:'a' ",
  "user:'a'        pass",
  'authorization: basic ',
  'authorization::::',
  'login ',
  'login a ',
  'account1: a ',
  '\n\t\t\t\texport    a_a_a_',
  '\ntoken_token_token',
  'gh',
  'ghp_a',
  'sk-a-',
  '_auth=',
  '"auth":"aaaa',
  ' '.repeat(50),
  '\n',
  '\r',
  "'",
  '\\',
]

/** Ordinary source of this length takes 1 ms; a pattern that goes back and forth takes longer than a test may. */
const TEXT_CHARS = 256 * 1024

test('no text makes the search slow: its time grows with the length alone', () => {
  for (const trap of TRAPS) {
    const text = Buffer.from(trap.repeat(Math.ceil(TEXT_CHARS / trap.length)), 'latin1')
    for (const kind of ['typed', 'git', 'settings'] as const) {
      const search = new TextSearch(kind)
      search.add(text)
      search.end()
    }
  }
})

test('every repetition in a pattern is bounded, and no match is longer than the overlap of the windows', () => {
  for (const { expression } of DETECTORS) {
    const source = expression.source.replace(/\\.|\[(?:\\.|[^\]])*\]/g, '.')
    assert.not.match(source, /[*+]|\{\d+,\}/, source)
    assert.ok(longest(source) < MAX_MATCH_CHARS, `${source}: ${longest(source)}`)
  }
})

/** An upper bound of what a simplified pattern can match: all its alternatives one after the other. */
function longest(source: string): number {
  let chars = 0
  let open: number[] = []
  for (let at = 0; at < source.length; at++) {
    const rest = source.slice(at)
    const repeated = /^\{(?:\d+,)?(\d+)\}/.exec(rest)
    if (repeated?.[1] !== undefined) {
      chars += (Number(repeated[1]) - 1) * lastPiece(source, at)
      at += repeated[0].length - 1
    } else if (rest[0] === '(') open = [...open, at]
    else if (!/[)?|^$]/.test(rest[0] ?? '')) chars++
  }
  return chars
}

/** Length of what stands before a repetition: one character, or a group. */
function lastPiece(source: string, end: number): number {
  if (source[end - 1] !== ')') return 1
  let depth = 0
  for (let at = end - 1; at >= 0; at--) {
    if (source[at] === ')') depth++
    if (source[at] === '(' && --depth === 0) return longest(source.slice(at + 1, end - 1))
  }
  return source.length
}
