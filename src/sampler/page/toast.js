/** Short messages at the edge of the page. What went wrong stays until it is closed. */
import { ApiError } from './api.js'
import { byId, h } from './dom.js'
import { icon } from './icons.js'

const SHOWN_MS = 6_000

/**
 * @param {import('./dom.js').Child | import('./dom.js').Child[]} text
 * @param {{ kind?: 'good' | 'bad', action?: { label: string, run: () => Promise<unknown> }, forMs?: number }} [options]
 */
export function toast(text, { kind = 'good', action, forMs = SHOWN_MS } = {}) {
  const close = () => {
    clearTimeout(timer)
    made.remove()
  }
  const act =
    action === undefined
      ? null
      : h('button', { class: 'plain', type: 'button', onclick: () => run(action, close) }, action.label)
  const made = h(
    'div',
    { class: `toast ${kind}` },
    h('p', {}, text),
    act,
    h('button', { class: 'bare', type: 'button', 'aria-label': 'Close the message', onclick: close }, icon('close')),
  )
  byId(kind === 'bad' ? 'alerts' : 'messages').append(made)
  const timer = kind === 'bad' ? undefined : setTimeout(close, forMs)
  return close
}

/** Tells of a failure as the daemon says it. @param {unknown} error */
export function tellError(error) {
  const isKnown = error instanceof ApiError
  toast([h('b', {}, isKnown ? error.code : 'Failed'), ' ', error instanceof Error ? error.message : String(error)], {
    kind: 'bad',
  })
}

/** Runs what a button does, and tells of it where it fails. @param {() => Promise<unknown>} work */
export async function attempt(work) {
  try {
    await work()
    return true
  } catch (error) {
    tellError(error)
    return false
  }
}

/** @param {{ run: () => Promise<unknown> }} action @param {() => void} close */
async function run(action, close) {
  close()
  await attempt(action.run)
}
