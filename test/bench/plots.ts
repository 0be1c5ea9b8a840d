import { chart } from './chart.ts'
import type { Row } from './results.ts'
import { RANDOM } from './steps.ts'
import { mediansOf } from './summary.ts'

const KIB = 1024

/** The plots of some results, by file name. */
export function plotsOf(rows: readonly Row[]): Array<{ name: string; svg: string }> {
  const plots: Array<{ name: string; svg: string }> = []
  for (const [scenario, name, title] of [
    ['chain', 'bytes-per-snapshot.svg', 'KiB added to the store by each snapshot (whole directory)'],
    ['wire', 'bytes-on-the-wire.svg', 'KiB over the line for each next snapshot'],
  ] as const) {
    const steps = mediansOf(
      rows.filter((row) => row.scenario === scenario && !row.what.startsWith('v1:') && row.tool !== RANDOM),
    )
    if (steps.length === 0) continue
    const labels = [...new Set(steps.map(({ what }) => what))]
    const series = [...Map.groupBy(steps, ({ tool }) => tool)].map(([tool, medians]) => ({
      name: tool,
      values: labels.map((label) => (medians.find(({ what }) => what === label)?.bytes ?? 0) / KIB),
    }))
    plots.push({ name, svg: chart({ title, labels, series }) })
  }
  return plots
}
