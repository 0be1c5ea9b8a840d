/**
 * One row of the list.
 *
 * @import {Glas, Holder, Lane, LaneRow, Version} from './shapes.d.ts'
 * @import {HeadRow, Row, VersionRow} from './rows.js'
 */
import { h, name, svg } from './dom.js'
import { ago, counted, moment, plain, size } from './format.js'
import { glass, icon } from './icons.js'

export const HEAD_PX = 68
export const VERSION_PX = 54
const LANE_PX = 20
const NODE_PX = 5.5
/** Lanes beside each other that are drawn; more are drawn over the last. */
const MAX_LANES = 10
export const COLOURS = 8
/** Holders that have a mark of their own. */
const MAX_MARKS = 4

/** @param {Row} row */
export function heightOf({ kind }) {
  return kind === 'glas' ? HEAD_PX : VERSION_PX
}

/** @param {string} key */
export function rowId(key) {
  return `row-${key}`
}

/** Whether a row looks the same as when it was drawn. @param {Row} a @param {Row} b */
export function sameAs(a, b) {
  if (a.kind !== b.kind || a.glas['image-name'] !== b.glas['image-name'] || a.place !== b.place || a.of !== b.of)
    return false
  if (a.kind === 'glas' && b.kind === 'glas') return a.glas === b.glas && a.shown === b.shown && a.isOpen === b.isOpen
  return a.kind === 'version' && b.kind === 'version' && a.version === b.version && isEqual(a.lanes, b.lanes)
}

