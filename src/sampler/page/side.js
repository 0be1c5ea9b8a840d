/**
 * The column at the side: images that run, glases, what waits to be accepted, transfers, peers and the stock.
 *
 * @import {Glas, Tap} from './shapes.d.ts'
 */
import { post } from './api.js'
import { byId, h, name, renew } from './dom.js'
import { counted, plain, size } from './format.js'
import { icon } from './icons.js'
import { isEmpty, matcher, parseQuery } from './query.js'
import { glassOf } from './row.js'
import { store } from './store.js'
import { attempt, toast } from './toast.js'
import { isDone, progress } from './transfer.js'

/** Glases that the column lists; the list beside it has all, and the search finds them. */
const MAX_GLASES = 200

export function startSide() {
  store.on(['taps', 'transfers', 'status'], drawTaps)
  store.on(['glases', 'query', 'selection'], drawGlases)
  store.on(['quarantine', 'status'], drawQuarantine)
}

function drawTaps() {
  const cards = store.taps.map(card)
  const empty = h(
    'li',
    { class: 'hint' },
    'No image is connected. Choose ',
    h('i', {}, 'Connect'),
    ' in the Tap menu of an image that runs.',
  )
  renew(byId('taps'), ...(cards.length > 0 ? cards : [empty]))
  byId('taps-count').textContent = cards.length > 0 ? String(cards.length) : ''
}

/** @param {Tap} tap */
function card(tap) {
  const transfer = transferOf(tap)
  const isBusy = transfer !== undefined && !isDone(transfer)
  const button = h(
    'button',
    {
      class: 'primary',
      type: 'button',
      disabled: !store.mayAct,
      'aria-disabled': isBusy ? 'true' : null,
      onclick: () => (isBusy ? undefined : attempt(() => snapshot(tap))),
    },
    icon('camera'),
    isBusy ? 'Taking…' : 'Take snapshot',
    h('span', { class: 'spoken' }, 'of ', name(tap.name)),
  )
  return h(
    'li',
    { class: 'tap' },
    h('span', { class: 'tap-name' }, h('span', { class: 'pulse', 'aria-hidden': 'true' }), name(tap.name)),
    h(
      'span',
      { class: 'tap-place' },
      name(`${tap.host}:${tap.path}`),
      tap.peer === undefined ? null : [' on ', name(tap.peer)],
    ),
    button,
    transfer === undefined ? null : progress(transfer),
  )
}

/** Of a snapshot that was asked for and comes now, both are listed: what comes tells more. @param {Tap} tap */
function transferOf({ id }) {
  const all = store.transfers.filter((one) => one.tap === id)
  const running = all.filter((one) => !isDone(one))
  return running.find(({ kind }) => kind === 'beam') ?? running[0] ?? all.find(({ kind }) => kind === 'snapshot')
}

/** @param {Tap} tap */
async function snapshot(tap) {
  await post(`/taps/${encodeURIComponent(tap.id)}/snapshot`)
  toast(['Asked ', name(tap.name), ' for a snapshot.'])
}

function drawGlases() {
  const query = parseQuery(store.text)
  const isMeant = matcher(query, store.among)
  const isFiltered = !isEmpty(query)
  const counts = store.sorted().map((glas) => ({
    glas,
    count: isFiltered ? glas.versions.filter((one) => isMeant(glas, one)).length : glas.versions.length,
  }))
  const found = counts.filter(({ count }) => !isFiltered || count > 0)
  const all = { glas: undefined, count: found.reduce((sum, { count }) => sum + count, 0) }
  const more =
    found.length > MAX_GLASES
      ? h(
          'li',
          { class: 'hint' },
          `and ${counted(found.length - MAX_GLASES, 'more glas', 'more glases')}: search for them`,
        )
      : null
  const entries = [all, ...found.slice(0, MAX_GLASES)].map(({ glas, count }) => entry(glas, count))
  renew(byId('glases'), ...entries, ...(more === null ? [] : [more]))
  byId('glases-count').textContent = String(found.length)
}

/** @param {Glas | undefined} glas @param {number} count */
function entry(glas, count) {
  const id = glas?.['glas-id'] ?? ''
  const isChosen = id === store.glasId
  const label = glas === undefined ? 'All glases' : name(glas['image-name'])
  const drawn = glas === undefined ? h('span', { class: 'all' }, icon('fork')) : glassOf(glas)
  const button = h(
    'button',
    {
      class: 'entry',
      type: 'button',
      'aria-current': isChosen ? 'true' : null,
      'data-glas': id,
      onclick: () => store.select({ glasId: id }),
    },
    drawn,
    h('span', { class: 'entry-name' }, label),
    h('span', { class: 'count' }, count.toLocaleString('en')),
  )
  return h('li', {}, button)
}

function drawQuarantine() {
  const beams = store.quarantined
  byId('quarantine').hidden = beams.length === 0
  renew(byId('waiting'), ...beams.map(waiting))
}

/** @param {any} beam */
function waiting(beam) {
  const decide = (/** @type {string} */ how) => () =>
    attempt(() => post(`/quarantine/${encodeURIComponent(beam.id)}/${how}`))
  const disabled = !store.isAdmin
  return h(
    'li',
    { class: 'tap' },
    h('span', { class: 'tap-name' }, name(beam.name)),
    h('span', { class: 'tap-place' }, name(`${beam.host}:${beam.path}`)),
    h(
      'span',
      { class: 'hint' },
      `${size(beam.size)} from ${plain(beam.from)}, without signing in. It counts when you accept it.`,
    ),
    h(
      'span',
      { class: 'buttons' },
      h('button', { class: 'primary', type: 'button', disabled, onclick: decide('accept') }, 'Accept'),
      h('button', { class: 'plain', type: 'button', disabled, onclick: decide('refuse') }, 'Refuse'),
    ),
  )
}
