/**
 * What stands in the list, from top to bottom: a head for each glas, and below it its versions with their drawing.
 *
 * @import {EdgeStyle, Glas, LaneRow, Version} from './shapes.d.ts'
 */
import { lanesOf } from './lanes.js'

/**
 * @typedef {{ kind: 'glas', key: string, glas: Glas, shown: number, isOpen: boolean, place: number, of: number }} HeadRow
 * @typedef {{ kind: 'version', key: string, glas: Glas, version: Version, lanes: LaneRow, place: number, of: number }} VersionRow
 * @typedef {HeadRow | VersionRow} Row
 */

/**
 * @param {readonly Glas[]} glases
 * @param {{ isMeant: (glas: Glas, version: Version) => boolean, isFiltered: boolean, closed: ReadonlySet<string> }} options
 * @returns {Row[]}
 */
export function rowsOf(glases, { isMeant, isFiltered, closed }) {
  /** @type {Row[]} */
  const rows = []
  const found = glases
    .map((glas) => ({ glas, versions: glas.versions.filter((version) => isMeant(glas, version)) }))
    .filter(({ versions }) => !isFiltered || versions.length > 0)
  for (const [place, { glas, versions }] of found.entries()) {
    const id = glas['glas-id']
    const isOpen = !closed.has(id)
    rows.push({ kind: 'glas', key: id, glas, shown: versions.length, isOpen, place: place + 1, of: found.length })
    if (isOpen) for (const row of versionRows(glas, versions)) rows.push(row)
  }
  return rows
}

/**
 * @param {Glas} glas
 * @param {readonly Version[]} versions
 * @returns {VersionRow[]}
 */
function versionRows(glas, versions) {
  const parents = shownParents(glas, versions)
  const nodes = versions.map(({ record }) => ({ id: record, .../** @type {Parent} */ (parents.get(record)) }))
  const lanes = lanesOf(nodes)
  return versions.map((version, at) => {
    const drawing = /** @type {LaneRow} */ (lanes[at])
    return { kind: 'version', key: version.record, glas, version, lanes: drawing, place: at + 1, of: versions.length }
  })
}

/** @typedef {{ parent: string | null, style: EdgeStyle }} Parent */

/**
 * The nearest version before each that is shown, over those that are not.
 *
 * @param {Glas} glas
 * @param {readonly Version[]} versions
 */
function shownParents(glas, versions) {
  const isShown = new Set(versions.map(({ record }) => record))
  /** @type {Map<string, Parent>} */
  const found = new Map()
  for (let at = glas.versions.length - 1; at >= 0; at--) {
    const { record, parent, via } = /** @type {Version} */ (glas.versions[at])
    if (parent === null) found.set(record, { parent: null, style: 'known' })
    else if (isShown.has(parent)) found.set(record, { parent, style: via === 'record' ? 'known' : 'guessed' })
    else found.set(record, { parent: found.get(parent)?.parent ?? null, style: 'skipped' })
  }
  return found
}
