/**
 * The benchmark: PintGlas beside the programs that its users could take instead, on this machine, in turn.
 *
 *     npm run bench                        everything, into docs/bench: results.csv, summary.md and plots
 *     npm run bench -- push pull           these scenarios alone; of the others the results stay as they are
 *     npm run bench -- --quick [...]       small and once, to see that it runs; nothing is kept
 *     --rounds 7 --image-mb 50 --into <folder> --work <folder on the disk to be measured>
 *
 * Never a test. test/bench/install-peers.sh installs the other programs.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Bench, FULL, QUICK, type Scenario } from './bench.ts'
import { NO_TIME } from './measure.ts'
import { plotsOf } from './plots.ts'
import { csvLine, originHere, type Row, readRows, writeRows } from './results.ts'
import { chain } from './scenarios/chain.ts'
import { curve } from './scenarios/curve.ts'
import { holders } from './scenarios/holders.ts'
import { lines } from './scenarios/lines.ts'
import { pull } from './scenarios/pull.ts'
import { push } from './scenarios/push.ts'
import { startup } from './scenarios/startup.ts'
import { wire } from './scenarios/wire.ts'
import { stepsTable } from './steps.ts'
import { scenarioTables } from './summary.ts'

const SCENARIOS: Scenario[] = [push, pull, chain, wire, lines, holders, curve, startup]
const DOCS = resolve(import.meta.dirname, '../../docs/bench')

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    'image-mb': { type: 'string' },
    into: { type: 'string' },
    work: { type: 'string', default: tmpdir() },
  },
})
const unknown = positionals.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name))
if (unknown.length > 0) {
  const known = SCENARIOS.map(({ name, about }) => `  ${name.padEnd(8)} ${about}`).join('\n')
  throw new Error(`no scenario ${unknown.join(', ')}. There are:\n${known}`)
}
if (NO_TIME !== undefined) throw new Error(`${NO_TIME}: test/bench/install-peers.sh installs it`)

const sizes = { ...(values.quick ? QUICK : FULL) }
if (values.rounds !== undefined) sizes.rounds = Number(values.rounds)
if (values['image-mb'] !== undefined) sizes.imageBytes = Number(values['image-mb']) * 1e6
const chosen = SCENARIOS.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
const skipped = new Map<string, string>()
/** Of the scenario that runs. */
let cleanUps: Array<() => Promise<unknown>> = []
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void cleanUp().then(() => process.exit(130)))
for (const scenario of chosen) keep(scenario, await measure(scenario))

async function cleanUp(): Promise<void> {
  for (const one of cleanUps.splice(0).reverse()) await one()
}

async function measure(scenario: Scenario): Promise<Row[]> {
  const folder = mkdtempSync(join(values.work, 'pintglas-bench-'))
  const origin = originHere()
  const found: Row[] = []
  cleanUps = [async () => rmSync(folder, { recursive: true, force: true })]
  let round = 0
  const bench: Bench = {
    folder,
    sizes,
    after: (one) => void cleanUps.push(one),
    skip: (tool, reason) => {
      if (skipped.get(tool) !== reason) console.log(`# without ${tool}: ${reason}`)
      skipped.set(tool, reason)
    },
    report: (what, tool, cost) => {
      const none = { cpuSeconds: 0, rssBytes: 0, bytes: 0 }
      found.push({ ...origin, scenario: scenario.name, what, tool, round, load: loadavg()[0] ?? 0, ...none, ...cost })
      console.log(csvLine(found.at(-1)!))
    },
  }
  console.log(`# ${scenario.name}: ${scenario.about}; load ${loadavg()[0]?.toFixed(1)}`)
  try {
    const runRound = await scenario.open(bench)
    const rounds = Math.min(sizes.rounds, scenario.maxRounds ?? sizes.rounds)
    for (round = 1; round <= rounds; round++) await runRound()
  } finally {
    await cleanUp()
  }
  console.log(tablesOf(scenario, found))
  return found
}

/** Puts the new results of a scenario in the place of its old ones. */
function keep(measured: Scenario, rows: Row[]): void {
  if (values.quick && values.into === undefined) return
  const into = values.into ?? DOCS
  mkdirSync(into, { recursive: true })
  const kept = readRows(join(into, 'results.csv')).filter(({ scenario }) => scenario !== measured.name)
  const all = SCENARIOS.flatMap(({ name }) => [...kept, ...rows].filter(({ scenario }) => scenario === name))
  writeRows(join(into, 'results.csv'), all)
  const text = SCENARIOS.map((one) =>
    tablesOf(
      one,
      all.filter(({ scenario }) => scenario === one.name),
    ),
  )
  writeFileSync(
    join(into, 'summary.md'),
    `# Results\n\nMade by \`npm run bench\`.\n\n${text.filter((one) => one !== '').join('\n')}`,
  )
  for (const { name, svg } of plotsOf(all)) writeFileSync(join(into, name), svg)
  console.log(`written: ${into}`)
}

function tablesOf({ about, isChain }: Scenario, rows: readonly Row[]): string {
  if (rows.length === 0) return ''
  return isChain ? `${scenarioTables(about, rows)}\n${stepsTable(rows)}` : scenarioTables(about, rows)
}
