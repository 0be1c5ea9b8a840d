/**
 * One version: what it is, how to get it, and what can be done with it.
 *
 * @import {Glas, Version} from './shapes.d.ts'
 */

import { actions } from './actions.js'
import { get, post } from './api.js'
import { byId, h, name, renew } from './dom.js'
import { ago, moment, size } from './format.js'
import { icon } from './icons.js'
import { changesView } from './panel-changes.js'
import { filesView, holdersView, recordView } from './panel-record.js'
import { mark } from './row.js'
import { store } from './store.js'
import { attempt, tellError, toast } from './toast.js'

const TABS = /** @type {const} */ ([
  ['changes', 'Changes'],
  ['files', 'Files'],
  ['record', 'Record'],
  ['holders', 'Holders'],
])
/** @typedef {(typeof TABS)[number][0]} Tab */

/** @type {Tab} */
let tab = 'changes'
/** Of the version that is shown; a late answer for another one is dropped. */
let shown = ''
/** @type {Version | undefined} */
let drawn

export function startPanel() {
  store.on(['selection', 'glases', 'status'], draw)
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || store.record === '' || document.querySelector('dialog[open]') !== null) return
    if (/** @type {Element} */ (event.target).matches('input, textarea')) return
    close()
  })
}

function close() {
  store.select({ record: '' })
  byId('tree').focus()
}

function draw() {
  const found = store.find(store.record)
  const panel = byId('panel')
  document.body.classList.toggle('with-panel', found !== undefined)
  panel.hidden = found === undefined
  if (found === undefined) {
    shown = ''
    drawn = undefined
    panel.replaceChildren()
    return
  }
  const { glas, version } = found
  if (shown === version.record && drawn === version && panel.dataset.role === String(store.mayAct)) return
  if (panel.querySelector('form') !== null && shown === version.record) return // somebody is typing in it
  panel.dataset.role = String(store.mayAct)
  const isOther = shown !== version.record
  shown = version.record
  drawn = version
  const body = isOther
    ? h('div', { class: 'tab-body' })
    : (panel.querySelector('.tab-body') ?? h('div', { class: 'tab-body' }))
  renew(panel, head(glas, version), tabs(version), body)
  if (isOther) {
    panel.scrollTop = 0
    void show(version)
  }
}

/** @param {Glas} glas @param {Version} version */
function head(glas, version) {
  const { version: number, date, host, path, writer, size: bytes, here, holders } = version
  const place = host === '' && path === '' ? null : [icon('disk'), name(`${host}:${path}`)]
  return h(
    'header',
    { class: 'panel-head' },
    h(
      'button',
      { class: 'bare close', type: 'button', 'aria-label': 'Close the version', onclick: close },
      icon('close'),
    ),
    h(
      'h2',
      { id: 'panel-title' },
      name(glas['image-name']),
      h('span', { class: 'at' }, '@'),
      h('span', { class: 'panel-number' }, number),
    ),
    h(
      'p',
      { class: 'facts' },
      h('time', { datetime: date, title: moment(date) }, `saved ${ago(date)}`),
      ` · ${size(bytes)} · published by `,
      name(writer),
    ),
    place === null ? null : h('p', { class: 'facts where' }, place),
    h(
      'p',
      { class: 'facts holders' },
      here ? h('span', { class: 'here' }, icon('disk'), 'here') : h('span', {}, 'not here'),
      holders.map(mark),
    ),
    pullCommand(glas, version),
    actions(glas, version, () => download(version)),
  )
}

/** Names may hold anything; a glas-id and a version hold digits. @param {Glas} glas @param {Version} version */
function pullCommand(glas, { version, record, fork }) {
  const which = fork ? record : version
  const reference = `${glas['glas-id']}@${which}`
  if (!/^[0-9a-f]{32}@(\d+\.\d+\.\d+|b[a-z2-7]+)$/.test(reference)) return null
  const command = `pintglas pull ${reference}`
  const copy = async () => {
    await navigator.clipboard.writeText(command)
    toast('Copied the command.')
  }
  return h(
    'div',
    { class: 'command' },
    h('code', {}, command),
    h(
      'button',
      { class: 'plain', type: 'button', 'aria-label': 'Copy the pull command', onclick: () => attempt(copy) },
      icon('copy'),
      'Copy',
    ),
  )
}

/** A link sends no token: the daemon gives an address that is good without one. @param {Version} version */
async function download({ record }) {
  const { url } = await post(`/versions/${record}/download-link`)
  const link = h('a', { href: url, download: '' })
  document.body.append(link)
  link.click()
  link.remove()
}

/** @param {Version} version */
function tabs(version) {
  const buttons = TABS.map(([id, label]) =>
    h(
      'button',
      {
        type: 'button',
        role: 'tab',
        id: `tab-${id}`,
        'aria-selected': String(tab === id),
        'aria-controls': 'tab-panel',
        tabindex: tab === id ? 0 : -1,
        onclick: () => choose(id, version),
      },
      label,
    ),
  )
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (step === undefined) return
    const place = TABS.findIndex(([id]) => id === tab)
    const [next] = /** @type {(typeof TABS)[number]} */ (TABS[(place + step + TABS.length) % TABS.length])
    choose(next, version)
    byId(`tab-${next}`).focus()
  }
  return h('div', { class: 'tabs', role: 'tablist', 'aria-label': 'About this version', onkeydown: onKey }, buttons)
}

/** @param {Tab} id @param {Version} version */
function choose(id, version) {
  tab = id
  for (const [other] of TABS) {
    byId(`tab-${other}`).setAttribute('aria-selected', String(other === id))
    byId(`tab-${other}`).tabIndex = other === id ? 0 : -1
  }
  void show(version)
}

/** Fetches what the tab shows. @param {Version} version */
async function show(version) {
  const { record } = version
  const asked = tab
  const body = byId('panel').querySelector('.tab-body')
  if (body === null) return
  for (const [key, value] of Object.entries({
    id: 'tab-panel',
    role: 'tabpanel',
    'aria-labelledby': `tab-${asked}`,
    tabindex: '0',
  }))
    body.setAttribute(key, value)
  const waiting = setTimeout(() => body.replaceChildren(h('p', { class: 'hint' }, 'Loading…')), 150)
  const view = await viewOf(asked, version).catch((error) => {
    if (asked !== 'changes') tellError(error)
    return h('p', { class: 'hint' }, error instanceof Error ? error.message : String(error))
  })
  clearTimeout(waiting)
  if (shown === record && tab === asked) body.replaceChildren(view)
}

/** @param {Tab} asked @param {Version} version @returns {Promise<Node>} */
async function viewOf(asked, version) {
  const path = `/versions/${encodeURIComponent(version.record)}`
  if (asked === 'changes') return changesView(await get(`${path}/changes`), version)
  if (asked === 'files') return filesView((await get(`${path}/files`)).files)
  if (asked === 'record') return recordView(await get(path))
  return holdersView(version)
}
