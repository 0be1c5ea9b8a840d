import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { test } from './harness.ts'
import { runFile } from './run.ts'

const run = (trap: string, limitMs = 20_000) => runFile(join(import.meta.dirname, 'traps', `${trap}.ts`), limitMs)

test('a file that registers no test fails by name', async () => {
  assert.match((await run('no-test')).failures.join(), /no-test\.ts: registers no test/)
})

test('a test that never settles fails by name', async () => {
  assert.match((await run('never-settles')).failures.join(), /waits for ever\n.*did not settle within 200 ms/)
})

test('a test that never gives the processor back fails by name', async () => {
  assert.match((await run('blocks', 8_000)).failures.join(), /did not end .* "spins for ever"/)
})

test('an unhandled rejection fails by the name of its test', async () => {
  assert.match((await run('unhandled')).failures.join(), /unhandled rejection in leaves a rejection behind/)
})

test('a test that ends the process fails by name', async () => {
  assert.match((await run('exits')).failures.join(), /ends the process/)
})
