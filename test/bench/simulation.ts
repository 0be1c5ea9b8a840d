/**
 * A program that loads a processor, memory and disk as a simulation in an image does: one thread, steps of some
 * milliseconds, a log that grows, and now and then a sync. Prints the time of each step.
 *
 *     node test/bench/simulation.ts <folder for its log>
 */
import { fsyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const AGENTS = 1 << 20
const STEPS_TO_A_LINE = 10
const STEPS_TO_A_SYNC = 200
const LOG_BYTES = 64 * 1024

const log = openSync(join(process.argv[2] ?? '.', 'simulation.log'), 'w')
const world = Uint32Array.from({ length: AGENTS }, (_, at) => (at * 2_654_435_761) >>> 0)
const line = Buffer.alloc(LOG_BYTES, 'step ')

/** Each agent looks at another one somewhere else in memory. */
function step(): void {
  for (let at = 0; at < AGENTS; at++) {
    const other = world[at] as number
    world[at] = (Math.imul(other, 1_664_525) + 1_013_904_223 + (world[other % AGENTS] as number)) >>> 0
  }
}

for (let count = 1; ; count++) {
  const began = performance.now()
  step()
  if (count % STEPS_TO_A_LINE === 0) writeSync(log, line)
  if (count % STEPS_TO_A_SYNC === 0) fsyncSync(log)
  process.stdout.write(`${(performance.now() - began).toFixed(3)}\n`)
  if (count % STEPS_TO_A_LINE === 0) await new Promise((resolve) => setImmediate(resolve)) // lets the times out
}
