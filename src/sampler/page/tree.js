/**
 * The list of glases and versions, as a tree that is worked by keys: the arrows go and open, Enter shows a version.
 *
 * @import {Row} from './rows.js'
 */
import { byId, h } from './dom.js'
import { counted } from './format.js'
import { glass } from './icons.js'
import { isEmpty, matcher, parseQuery } from './query.js'
import { drawRow, heightOf, rowId, sameAs } from './row.js'
import { rowsOf } from './rows.js'
import { store } from './store.js'
import { VirtualList } from './virtual-list.js'

/** Ages are drawn anew so often. */
const AGES_MS = 60_000

export function startTree() {
  const tree = byId('tree')
  /** @type {VirtualList<Row>} */
  const list = new VirtualList(tree, byId('rows'), { heightOf, keyOf: ({ key }) => key, sameAs, draw: drawRow })
  let active = ''

  const redraw = () => {
    const query = parseQuery(store.text)
    const isFiltered = !isEmpty(query)
    const glases =
      store.glasId === '' ? store.sorted() : store.sorted().filter((glas) => glas['glas-id'] === store.glasId)
    list.setRows(rowsOf(glases, { isMeant: matcher(query, store.among), isFiltered, closed: store.closed }))
    showSummary(list.rows, isFiltered)
  }
  const markRows = () => {
    for (const element of tree.querySelectorAll('.row')) {
      const key = element.getAttribute('data-key') ?? ''
      element.classList.toggle('active', key === active)
      element.setAttribute('aria-selected', String(key === store.record))
    }
    if (active !== '' && document.getElementById(rowId(active)) !== null)
      tree.setAttribute('aria-activedescendant', rowId(active))
    else tree.removeAttribute('aria-activedescendant')
  }
  /** @param {number} place */
  const go = (place) => {
    const row = list.rows[Math.max(0, Math.min(place, list.rows.length - 1))]
    if (row === undefined) return
    active = row.key
    list.reveal(list.placeOf(active))
  }
  tree.addEventListener('drawn', markRows)
  tree.addEventListener('click', (event) => {
    const key = /** @type {Element} */ (event.target).closest('.row')?.getAttribute('data-key') ?? ''
    const row = list.rows[list.placeOf(key)]
    if (row === undefined) return
    active = key
    act(row)
    markRows()
  })
  tree.addEventListener('keydown', (event) => {
    const row = list.rows[list.placeOf(active)]
    if (onKey(event, { list, row, go })) event.preventDefault()
  })
  tree.addEventListener('focus', () => {
    if (list.placeOf(active) < 0) go(Math.max(0, list.placeOf(list.firstSeen?.key ?? '')))
  })
  store.on(['glases', 'query'], redraw)
  store.on(['selection'], () => {
    redraw()
    const place = list.placeOf(store.record)
    if (place >= 0 && active !== store.record) go(place)
  })
  setInterval(() => {
    for (const time of tree.querySelectorAll('time')) refreshAge(time)
  }, AGES_MS)
  redraw()
}

/** @param {HTMLTimeElement} time */
async function refreshAge(time) {
  const { ago } = await import('./format.js')
  time.textContent = ago(time.dateTime)
}

/** @param {Row} row */
function act(row) {
  if (row.kind === 'version') store.select({ record: row.version.record })
  else toggle(row.glas['glas-id'], !row.isOpen)
}

/** @param {string} id @param {boolean} isOpen */
function toggle(id, isOpen) {
  if (isOpen) store.closed.delete(id)
  else store.closed.add(id)
  store.tell('query')
}

/**
 * @param {KeyboardEvent} event
 * @param {{ list: VirtualList<Row>, row: Row | undefined, go: (place: number) => void }} at
 */
function onKey({ key, altKey, ctrlKey, metaKey }, { list, row, go }) {
  if (altKey || ctrlKey || metaKey) return false
  const place = row === undefined ? -1 : list.placeOf(row.key)
  const places = /** @type {Record<string, number>} */ ({
    ArrowDown: place + 1,
    ArrowUp: place - 1,
    PageDown: place + list.pageRows,
    PageUp: place - list.pageRows,
    Home: 0,
    End: list.rows.length - 1,
  })
  if (Object.hasOwn(places, key)) go(places[key] ?? 0)
  else if (row === undefined) return false
  else if (key === 'Enter' || key === ' ') act(row)
  else if (key === 'ArrowRight' && row.kind === 'glas') row.isOpen ? go(place + 1) : toggle(row.key, true)
  else if (key === 'ArrowLeft' && row.kind === 'glas') toggle(row.key, false)
  else if (key === 'ArrowLeft') go(list.placeOf(row.glas['glas-id']))
  else return false
  return true
}

/** @param {readonly Row[]} rows @param {boolean} isFiltered */
function showSummary(rows, isFiltered) {
  const heads = rows.filter((row) => row.kind === 'glas')
  const versions = heads.reduce((sum, row) => sum + row.shown, 0)
  const what = `${counted(versions, 'version')} in ${counted(heads.length, 'glas', 'glases')}`
  byId('found').textContent = store.isLoading ? 'Loading…' : isFiltered ? `Found ${what}` : what
  byId('empty').replaceChildren(...(rows.length > 0 || store.isLoading ? [] : [nothing(isFiltered)]))
}

/** @param {boolean} isFiltered */
function nothing(isFiltered) {
  if (isFiltered) {
    return h(
      'div',
      { class: 'nothing' },
      h('h3', {}, 'Nothing matches'),
      h('p', {}, 'Try fewer words, or take a filter away.'),
    )
  }
  return h(
    'div',
    { class: 'nothing' },
    glass(0),
    h('h3', {}, 'No version yet'),
    h('p', {}, 'In the directory of an image, type'),
    h('pre', {}, 'pintglas push'),
    h('p', {}, 'or connect an image that runs a Tap, and take a snapshot of it from here.'),
  )
}
