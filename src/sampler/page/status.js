/** Peers, transfers and the stock, and who is looking. */
import { byId, h, name, renew } from './dom.js'
import { counted, percent, size } from './format.js'
import { mark } from './row.js'
import { store } from './store.js'
import { isDone, progress } from './transfer.js'

/** Transfers that are over and still shown. */
const MAX_OVER = 3

export function startStatus() {
  store.on(['status'], drawStock)
  store.on(['status'], drawPeers)
  store.on(['transfers'], drawTransfers)
  store.on(['status', 'live'], drawSelf)
}

function drawSelf() {
  const { status } = store
  byId('self').replaceChildren(...(status === null ? [] : [name(status.name)]))
  const live = byId('live')
  live.textContent = store.isLive ? 'Live' : 'Connecting…'
  live.dataset.state = store.isLive ? 'up' : 'down'
  byId('role').textContent = status === null || store.mayAct ? '' : 'You may look, and change nothing.'
}

function drawStock() {
  const stock = store.status?.stock
  byId('stock').hidden = !stock
  if (!stock) return
  const used = stock.bytes
  const quota = stock['quota-bytes']
  const whole = quota ?? used + stock['free-bytes']
  const label =
    quota === null
      ? `${size(used)} used, ${size(stock['free-bytes'])} free on the disk`
      : `${size(used)} of a quota of ${size(quota)}`
  const saved = stock['raw-bytes'] > used ? `Holds ${size(stock['raw-bytes'])} of images` : ''
  byId('stock-size').replaceChildren(
    h('meter', { min: 0, max: 100, high: 90, value: percent(used, whole), 'aria-label': label }),
    h('p', { class: 'hint' }, label),
    h(
      'p',
      { class: 'hint' },
      [saved, counted(stock.pins, 'version kept', 'versions kept')].filter((part) => part !== '').join(' · '),
    ),
  )
}

function drawPeers() {
  const peers = (store.status?.peers ?? []).filter((/** @type {any} */ peer) => !peer.self)
  const alone = h(
    'li',
    { class: 'hint' },
    'Nobody else yet. ',
    h('code', {}, 'pintglas invite'),
    ' lets another machine in.',
  )
  const entries = peers.map((/** @type {any} */ peer) =>
    h(
      'li',
      { class: 'peer' },
      mark({ peer: peer.name, 'peer-id': peer['peer-id'], proved: true, connected: peer.connected }),
      name(peer.name, { class: 'peer-name' }),
      h('span', { class: `state ${peer.connected ? 'up' : 'down'}` }, peer.connected ? 'connected' : 'away'),
    ),
  )
  byId('peers').replaceChildren(...(entries.length > 0 ? entries : [alone]))
}

function drawTransfers() {
  const running = store.transfers.filter((one) => !isDone(one))
  const over = store.transfers.filter(isDone).slice(0, MAX_OVER)
  const shown = [...running, ...over]
  byId('moving').hidden = shown.length === 0
  renew(
    byId('transfers'),
    ...shown.map((one) =>
      h(
        'li',
        { class: `transfer${one.state === 'done' ? ' over' : ''}` },
        h('span', { class: 'transfer-what' }, h('span', { class: 'kind' }, one.kind), ' ', name(one.label)),
        progress(one),
      ),
    ),
  )
}
