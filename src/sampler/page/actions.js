/**
 * What can be done with a version: download, tag, note, pin, forget.
 *
 * @import {Glas, Version} from './shapes.d.ts'
 */
import { ApiError, post } from './api.js'
import { h, name } from './dom.js'
import { icon } from './icons.js'
import { store } from './store.js'
import { attempt, toast } from './toast.js'

/** Bytes of a note, as the index takes it. */
const MAX_NOTE_CHARS = 1000
const MAX_TAG_CHARS = 64

/**
 * @param {Glas} glas
 * @param {Version} version
 * @param {() => Promise<unknown>} download
 */
export function actions(glas, version, download) {
  const area = h('div', { class: 'form-area' })
  const disabled = !store.mayAct
  const { here, retracted, forgetting, pins } = version
  const isPinned = pins.includes('user')
  const button = (
    /** @type {string} */ label,
    /** @type {Parameters<typeof icon>[0]} */ drawn,
    /** @type {() => unknown} */ run,
    off = disabled,
  ) => h('button', { class: 'plain', type: 'button', disabled: off, onclick: run }, icon(drawn), label)
  return h(
    'div',
    { class: 'actions' },
    notes(version),
    tags(version),
    h(
      'div',
      { class: 'buttons' },
      button('Download', 'download', () => attempt(download), !here),
      button('Tag', 'tag', () => tagForm(version, area)),
      button('Note', 'note', () => noteForm(version, area)),
      isPinned
        ? button('Unpin', 'pin', () => attempt(() => unpin(version)))
        : button('Pin', 'pin', () => attempt(() => pin(version))),
      forgetting
        ? button('Undo', 'undo', () => attempt(() => unforget(version)))
        : button('Forget', 'trash', () => attempt(() => forget(glas, version)), disabled || (retracted && !here)),
    ),
    area,
  )
}

/** @param {Version} version */
function notes({ note }) {
  return note === '' ? null : h('blockquote', { class: 'panel-note' }, name(note))
}

/** @param {Version} version */
function tags(version) {
  if (version.tags.length === 0) return null
  const chips = version.tags.map((tag) => {
    const remove = () => attempt(() => post(`/versions/${version.record}/untag`, { tag }))
    const away = h(
      'button',
      { class: 'bare', type: 'button', 'aria-label': `Take the tag ${tag} away`, onclick: remove },
      icon('close'),
    )
    return h('span', { class: 'chip large' }, icon('tag'), name(tag), store.mayAct ? away : null)
  })
  return h('p', { class: 'chips' }, chips)
}

/** @param {Version} version @param {HTMLElement} area */
function tagForm({ record }, area) {
  const field = h('input', {
    id: 'tag-field',
    name: 'tag',
    required: true,
    maxlength: MAX_TAG_CHARS,
    pattern: '[A-Za-z][A-Za-z0-9._\\-]*',
    autocomplete: 'off',
    placeholder: 'before-the-flood',
  })
  form(area, {
    label: 'Tag',
    hint: 'Letters, digits, “.”, “_” and “-”. A tag that another version has moves here.',
    field,
    save: () => post(`/versions/${record}/tag`, { tag: field.value }),
  })
}

/** @param {Version} version @param {HTMLElement} area */
function noteForm({ record, note }, area) {
  const field = h('textarea', { id: 'note-field', name: 'note', rows: 3, maxlength: MAX_NOTE_CHARS })
  field.value = note
  form(area, {
    label: 'Note',
    hint: 'Everybody in your swarm can read it. Empty takes it away.',
    field,
    save: () => post(`/versions/${record}/note`, { text: field.value.trim() }),
  })
}

/**
 * @param {HTMLElement} area
 * @param {{ label: string, hint: string, field: HTMLInputElement | HTMLTextAreaElement, save: () => Promise<unknown> }} what
 */
function form(area, { label, hint, field, save }) {
  const opener = /** @type {HTMLElement | null} */ (document.activeElement)
  const close = () => {
    area.replaceChildren()
    opener?.focus()
    store.tell('selection')
  }
  const onsubmit = async (/** @type {Event} */ event) => {
    event.preventDefault()
    if (await attempt(save)) close()
  }
  const onkeydown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === 'Escape') close()
  }
  area.replaceChildren(
    h(
      'form',
      { onsubmit, onkeydown },
      h('label', { for: field.id }, label),
      field,
      h('p', { class: 'hint' }, hint),
      h(
        'div',
        { class: 'buttons' },
        h('button', { class: 'primary', type: 'submit' }, 'Save'),
        h('button', { class: 'plain', type: 'button', onclick: close }, 'Cancel'),
      ),
    ),
  )
  field.focus()
}

/** @param {Version} version */
async function pin({ record, here }) {
  if (!here) toast('Fetching what is missing…')
  await post(`/versions/${record}/pin`)
  toast('It is kept here until you unpin it.')
}

/** @param {Version} version */
async function unpin({ record }) {
  try {
    await post(`/versions/${record}/unpin`, { force: false })
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'StillNeeded') throw error
    if (
      !(await confirmed(
        'Unpin the only copy?',
        `${error.message.split(':')[0]}: it may be lost with the next clean-up.`,
        'Unpin it',
      ))
    )
      return
    await post(`/versions/${record}/unpin`, { force: true })
  }
  toast('No longer kept here; the next clean-up frees its room.')
}

/** @param {Glas} glas @param {Version} version */
async function forget(glas, version) {
  const answer = await post(`/versions/${version.record}/forget`, { here: false })
  const forMs = 1000 * (answer['undo-seconds'] ?? 10)
  toast(['Forgetting ', name(`${glas['image-name']}@${version.version}`), ' for everybody.'], {
    forMs,
    action: { label: 'Undo', run: () => unforget(version) },
  })
}

/** @param {Version} version */
async function unforget({ record }) {
  await post(`/versions/${record}/unforget`)
  toast('It stays.')
}

/** @param {string} title @param {string} text @param {string} yes @returns {Promise<boolean>} */
function confirmed(title, text, yes) {
  const { promise, resolve } = Promise.withResolvers()
  const dialog = h('dialog', { 'aria-labelledby': 'dialog-title' })
  const end = (/** @type {boolean} */ answer) => () => {
    dialog.close()
    dialog.remove()
    resolve(answer)
  }
  dialog.append(
    h('h2', { id: 'dialog-title' }, title),
    h('p', {}, text),
    h(
      'div',
      { class: 'buttons' },
      h('button', { class: 'danger', type: 'button', onclick: end(true) }, yes),
      h('button', { class: 'plain', type: 'button', onclick: end(false) }, 'Cancel'),
    ),
  )
  dialog.addEventListener('cancel', end(false))
  document.body.append(dialog)
  dialog.showModal()
  return promise
}