/** @param {LaneRow} a @param {LaneRow} b */
function isEqual(a, b) {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** @param {Row} row @returns {HTMLElement} */
export function drawRow(row) {
  return row.kind === 'glas' ? head(row) : versionRow(row)
}

/** @param {HeadRow} row */
function head({ glas, shown, isOpen, key, place, of }) {
  const all = glas.versions.length
  const count = shown === all ? counted(all, 'version') : `${shown.toLocaleString('en')} of ${counted(all, 'version')}`
  const latest = glas.versions.find(({ retracted }) => !retracted)
  const attributes = {
    class: 'row head',
    id: rowId(key),
    role: 'treeitem',
    'aria-level': 1,
    'aria-expanded': String(isOpen),
    'aria-posinset': place,
    'aria-setsize': of,
    'data-key': key,
  }
  return h(
    'div',
    attributes,
    h('span', { class: 'caret' }, icon('caret')),
    glassOf(glas),
    h(
      'span',
      { class: 'title' },
      h('span', { class: 'title-name' }, name(glas['image-name'])),
      h(
        'span',
        { class: 'title-more' },
        count,
        latest === undefined ? '' : ` · latest ${latest.version}`,
        glas.own ? '' : ' · of somebody else',
      ),
    ),
    h('code', { class: 'glas-id', title: `glas-id ${glas['glas-id']}` }, glas['glas-id'].slice(0, 8)),
  )
}

/** As full as there are versions, in a colour that follows from the glas-id. @param {Glas} glas */
export function glassOf(glas) {
  const drawn = glass(Math.log2(1 + glas.versions.length) / 8)
  drawn.style.setProperty('--hue', String(20 + (Number.parseInt(glas['glas-id'].slice(0, 4), 16) % 40)))
  return drawn
}

/** @param {VersionRow} row */
function versionRow({ glas, version, lanes, key, place, of }) {
  const { version: number, date, tags, note, host, path, size: bytes, retracted, forgetting } = version
  const attributes = {
    class: `row version${retracted || forgetting ? ' gone' : ''}`,
    id: rowId(key),
    role: 'treeitem',
    'aria-level': 2,
    'aria-posinset': place,
    'aria-setsize': of,
    'data-key': key,
  }
  return h(
    'div',
    attributes,
    drawing(lanes, version),
    h(
      'span',
      { class: 'what' },
      h(
        'span',
        { class: 'first' },
        h('span', { class: 'number' }, h('span', { class: 'spoken' }, name(glas['image-name']), ' '), number),
        version.fork ? h('span', { class: 'chip fork' }, icon('fork'), 'fork') : null,
        tags.slice(0, 3).map((tag) => h('span', { class: 'chip' }, icon('tag'), name(tag))),
        retracted ? h('span', { class: 'chip quiet' }, 'forgotten') : null,
        forgetting ? h('span', { class: 'chip quiet' }, 'being forgotten') : null,
        note === '' ? null : name(note, { class: 'note' }),
      ),
      h('span', { class: 'place' }, host === '' && path === '' ? name(version.writer) : name(`${host}:${path}`)),
    ),
    h('span', { class: 'size' }, size(bytes)),
    kept(version),
    h('time', { datetime: date, title: moment(date) }, ago(date)),
    h('span', { class: 'spoken' }, counted(copiesOf(version), 'copy', 'copies')),
  )
}

/** Proved ones. @param {Version} version */
function copiesOf({ here, holders }) {
  return holders.filter(({ proved }) => proved).length + Number(here)
}

/** Who has it: this machine first. @param {Version} version */
function kept({ here, holders, writer }) {
  const marks = holders.slice(0, MAX_MARKS).map(mark)
  const more = holders.length > MAX_MARKS ? h('span', { class: 'more' }, `+${holders.length - MAX_MARKS}`) : null
  const nobody =
    !here && holders.length === 0
      ? h('span', { class: 'nobody', title: `Published by ${plain(writer)}` }, 'not here')
      : null
  return h(
    'span',
    { class: 'kept', 'aria-hidden': 'true' },
    here ? h('span', { class: 'here', title: 'Kept on this machine' }, icon('disk')) : null,
    marks,
    more,
    nobody,
  )
}

/** @param {Holder} holder */
export function mark({ peer, proved, connected }) {
  const said = `${plain(peer)} ${proved ? 'holds it' : 'says that it holds it'}${connected ? '' : '; away now'}`
  const made = h(
    'span',
    { class: `mark${proved ? ' proved' : ''}${connected ? '' : ' away'}`, title: said },
    plain([...peer][0] ?? '?'),
  )
  made.style.setProperty('--hue', String(hueOf(peer)))
  return made
}

/** @param {string} text */
function hueOf(text) {
  let sum = 0
  for (const char of text) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 360
  return sum
}

/** @param {LaneRow} row @param {Version} version */
function drawing(row, version) {
  const lanes = [row.lane, ...row.passing.map(({ lane }) => lane), ...row.arriving.map(({ lane }) => lane)]
  const width = (Math.min(MAX_LANES, Math.max(...lanes)) + 1) * LANE_PX + 10
  const middle = VERSION_PX / 2
  const at = xOf(row.lane)
  const paths = [
    ...row.passing.map((lane) => edge(lane, `M${xOf(lane.lane)} 0V${VERSION_PX}`)),
    ...row.arriving.map((lane) => edge(lane, bend(xOf(lane.lane), at, middle))),
    row.leaving === null ? null : edge(row.leaving, `M${at} ${middle}V${VERSION_PX}`),
  ]
  const node = svg('circle', {
    class: nodeClass(version),
    'data-colour': row.colour % COLOURS,
    cx: at,
    cy: middle,
    r: NODE_PX,
  })
  return svg(
    'svg',
    { class: 'lanes', width, height: VERSION_PX, viewBox: `0 0 ${width} ${VERSION_PX}`, 'aria-hidden': 'true' },
    paths,
    node,
  )
}

/** @param {Version} version */
function nodeClass({ here, retracted }) {
  if (retracted) return 'node retracted'
  return here ? 'node here' : 'node'
}

/** @param {Lane} lane @param {string} d */
function edge({ colour, style }, d) {
  return svg('path', { class: `edge ${style}`, 'data-colour': colour % COLOURS, d })
}

/** From the top of a lane into the node. @param {number} from @param {number} to @param {number} height */
function bend(from, to, height) {
  return from === to
    ? `M${from} 0V${height}`
    : `M${from} 0C${from} ${height * 0.85} ${to + Math.sign(from - to) * 12} ${height} ${to} ${height}`
}

/** @param {number} lane */
function xOf(lane) {
  return 14 + Math.min(lane, MAX_LANES) * LANE_PX
}
