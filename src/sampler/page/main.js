/** Starts the page: signs in, asks the daemon for everything once, and then follows its news. */
import { ApiError } from './api.js'
import { listen } from './events.js'
import { startPanel } from './panel.js'
import { textFromParameters } from './query.js'
import { startSearch } from './search.js'
import { startSide } from './side.js'
import { refuse, signIn } from './sign-in.js'
import { startStatus } from './status.js'
import { store } from './store.js'
import { startTheme } from './theme.js'
import { tellError } from './toast.js'
import { startTree } from './tree.js'

/** Sizes and free space change without news. */
const STATUS_MS = 30_000

startTheme()
if (await signIn()) await start()

async function start() {
  startSearch()
  startSide()
  startStatus()
  startPanel()
  startTree()
  followAddress()
  const text = textFromParameters(new URLSearchParams(location.search))
  if (text !== '') await store.search(text).catch(tellError)
  setInterval(() => void store.loadStatus().catch(() => {}), STATUS_MS)
  await listen({ onEvent, onUp, onDown })
}

function onUp() {
  store.isLive = true
  store.tell('live')
  const status = store.loadStatus().then(() => store.loadQuarantine())
  const all = [status, store.loadGlases(), store.loadTaps(), store.loadTransfers()]
  for (const one of all) one.catch(tellIfNew)
}

/** @param {unknown} error */
function onDown(error) {
  store.isLive = false
  store.tell('live')
  if (error instanceof ApiError && error.status === 401) refuse(error)
}

/** What somebody may not see is no failure of theirs. @param {unknown} error */
function tellIfNew(error) {
  if (error instanceof ApiError && [401, 403, 404].includes(error.status)) return
  tellError(error)
}

/** @param {string} topic @param {any} data */
function onEvent(topic, data) {
  const loads = /** @type {Record<string, () => Promise<unknown>>} */ ({
    glases: () => Promise.all([store.reloadGlases(data.glases), store.loadStatus()]),
    taps: () => store.loadTaps(),
    transfers: async () => store.setTransfers(data.transfers),
    peers: () => store.loadStatus(),
    quarantine: () => store.loadQuarantine(),
  })
  if (Object.hasOwn(loads, topic)) loads[topic]?.().catch(tellIfNew)
}

/** What is chosen stands in the address, so that going back goes back. */
function followAddress() {
  const read = () => {
    const [, glasId = '', record = ''] = /^#\/([0-9a-f]*)\/?([a-z2-7]*)$/.exec(location.hash) ?? []
    store.select({ glasId, record })
  }
  addEventListener('popstate', read)
  read()
  store.on(['selection'], () => {
    const { glasId, record } = store
    const hash = glasId === '' && record === '' ? '' : `#/${glasId}${record === '' ? '' : `/${record}`}`
    if (hash !== location.hash) history.pushState(null, '', location.pathname + location.search + hash)
  })
}
