/**
 * Where the versions of a glas stand side by side: each line of work in a lane of its own, forks joining at the version
 * that they came from. As `git log --graph` does it, for histories in which a version has one parent.
 *
 * @import {EdgeStyle, LaneRow} from './shapes.d.ts'
 */

/** @typedef {{ id: string, parent: string | null, style: EdgeStyle }} Node */
/** @typedef {{ waitsFor: string, colour: number, style: EdgeStyle }} OpenLane */

/**
 * One drawing a row, in the order of `nodes`, in which a child stands before its parent. A parent that does not come
 * behind it is drawn as if there were none.
 *
 * @param {readonly Node[]} nodes
 * @returns {LaneRow[]}
 */
export function lanesOf(nodes) {
  const placeOf = new Map(nodes.map(({ id }, place) => [id, place]))
  /** @type {Array<OpenLane | undefined>} */
  const open = []
  let colours = 0
  return nodes.map((node, place) => {
    const waiting = lanesFor(open, node.id)
    const lane = waiting[0] ?? firstFree(open)
    const colour = open[lane]?.colour ?? colours++
    const arriving = waiting.map((at) => shown(open, at))
    for (const at of waiting) open[at] = undefined
    const passing = passingOf(open)
    const isDrawn = node.parent !== null && (placeOf.get(node.parent) ?? -1) > place
    open[lane] = isDrawn ? { waitsFor: String(node.parent), colour, style: node.style } : undefined
    while (open.length > 0 && open.at(-1) === undefined) open.pop()
    return { lane, colour, passing, arriving, leaving: isDrawn ? { lane, colour, style: node.style } : null }
  })
}

/**
 * @param {ReadonlyArray<OpenLane | undefined>} open
 * @param {string} id
 */
function lanesFor(open, id) {
  const found = []
  for (let lane = 0; lane < open.length; lane++) if (open[lane]?.waitsFor === id) found.push(lane)
  return found
}

/** @param {ReadonlyArray<OpenLane | undefined>} open */
function firstFree(open) {
  const free = open.indexOf(undefined)
  return free < 0 ? open.length : free
}

/** @param {ReadonlyArray<OpenLane | undefined>} open */
function passingOf(open) {
  const passing = []
  for (let lane = 0; lane < open.length; lane++) if (open[lane] !== undefined) passing.push(shown(open, lane))
  return passing
}

/**
 * @param {ReadonlyArray<OpenLane | undefined>} open
 * @param {number} lane
 */
function shown(open, lane) {
  const { colour, style } = /** @type {OpenLane} */ (open[lane])
  return { lane, colour, style }
}
