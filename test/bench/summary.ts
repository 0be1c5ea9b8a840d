/** Medians of the runs, and how much better or worse PintGlas is than each peer, as Markdown. */
import type { Row } from './results.ts'

export const OWN = 'pintglas'
const KIB = 1024

export interface Median {
  what: string
  tool: string
  runs: number
  seconds: number
  cpuSeconds: number
  rssBytes: number
  bytes: number
}

/** One for each work and tool, in the order in which they came. */
export function mediansOf(rows: readonly Row[]): Median[] {
  const groups = Map.groupBy(rows, ({ what, tool }) => `${what}\n${tool}`)
  return [...groups.values()].map((group) => ({
    what: group[0]!.what,
    tool: group[0]!.tool,
    runs: group.length,
    seconds: medianOf(group.map(({ seconds }) => seconds)),
    cpuSeconds: medianOf(group.map(({ cpuSeconds }) => cpuSeconds)),
    rssBytes: medianOf(group.map(({ rssBytes }) => rssBytes)),
    bytes: medianOf(group.map(({ bytes }) => bytes)),
  }))
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle]!
  return sorted.length === 0 ? Number.NaN : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** A table for each work of a scenario. */
export function scenarioTables(about: string, rows: readonly Row[]): string {
  const works = Map.groupBy(mediansOf(rows), ({ what }) => what)
  const [{ machine, commit, date } = { machine: '', commit: '', date: '' }] = rows
  const lines = [
    `## ${about[0]?.toUpperCase()}${about.slice(1)}`,
    '',
    `${machine}; commit ${commit}; ${date}; load ${loadOf(rows)}.`,
    '',
  ]
  lines.push(
    '| work | tool | runs | seconds | against pintglas | CPU s | peak MB | KiB |',
    '| --- | --- | --: | --: | --: | --: | --: | --: |',
  )
  for (const [what, medians] of works) {
    const own = medians.find(({ tool }) => tool === OWN)
    for (const median of medians) lines.push(tableLine(what, median, own))
  }
  return `${lines.join('\n')}\n`
}

/** Times of a busy machine say less. */
function loadOf(rows: readonly Row[]): string {
  const loads = rows.map(({ load }) => load)
  return `${Math.min(...loads).toFixed(0)} to ${Math.max(...loads).toFixed(0)}`
}

function tableLine(what: string, median: Median, own: Median | undefined): string {
  const ratio = own === undefined || own === median ? '' : `${(median.seconds / own.seconds).toFixed(2)} x`
  const cells = [
    what,
    median.tool,
    median.runs,
    median.seconds.toFixed(median.seconds < 1 ? 3 : 2),
    ratio,
    median.cpuSeconds === 0 ? '' : median.cpuSeconds.toFixed(2),
    median.rssBytes === 0 ? '' : (median.rssBytes / 1e6).toFixed(0),
    median.bytes === 0 ? '' : (median.bytes / KIB).toFixed(1),
  ]
  return `| ${cells.join(' | ')} |`
}
