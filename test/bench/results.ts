/** The runs of a benchmark as CSV: one row a run, the results of one scenario always of one and the same run of it. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import type { Run } from './bench.ts'

const HEAD = 'machine,commit,date,scenario,what,tool,round,load,seconds,cpu_seconds,rss_mb,bytes'

/** Where and when runs were made. */
export interface Origin {
  machine: string
  commit: string
  date: string
}

export type Row = Origin & Run

export function originHere(): Origin {
  const [cpu] = cpus()
  const model = cpu?.model
    .replace(/\(R\)|\(TM\)|,/g, '')
    .replace(/\s+/g, ' ')
    .trim()
  const commit = execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], {
    encoding: 'utf8',
    cwd: import.meta.dirname,
  })
  const machine = `${cpus().length} x ${model || 'unknown processor'} ${Math.round(totalmem() / 2 ** 30)} GiB`
  return { machine, commit: commit.trim(), date: new Date().toISOString().slice(0, 16) }
}

/** What was measured before. */
export function readRows(path: string): Row[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  if (lines.shift() !== HEAD) throw new Error(`${path} has other columns than these: ${HEAD}`)
  return lines.map((line) => {
    const [machine = '', commit = '', date = '', scenario = '', what = '', tool = '', ...numbers] = line
      .split(',')
      .map((word) => word.replaceAll(';', ','))
    const [round = 0, load = 0, seconds = 0, cpuSeconds = 0, rssMb = 0, bytes = 0] = numbers.map(Number)
    return {
      machine,
      commit,
      date,
      scenario,
      what,
      tool,
      round,
      load,
      seconds,
      cpuSeconds,
      rssBytes: rssMb * 1e6,
      bytes,
    }
  })
}

export function writeRows(path: string, rows: readonly Row[]): void {
  writeFileSync(path, `${[HEAD, ...rows.map(csvLine)].join('\n')}\n`)
}

/** A comma in a name becomes a semicolon, which no name has. */
export function csvLine(row: Row): string {
  const { machine, commit, date, scenario, what, tool, round } = row
  const words = [machine, commit, date, scenario, what, tool].map((word) => word.replaceAll(',', ';'))
  const numbers = [row.seconds.toFixed(3), row.cpuSeconds.toFixed(2), (row.rssBytes / 1e6).toFixed(0), row.bytes]
  return [...words, round, row.load.toFixed(1), ...numbers].join(',')
}
