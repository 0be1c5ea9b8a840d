/**
 * How long the command line takes to start, against `node -e 0` on the same machine: medians of RUNS, taken in turn.
 * Prints the ratios; never a test, for machines differ and are busy.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const RUNS = 15
const bin = resolve(import.meta.dirname, '../../bin/pintglas.js')
if (!existsSync(resolve(import.meta.dirname, '../../dist/pintglas.js'))) {
  throw new Error('run `npm run build` first: what counts is the built file')
}
const home = mkdtempSync(join(tmpdir(), 'pintglas-startup-'))

const commands: Record<string, string[]> = {
  'node -e 0': ['-e', '0'],
  'pintglas --version': [bin, '--version'],
  'pintglas ls': [bin, '--home', home, 'ls'],
}

function timeMs(args: string[]): number {
  const start = performance.now()
  const { status, stderr } = spawnSync(process.execPath, args)
  if (status !== 0) throw new Error(`exit ${status}: ${stderr}`)
  return performance.now() - start
}

const times: Record<string, number[]> = {}
for (const [name, args] of Object.entries(commands)) {
  timeMs(args)
  times[name] = []
}
for (let run = 0; run < RUNS; run++)
  for (const [name, args] of Object.entries(commands)) times[name]?.push(timeMs(args))
rmSync(home, { recursive: true })

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0
const bare = median(times['node -e 0'] ?? [])
for (const [name, values] of Object.entries(times)) {
  console.log(`${name.padEnd(20)} ${median(values).toFixed(0).padStart(5)} ms  ${(median(values) / bare).toFixed(2)} x`)
}
