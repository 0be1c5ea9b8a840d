/** A long list of which only what is seen is in the document. Rows have heights that are known before they are drawn. */

/** Rows above and below what is seen: scrolling by the wheel then shows no gap. */
const MARGIN_PX = 400

/**
 * @template Row
 * @typedef {{
 *   heightOf: (row: Row) => number,
 *   keyOf: (row: Row) => string,
 *   sameAs: (row: Row, other: Row) => boolean,
 *   draw: (row: Row) => HTMLElement,
 * }} Drawing
 */

/** @template Row */
export class VirtualList {
  /** @type {readonly Row[]} */
  rows = []
  #scroller
  #canvas
  /** @type {Drawing<Row>} */
  #drawing
  /** Where each row begins, and at the end the height of all. */
  #tops = new Float64Array(1)
  /** @type {Map<string, number>} */
  #places = new Map()
  /** @type {Map<string, { row: Row, element: HTMLElement, top: number }>} */
  #drawn = new Map()
  #isAsked = false

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} canvas in it; as high as all rows
   * @param {Drawing<Row>} drawing
   */
  constructor(scroller, canvas, drawing) {
    this.#scroller = scroller
    this.#canvas = canvas
    this.#drawing = drawing
    scroller.addEventListener('scroll', () => this.#ask(), { passive: true })
    new ResizeObserver(() => this.#ask()).observe(scroller)
  }

  /** @param {readonly Row[]} rows */
  setRows(rows) {
    this.rows = rows
    this.#tops = new Float64Array(rows.length + 1)
    this.#places = new Map()
    for (const [place, row] of rows.entries()) {
      this.#tops[place + 1] = /** @type {number} */ (this.#tops[place]) + this.#drawing.heightOf(row)
      this.#places.set(this.#drawing.keyOf(row), place)
    }
    this.#canvas.style.height = `${this.#tops[rows.length]}px`
    this.draw()
  }

  /** @param {string} key */
  placeOf(key) {
    return this.#places.get(key) ?? -1
  }

  /** Brings a row into sight, and into the document. @param {number} place */
  reveal(place) {
    const top = this.#top(place)
    const height = this.#top(place + 1) - top
    const { scrollTop, clientHeight } = this.#scroller
    if (top < scrollTop) this.#scroller.scrollTop = top - 8
    else if (top + height > scrollTop + clientHeight) this.#scroller.scrollTop = top + height - clientHeight + 8
    this.draw()
  }

  /** Rows that a page has. */
  get pageRows() {
    const { scrollTop, clientHeight } = this.#scroller
    return Math.max(1, this.#placeAt(scrollTop + clientHeight) - this.#placeAt(scrollTop) - 1)
  }

  /** The first row that is seen. */
  get firstSeen() {
    return this.rows[this.#placeAt(this.#scroller.scrollTop)]
  }

  #ask() {
    if (this.#isAsked) return
    this.#isAsked = true
    requestAnimationFrame(() => {
      this.#isAsked = false
      this.draw()
    })
  }

  /** Reads the size of the list once, then writes. */
  draw() {
    const { scrollTop, clientHeight } = this.#scroller
    const first = this.#placeAt(scrollTop - MARGIN_PX)
    const end = Math.min(this.rows.length, this.#placeAt(scrollTop + clientHeight + MARGIN_PX) + 1)
    const wanted = new Set()
    for (let place = first; place < end; place++) {
      const row = /** @type {Row} */ (this.rows[place])
      wanted.add(this.#drawing.keyOf(row))
      this.#place(row, this.#top(place))
    }
    for (const [key, { element }] of this.#drawn) {
      if (wanted.has(key)) continue
      element.remove()
      this.#drawn.delete(key)
    }
    this.#scroller.dispatchEvent(new CustomEvent('drawn'))
  }

  /** @param {Row} row @param {number} top */
  #place(row, top) {
    const key = this.#drawing.keyOf(row)
    const before = this.#drawn.get(key)
    const isSame = before !== undefined && this.#drawing.sameAs(before.row, row)
    if (isSame && before.top === top) return
    const element = isSame ? before.element : this.#drawing.draw(row)
    element.style.transform = `translateY(${top}px)`
    if (!isSame) {
      if (before === undefined) this.#canvas.append(element)
      else before.element.replaceWith(element)
    }
    this.#drawn.set(key, { row, element, top })
  }

  /** @param {number} place */
  #top(place) {
    return this.#tops[Math.max(0, Math.min(place, this.rows.length))] ?? 0
  }

  /** The row at a height, by halves. @param {number} height */
  #placeAt(height) {
    let low = 0
    let high = Math.max(0, this.rows.length - 1)
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#top(middle) <= height) low = middle
      else high = middle - 1
    }
    return low
  }
}
