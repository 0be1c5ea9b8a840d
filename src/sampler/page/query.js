/**
 * What stands in the search field: words, and `key:value` for one field. The text of the field is the only truth; the
 * form of filters reads it and writes it.
 *
 * @import {Glas, Version} from './shapes.d.ts'
 */

/** Fields that the form has, in its order. */
export const FIELDS = /** @type {const} */ (['host', 'path', 'name', 'tag', 'date'])
const KEYS = new Set([...FIELDS, 'note', 'by', 'is', 'imageId', 'successor', 'supercedes'])
const TERM = /(?:([a-zA-Z]+):)?(?:"([^"]*)"?|(\S+))/g
/** Keys that only whole image-ids answer, which the daemon has. */
const ASKED = ['imageId', 'successor', 'supercedes']

/** @typedef {{ words: string[], fields: Record<string, string[]> }} Query */

/**
 * @param {string} text
 * @returns {Query}
 */
export function parseQuery(text) {
  /** @type {Query} */
  const query = { words: [], fields: {} }
  for (const [whole, key, quoted, bare] of text.matchAll(TERM)) {
    const value = quoted ?? bare ?? ''
    if (key === undefined || !KEYS.has(key))
      query.words.push(quoted === undefined || key !== undefined ? whole : quoted)
    else if (value !== '') query.fields[key] = [...(query.fields[key] ?? []), value]
  }
  return query
}

/**
 * The text with one field set, or taken away where `value` is empty.
 *
 * @param {string} text
 * @param {string} key
 * @param {string} value
 */
export function withField(text, key, value) {
  const kept = [...text.matchAll(TERM)].filter(([, other]) => other !== key).map(([whole]) => whole)
  return [...kept, ...(value === '' ? [] : [term(key, value)])].join(' ')
}

/** @param {URLSearchParams} parameters of the page of the original Sampler */
export function textFromParameters(parameters) {
  const known = [...parameters].filter(([key, value]) => KEYS.has(key) && value !== '')
  return known.map(([key, value]) => term(key, value)).join(' ')
}

/**
 * What has to be asked of the daemon; undefined where nothing has.
 *
 * @param {Query} query
 */
export function askedOf({ fields }) {
  const asked = ASKED.flatMap((key) =>
    (fields[key] ?? []).slice(0, 1).map((value) => /** @type {const} */ ([key, value])),
  )
  return asked.length === 0 ? undefined : new URLSearchParams(asked.map(([key, value]) => [key, value]))
}

/** @param {Query} query */
export function isEmpty({ words, fields }) {
  return words.length === 0 && Object.keys(fields).length === 0
}

/**
 * A function that tells whether a version is meant. `among` are the records that the daemon named, where it was asked.
 *
 * @param {Query} query
 * @param {ReadonlySet<string> | undefined} among
 * @returns {(glas: Glas, version: Version) => boolean}
 */
export function matcher({ words, fields }, among) {
  const wanted = words.map((word) => word.toLowerCase())
  const checks = Object.entries(fields).filter(([key]) => !ASKED.includes(key))
  const lower = checks.map(([key, values]) => /** @type {const} */ ([key, values.map((value) => value.toLowerCase())]))
  return (glas, version) => {
    if (among !== undefined && !among.has(version.record)) return false
    if (!lower.every(([key, values]) => values.every((value) => hasField(glas, version, key, value)))) return false
    return wanted.length === 0 || wanted.every((word) => textOf(glas, version).includes(word))
  }
}

/** @type {WeakMap<Version, string>} */
const texts = new WeakMap()

/**
 * @param {Glas} glas
 * @param {Version} version
 */
function textOf(glas, version) {
  const known = texts.get(version)
  if (known !== undefined) return known
  const { version: number, date, writer, tags, note, host, path, record } = version
  const parts = [glas['image-name'], glas['glas-id'], number, date, writer, ...tags, note, host, path, record]
  const text = parts.join('\n').toLowerCase()
  texts.set(version, text)
  return text
}

/**
 * @param {Glas} glas
 * @param {Version} version
 * @param {string} key
 * @param {string} value
 */
function hasField(glas, version, key, value) {
  const { host, path, tags, date, note, writer } = version
  if (key === 'name') return has(glas['image-name'], value)
  if (key === 'tag') return tags.some((tag) => has(tag, value))
  if (key === 'is') return isSo(version, value)
  if (key === 'date') return isWithin(date, value)
  return has({ host, path, note, by: writer }[key] ?? '', value)
}

/**
 * `2024-01`, or from and to as `2024-01-08..2024-02`; either may be left out.
 *
 * @param {string} date
 * @param {string} value
 */
function isWithin(date, value) {
  const [from = '', to] = value.split('..')
  if (to === undefined) return date.includes(value.toUpperCase()) || date.startsWith(value)
  return date.slice(0, from.length) >= from && (to === '' || date.slice(0, to.length) <= to)
}

/**
 * @param {Version} version
 * @param {string} value
 */
function isSo({ here, pins, fork, retracted, tags, note }, value) {
  const facts = {
    here,
    pinned: pins.includes('user'),
    fork,
    forgotten: retracted,
    tagged: tags.length > 0,
    noted: note !== '',
  }
  return Object.hasOwn(facts, value) && facts[/** @type {keyof typeof facts} */ (value)]
}

/**
 * @param {string} text
 * @param {string} value
 */
function has(text, value) {
  return text.toLowerCase().includes(value)
}

/**
 * @param {string} key
 * @param {string} value
 */
function term(key, value) {
  const plain = value.replaceAll('"', '')
  return /[\s]/.test(plain) ? `${key}:"${plain}"` : `${key}:${plain}`
}
