/**
 * What changed since the version before: files, and what was done in the image.
 *
 * @import {Version} from './shapes.d.ts'
 */
import { h, name, svg } from './dom.js'
import { counted, plain, size } from './format.js'
import { store } from './store.js'

/** Elements that a panel shows at once; a button brings more. */
const AT_ONCE = 100

/** @param {any} changes @param {Version} version @returns {Node} */
export function changesView(changes, version) {
  if (changes.parent === null)
    return h(
      'div',
      {},
      h('p', { class: 'hint' }, 'The first version of its line: there is none before it to compare with.'),
    )
  const view = h('div', {}, since(changes), sharedBar(changes), ...changes.code.map(code), files(changes))
  if (changes.files.length === 0)
    view.append(h('p', { class: 'hint' }, `Nothing differs: ${version.version} was saved again without a change.`))
  return view
}

/** @param {any} changes */
function since(changes) {
  const parent = store.find(changes.parent)
  const label = `since ${changes['parent-version']}`
  const link =
    parent === undefined
      ? label
      : h('button', { class: 'link', type: 'button', onclick: () => store.select({ record: changes.parent }) }, label)
  return h('p', { class: 'since' }, 'What changed ', link)
}

/** @param {any} changes */
function sharedBar(changes) {
  const parts = [
    { kind: 'shared', bytes: changes['shared-bytes'], words: 'shared' },
    { kind: 'derived', bytes: changes['derived-bytes'], words: 'rebuilt from a delta' },
    { kind: 'fresh', bytes: changes['new-bytes'], words: 'new' },
  ].filter(({ bytes }) => bytes > 0)
  const whole = parts.reduce((sum, { bytes }) => sum + bytes, 0)
  let x = 0
  const bars = parts.map(({ kind, bytes }) => {
    const width = Math.max(1.2, (100 * bytes) / whole)
    const bar = svg('rect', { class: kind, x, y: 0, width: width - 0.5, height: 6 })
    x += width
    return bar
  })
  const keys = parts.map(({ kind, bytes, words }) =>
    h('span', {}, h('i', { class: `key ${kind}` }), `${size(bytes)} ${words}`),
  )
  const drawn = { class: 'shared-bar', viewBox: `0 0 ${x} 6`, preserveAspectRatio: 'none', 'aria-hidden': 'true' }
  return h('div', { class: 'shared-bytes' }, svg('svg', drawn, bars), h('p', {}, keys))
}

/** @param {any} tail */
function code({ path, size: bytes, changes, truncated }) {
  const done = changes.filter((/** @type {any} */ change) => change.kind !== 'session')
  const title = h('h3', {}, 'Done in the image ', h('span', { class: 'count' }, done.length.toLocaleString('en')))
  const where = h(
    'p',
    { class: 'hint' },
    name(path),
    ` grew by ${size(bytes)}`,
    truncated ? '; these are the last' : '',
  )
  if (done.length === 0)
    return h('section', {}, title, where, h('p', { class: 'hint' }, 'No method and no expression.'))
  return h('section', {}, title, where, someOf(done.slice().reverse(), change, 'changes'))
}

/** @param {any} made */
function change(made) {
  const { kind, selector, protocol, stamp, source } = made
  const owner = made['class-name']
  const what =
    kind === 'method'
      ? [name(owner, { class: 'class' }), h('span', { class: 'arrows' }, '»'), name(selector, { class: 'selector' })]
      : kind === 'class'
        ? ['class ', name(owner, { class: 'class' })]
        : kind === 'comment'
          ? ['comment of ', name(owner, { class: 'class' })]
          : [name(plain(source).split('\n')[0] ?? '', { class: 'expression' })]
  const more = [protocol, stamp].filter((part) => part !== '').join(' · ')
  return h(
    'details',
    { class: `code-change ${kind}` },
    h('summary', {}, h('span', { class: 'kind' }, kind), h('span', { class: 'code-what' }, what)),
    more === '' ? null : h('p', { class: 'hint' }, name(more)),
    h('pre', {}, h('code', {}, h('bdi', {}, shownSource(source)))),
  )
}

/** Lines stay lines; all else that cannot be seen is shown. @param {string} source */
function shownSource(source) {
  return source
    .split('\n')
    .map((line) => line.split('\t').map(plain).join('    '))
    .join('\n')
}

/** @param {any} changes */
function files({ files: changed, 'more-files': more }) {
  if (changed.length === 0) return null
  const title = h('h3', {}, 'Files ', h('span', { class: 'count' }, (changed.length + more).toLocaleString('en')))
  const after =
    more === 0 ? null : h('p', { class: 'hint' }, `and ${counted(more, 'more file')}, with smaller differences`)
  return h('section', {}, title, someOf(changed, file, 'files'), after)
}

const SIGNS = /** @type {Record<string, string>} */ ({ added: '+', removed: '−', changed: '~' })

/** @param {any} changed */
function file({ path, change, size: bytes, before, shared, delta }) {
  const grown = bytes - before
  const sign = grown > 0 ? '+' : grown < 0 ? '−' : '±'
  const words = change === 'changed' ? `${sign}${size(Math.abs(grown))}` : size(Math.max(bytes, before))
  const how = delta === null ? `${size(shared)} of it shared` : `kept as a delta of ${size(delta)}`
  const detail = change === 'changed' ? `${size(bytes)}, ${how}` : change
  return h(
    'div',
    { class: `file ${change}` },
    h('span', { class: 'sign', title: change }, SIGNS[change] ?? ''),
    h('span', { class: 'path' }, name(path)),
    h('span', { class: 'grown' }, words),
    h('span', { class: 'hint' }, detail),
  )
}

/**
 * The first of a long list, and a button for more.
 *
 * @param {any[]} list
 * @param {(one: any) => Node} draw
 * @param {string} what
 */
export function someOf(list, draw, what) {
  const box = h('div', { class: 'some' }, list.slice(0, AT_ONCE).map(draw))
  let at = AT_ONCE
  if (list.length <= at) return box
  const label = () => `Show more ${what} (${(list.length - at).toLocaleString('en')} left)`
  const button = h('button', { class: 'plain', type: 'button' }, label())
  button.addEventListener('click', () => {
    button.before(...list.slice(at, at + AT_ONCE).map(draw))
    at += AT_ONCE
    if (at >= list.length) button.remove()
    else button.textContent = label()
  })
  box.append(button)
  return box
}
