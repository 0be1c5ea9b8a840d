/** Numbers, moments and names as people read them. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
/** Names longer than this push everything else aside. */
const MAX_SHOWN_CHARS = 300
/** Characters that are not seen, or that turn around how the text beside them is read. */
const UNSEEN = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu

/** @param {number} bytes */
export function size(bytes) {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1
  return `${value.toFixed(digits)} ${UNITS[unit]}`
}

/** @param {number} count @param {string} one @param {string} [many] */
export function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}

/** A text of somebody else, with what cannot be seen made visible. @param {string} text */
export function plain(text) {
  const cut = text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}…` : text
  return cut.replace(UNSEEN, '\ufffd')
}

const STEPS = /** @type {const} */ ([
  ['second', 60],
  ['minute', 60],
  ['hour', 24],
  ['day', 7],
  ['week', 4.35],
  ['month', 12],
  ['year', Number.POSITIVE_INFINITY],
])
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'long' })

/** `3 days ago`. @param {string} date @param {number} [nowMs] */
export function ago(date, nowMs = Date.now()) {
  const ms = Date.parse(date)
  if (Number.isNaN(ms)) return ''
  let value = (ms - nowMs) / 1000
  if (Math.abs(value) < 45) return 'just now'
  for (const [unit, size] of STEPS) {
    if (Math.abs(value) < size) return relative.format(Math.round(value), unit)
    value /= size
  }
  return ''
}

/** The moment as it was where the image was saved. @param {string} date */
export function moment(date) {
  const [day = '', rest = ''] = date.split('T')
  return `${day} ${rest.slice(0, 8)}`.trim()
}

/** @param {number} part @param {number} whole */
export function percent(part, whole) {
  if (whole <= 0) return 0
  return Math.max(0, Math.min(100, Math.round((100 * part) / whole)))
}

/** The beginning and the end of an id. @param {string} id */
export function shortId(id, chars = 8) {
  return id.length <= chars + 1 ? id : id.slice(0, chars)
}
