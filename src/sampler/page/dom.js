/** Elements are made here and nowhere else, and texts go in as texts: no name of an image can become markup. */
import { plain } from './format.js'

const SVG = 'http://www.w3.org/2000/svg'

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Record<string, unknown>} Attributes `onclick` and its like are listeners; `null`, `undefined` and `false` are left out */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children)
}

/**
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children)
}

/** A text of somebody else: kept apart from the direction of what stands around it. @param {string} text */
export function name(text, attributes = {}) {
  return h('bdi', attributes, plain(text))
}

/**
 * Puts others in the place of what is in an element. Where one of these had the focus, the one that says the same
 * gets it: whoever works with keys must not be thrown out by news.
 *
 * @param {Element} element
 * @param {...Node} children
 */
export function renew(element, ...children) {
  const { activeElement } = document
  const said = activeElement !== null && element.contains(activeElement) ? wordsOf(activeElement) : undefined
  element.replaceChildren(...children)
  if (said === undefined) return
  const same = [...element.querySelectorAll('button, [tabindex]')].find((other) => wordsOf(other) === said)
  if (same instanceof HTMLElement) same.focus({ preventScroll: true })
}

/** @param {Element} element */
function wordsOf(element) {
  return element.getAttribute('aria-label') ?? element.textContent
}

/** The element of the page with this id; it is in index.html. @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`The page has no #${id}.`)
  return element
}

/**
 * @template {Element} Made
 * @param {Made} element
 * @param {Attributes} attributes
 * @param {Array<Child | Child[]>} children
 * @returns {Made}
 */
function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue
    if (typeof value === 'function') element.addEventListener(key.slice(2), /** @type {EventListener} */ (value))
    else element.setAttribute(key, value === true ? '' : String(value))
  }
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue
    element.append(child instanceof Node ? child : String(child))
  }
  return element
}
