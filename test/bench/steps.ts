/** What a chain of snapshots says as a whole: bytes of each next snapshot, against those of PintGlas. */
import type { Row } from './results.ts'
import { medianOf, mediansOf, OWN } from './summary.ts'

/** Reported like a tool: bytes of a step that are noise. They are left out of the sums. */
export const RANDOM = 'random bytes alone'
const FIRST = 'v1:'
const KIB = 1024

/** Sum over the steps, and the median of the ratios of each step, as a Markdown table. */
export function stepsTable(rows: readonly Row[]): string {
  const medians = mediansOf(rows.filter(({ what }) => !what.startsWith(FIRST)))
  const bytes = new Map(medians.map(({ what, tool, bytes }) => [`${what} ${tool}`, bytes]))
  const steps = [...new Set(medians.map(({ what }) => what))]
  const tools = [...new Set(medians.map(({ tool }) => tool))].filter((tool) => tool !== RANDOM)
  const of = (step: string, tool: string) => bytes.get(`${step} ${tool}`) ?? 0
  const sumOf = (tool: string) => steps.reduce((sum, step) => sum + of(step, tool) - of(step, RANDOM), 0)
  const lines = [
    '| all next snapshots | KiB | sum against pintglas | median step against pintglas |',
    '| --- | --: | --: | --: |',
  ]
  for (const tool of tools) {
    const ratios = steps.map((step) => of(step, tool) / of(step, OWN))
    const cells = [tool, (sumOf(tool) / KIB).toFixed(0)]
    cells.push(`${(sumOf(tool) / sumOf(OWN)).toFixed(1)} x`, `${medianOf(ratios).toFixed(1)} x`)
    lines.push(`| ${cells.join(' | ')} |`)
  }
  return `${lines.join('\n')}\n\nRandom bytes are left out of the sums.\n`
}
