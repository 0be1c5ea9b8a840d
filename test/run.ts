/**
 * Runs every `*.test.ts` below `test/` (or those whose path contains one of the arguments), each file in a process of
 * its own, and ends with the plain line `N passed, N failed`. A file fails by name when it registers no test, does
 * not end in time, exits badly without a failed test, or leaves a rejection unhandled.
 */
import { fork } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { TestReport } from './harness.ts'

const TEST_ROOT = import.meta.dirname
/** Two files at once: the machines this runs on have two cores. */
const FILES_AT_ONCE = 2
/** A whole file, all its tests together. */
const FILE_LIMIT_MS = 10 * 60_000

interface FileResult {
  passed: number
  skipped: number
  failures: string[]
}

function testFiles(filters: string[]): string[] {
  return readdirSync(TEST_ROOT, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts') && !path.includes('traps'))
    .map((path) => join(TEST_ROOT, path))
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
    .sort()
}

export function runFile(path: string, limitMs: number): Promise<FileResult> {
  const result: FileResult = { passed: 0, skipped: 0, failures: [] }
  const name = relative(TEST_ROOT, path)
  let running = ''
  let output = ''
  return new Promise((resolve) => {
    const child = fork(path, { silent: true })
    const timer = setTimeout(() => {
      result.failures.push(`${name}: did not end within ${limitMs} ms, in the test "${running}"`)
      child.kill('SIGKILL')
    }, limitMs)
    child.stdout?.on('data', (data) => (output += data))
    child.stderr?.on('data', (data) => (output += data))
    child.on('message', (line: TestReport) => {
      if (line.kind === 'start') running = line.name
      else if (line.kind === 'pass') result.passed++
      else if (line.kind === 'skip') result.skipped++
      else result.failures.push(`${name}: ${line.name}\n${line.message}`)
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const seen = result.passed + result.skipped + result.failures.length
      if (seen === 0 && code === 0) result.failures.push(`${name}: registers no test`)
      if (code !== 0 && result.failures.length === 0) {
        result.failures.push(`${name}: ended with ${signal ?? `exit code ${code}`}, after the test "${running}"`)
      }
      if (result.failures.length > 0 || process.env.PINTGLAS_TEST_OUTPUT) console.log(output)
      else for (const line of output.split('\n')) if (line.startsWith('skipped: ')) console.log(`  ${line}`)
      console.log(`${result.failures.length === 0 ? 'ok  ' : 'FAIL'} ${name} (${result.passed} passed)`)
      resolve(result)
    })
  })
}

async function main(): Promise<void> {
  const waiting = testFiles(process.argv.slice(2))
  const results: FileResult[] = []
  const worker = async () => {
    for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
      results.push(await runFile(path, FILE_LIMIT_MS))
    }
  }
  if (waiting.length === 0) throw new Error('no test file matches')
  await Promise.all(Array.from({ length: FILES_AT_ONCE }, worker))
  const failures = results.flatMap((result) => result.failures)
  for (const failure of failures) console.log(`\nFAILED ${failure}`)
  const passed = results.reduce((sum, result) => sum + result.passed, 0)
  const skipped = results.reduce((sum, result) => sum + result.skipped, 0)
  console.log(skipped > 0 ? `\n${skipped} skipped, each with its reason above` : '')
  console.log(`${passed} passed, ${failures.length} failed`)
  process.exitCode = failures.length === 0 ? 0 : 1
}

if (process.argv[1] === import.meta.filename) await main()
