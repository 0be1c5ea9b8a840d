/** What moves: how far it is, how fast, and what came of it. */
import { h, name } from './dom.js'
import { percent, size } from './format.js'
import { store } from './store.js'

const PHASES = /** @type {Record<string, string>} */ ({
  waiting: 'Waiting for the image',
  receiving: 'Receiving',
  reading: 'Reading',
  fetching: 'Fetching',
  placing: 'Placing',
  sending: 'Sending',
  checking: 'Checking',
  sweeping: 'Sweeping',
})

/** @param {any} transfer */
export function isDone({ state }) {
  return state !== 'running'
}

/** A bar with words. @param {any} transfer */
export function progress(transfer) {
  const { state, phase, made, error } = transfer
  if (state === 'failed') return h('p', { class: 'outcome bad' }, error?.message ?? 'It failed.')
  if (state === 'done') {
    if (made === null) return h('p', { class: 'outcome' }, 'done')
    const show = () => store.select({ record: made.record })
    return h(
      'p',
      { class: 'outcome' },
      'Took ',
      h('button', { class: 'link', type: 'button', onclick: show }, name(`${made['image-name']}@${made.version}`)),
    )
  }
  const done = transfer['done-bytes']
  const total = transfer['total-bytes']
  const rate = transfer['bytes-per-second']
  const bar =
    total === null || total === 0
      ? h('progress', { 'aria-label': PHASES[phase] ?? phase })
      : h('progress', { max: 100, value: percent(done, total), 'aria-label': PHASES[phase] ?? phase })
  const words = [
    PHASES[phase] ?? phase,
    done > 0 ? ` ${size(done)}` : '',
    total ? ` of ${size(total)}` : '',
    rate > 0 ? ` · ${size(rate)}/s` : '',
  ]
  return h('span', { class: 'progress' }, bar, h('span', { class: 'hint' }, words.join('')))
}
