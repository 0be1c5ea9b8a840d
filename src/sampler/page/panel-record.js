/**
 * The files of a version, its record, and who holds it.
 *
 * @import {Version} from './shapes.d.ts'
 */
import { h, name } from './dom.js'
import { counted, moment, size } from './format.js'
import { someOf } from './panel-changes.js'
import { mark } from './row.js'

/** @param {any[]} files @returns {Node} */
export function filesView(files) {
  const only = files.filter(({ kind }) => kind !== 'directory')
  const sum = only.reduce((bytes, { size: one }) => bytes + one, 0)
  const field = h('input', { type: 'search', 'aria-label': 'Filter files by path', placeholder: 'Filter by path' })
  const box = h('div', {})
  const draw = () => {
    const wanted = field.value.toLowerCase()
    box.replaceChildren(
      someOf(
        only.filter(({ path }) => path.toLowerCase().includes(wanted)),
        file,
        'files',
      ),
    )
  }
  field.addEventListener('input', draw)
  draw()
  return h('div', {}, h('p', { class: 'since' }, `${counted(only.length, 'file')}, ${size(sum)}`), field, box)
}

/** @param {any} file */
function file({ path, kind, size: bytes, mode }) {
  return h(
    'div',
    { class: 'file' },
    h('span', { class: 'path' }, name(path)),
    h('span', { class: 'grown' }, kind === 'symlink' ? 'link' : size(bytes)),
    h('span', { class: 'hint' }, mode),
  )
}

/** @param {any} record @returns {Node} */
export function recordView(record) {
  const { format, searched, removed } = record
  const rows = [
    ['glas-id', record['glas-id']],
    ['version', record.version],
    ['image-name', record['image-name']],
    ['hostname', record.hostname ?? 'not told'],
    ['path', record.path ?? 'not told'],
    ['saved', moment(record.date)],
    ['size', `${size(record.size)} (${record.size.toLocaleString('en')} bytes)`],
    ['image-id', record['image-id']],
    [
      'format',
      format === null
        ? 'none of Spur'
        : `${format.number}, ${8 * format['word-size']} bit, image version ${format['image-version']}`,
    ],
    ['kept as', record.image.map(keptAs).join(', ') || 'not here'],
    ['record', record.record],
    ['parent', record.parent ?? 'none'],
    ['contents', record.contents],
    [
      'left out',
      Object.entries(removed)
        .map(([rule, count]) => `${count} by ${rule}`)
        .join(', ') || 'nothing',
    ],
    ['searched for secrets', searched.text.join(', ') || 'nothing'],
    ['not searched', searched.not.join(', ') || 'nothing'],
  ]
  return h(
    'dl',
    { class: 'record' },
    rows.flatMap(([key, value]) => [h('dt', {}, key ?? ''), h('dd', {}, name(String(value)))]),
  )
}

/** @param {any} image */
function keptAs(image) {
  return image['kept-as'] === 'delta' ? `a delta of ${size(image['delta-bytes'])}` : 'blocks'
}

/** @param {Version} version @returns {Node} */
export function holdersView({ here, pins, holders }) {
  const own = here
    ? h(
        'li',
        { class: 'peer' },
        h('span', { class: 'peer-name' }, 'this machine'),
        h('span', { class: 'hint' }, pins.join(', ')),
      )
    : null
  const others = holders.map((holder) =>
    h(
      'li',
      { class: 'peer' },
      mark(holder),
      name(holder.peer, { class: 'peer-name' }),
      h('span', { class: 'hint' }, holder.proved ? 'proved' : 'says so'),
      h('span', { class: `state ${holder.connected ? 'up' : 'down'}` }, holder.connected ? 'connected' : 'away'),
    ),
  )
  if (own === null && others.length === 0)
    return h('p', { class: 'hint' }, 'Nobody who is known to this machine holds it now.')
  const alone =
    others.length > 0
      ? null
      : h(
          'p',
          { class: 'hint' },
          'It is only on this machine. ',
          h('code', {}, 'pintglas invite'),
          ' lets another one keep a copy.',
        )
  return h('div', {}, h('ul', { class: 'plain-list' }, own, others), alone)
}
