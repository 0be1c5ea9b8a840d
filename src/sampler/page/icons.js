/** Small drawings, 24 units wide, that say nothing to a screen reader: the text beside them does. */
import { svg } from './dom.js'

const PATHS = {
  camera:
    'M4 8h3l2-3h6l2 3h3a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1Zm8 9a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z',
  search: 'M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14Zm5 12 5 5',
  filter: 'M4 6h16M7 12h10M10 18h4',
  close: 'M6 6l12 12M18 6L6 18',
  caret: 'M9 6l6 6-6 6',
  tag: 'M3 12V4a1 1 0 0 1 1-1h8l9 9-9 9-9-9Zm5-4h.01',
  note: 'M5 4h14v11l-5 5H5V4Zm9 16v-5h5M8 9h8M8 13h4',
  pin: 'M9 3h6l-1 7 4 4H6l4-4-1-7Zm3 11v7',
  download: 'M12 3v12m-5-5 5 5 5-5M4 20h16',
  copy: 'M9 9h11v11H9V9ZM5 15H4V4h11v1',
  check: 'M4 12l5 6L20 6',
  trash: 'M4 7h16M9 7V4h6v3m-8 0 1 13h8l1-13',
  undo: 'M8 5 3 10l5 5M3 10h11a6 6 0 0 1 0 12h-3',
  fork: 'M6 3v18M6 13c8 0 12-3 12-8M18 5h.01',
  theme: 'M12 3a9 9 0 1 0 0 18V3Z',
  warning: 'M12 4 2 20h20L12 4Zm0 6v5m0 2.5h.01',
  disk: 'M4 6c0-4 16-4 16 0v12c0 4-16 4-16 0V6Zm0 0c0 4 16 4 16 0M4 12c0 4 16 4 16 0',
  up: 'M12 20V5m-6 6 6-6 6 6',
  down: 'M12 4v15m-6-6 6 6 6-6',
  file: 'M6 3h8l5 5v13H6V3Zm8 0v5h5',
}

/** @param {keyof typeof PATHS} what */
export function icon(what) {
  return svg('svg', { class: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true' }, svg('path', { d: PATHS[what] }))
}

/** The glass of PintGlas, as full as `level` says (0 to 1). @param {number} level */
export function glass(level) {
  const top = 21 - 17 * Math.max(0.12, Math.min(1, level))
  const inset = (3.4 * (top - 3)) / 18
  const beer = `M${4.6 + inset * 0.8} ${top} H${19.4 - inset * 0.8} L17 21 H7 Z`
  return svg(
    'svg',
    { class: 'glass', viewBox: '0 0 24 24', 'aria-hidden': 'true' },
    svg('path', { class: 'beer', d: beer }),
    svg('path', { class: 'pint', d: 'M4 3h16l-2.6 18.4H6.6L4 3Z' }),
  )
}
