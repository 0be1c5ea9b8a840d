/** The search field and the form of filters. The text of the field is what counts. */
import { byId, h } from './dom.js'
import { FIELDS, parseQuery, withField } from './query.js'
import { store } from './store.js'
import { attempt } from './toast.js'

/** Typing is followed after a pause of this length: one drawing for a word. */
const PAUSE_MS = 60

const HINTS = { host: 'laptop', path: '/home/ada', name: 'Ants', tag: 'paper', date: '2026-01..2026-03' }

export function startSearch() {
  const field = /** @type {HTMLInputElement} */ (byId('search'))
  const filters = byId('filters')
  const opener = byId('filters-button')
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  const follow = () => {
    clearTimeout(timer)
    timer = setTimeout(() => attempt(() => store.search(field.value)), PAUSE_MS)
  }
  const inputs = FIELDS.map((key) => {
    const input = h('input', { id: `filter-${key}`, autocomplete: 'off', placeholder: HINTS[key] })
    input.addEventListener('input', () => {
      field.value = withField(field.value, key, input.value.trim())
      follow()
    })
    return { key, input }
  })
  const fill = () => {
    const { fields } = parseQuery(field.value)
    for (const { key, input } of inputs) if (document.activeElement !== input) input.value = fields[key]?.[0] ?? ''
  }
  filters.append(
    ...inputs.map(({ key, input }) => h('div', { class: 'filter' }, h('label', { for: input.id }, key), input)),
  )
  const open = (/** @type {boolean} */ isOpen) => {
    filters.hidden = !isOpen
    opener.setAttribute('aria-expanded', String(isOpen))
    if (isOpen) inputs[0]?.input.focus()
  }
  opener.addEventListener('click', () => open(filters.hasAttribute('hidden')))
  filters.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return
    open(false)
    opener.focus()
  })
  field.addEventListener('input', () => {
    fill()
    follow()
  })
  field.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown') byId('tree').focus()
  })
  document.addEventListener('keydown', (event) => {
    const isTyping = /** @type {Element} */ (event.target).matches('input, textarea, dialog *')
    if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    field.focus()
  })
  store.on(['query'], () => {
    if (document.activeElement !== field && field.value !== store.text) field.value = store.text
    fill()
  })
}
