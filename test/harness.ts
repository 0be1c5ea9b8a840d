/**
 * The one way to write a test here: uvu's suites, made safe. A test that never settles fails by name after its time
 * limit, an unhandled rejection fails the file by the name of the test it came in, and a suite cannot forget to run.
 * Counts go to `test/run.ts` over the IPC channel that it opens; a file started by hand prints uvu's own summary.
 */
import { test as uvuTest } from 'uvu'

export type TestReport =
  | { kind: 'start'; name: string }
  | { kind: 'pass'; name: string }
  | { kind: 'skip'; name: string; reason: string }
  | { kind: 'fail'; name: string; message: string }

/** Long enough for a slow shared machine; a test that needs more says so with `{ limitMs }`. */
const TEST_LIMIT_MS = 120_000

export interface TestOptions {
  /** Fail by name after this many milliseconds. */
  limitMs?: number
  /** Why the test cannot run here; undefined runs it. */
  skip?: string | undefined
}

/** What a file may leave open after its last test, until that counts as a leak. */
const LEAK_LIMIT_MS = 10_000

let current = 'the top level of the file'
let scheduled = false
let unfinished = 0

const report = (line: TestReport): void => {
  process.send?.(line)
}

process.on('unhandledRejection', (reason) => {
  const message = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)
  console.error(`unhandled rejection in ${current}: ${message}`)
  report({ kind: 'fail', name: `unhandled rejection in ${current}`, message })
  process.exitCode = 1
})

/** Registers one test. `body` may use `t.after(fn)` for clean-up, run last first, also when the test fails. */
export function test(name: string, body: (t: TestContext) => unknown, options: TestOptions = {}): void {
  if (options.skip !== undefined) {
    const reason = options.skip
    console.log(`skipped: ${name} (${reason})`)
    report({ kind: 'skip', name, reason })
    return
  }
  unfinished++
  uvuTest(name, () => runOne(name, body, options.limitMs ?? TEST_LIMIT_MS))
  if (!scheduled) {
    scheduled = true
    setImmediate(() => uvuTest.run())
  }
}

export interface TestContext {
  after(cleanUp: () => unknown): void
  /** Aborted when the test ends or its time is over. */
  signal: AbortSignal
}

async function runOne(name: string, body: (t: TestContext) => unknown, limitMs: number): Promise<void> {
  current = name
  report({ kind: 'start', name })
  const cleanUps: Array<() => unknown> = []
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`did not settle within ${limitMs} ms`)), limitMs)
  })
  try {
    const context: TestContext = { after: (cleanUp) => cleanUps.push(cleanUp), signal: controller.signal }
    const startMs = performance.now()
    await Promise.race([Promise.resolve().then(() => body(context)), limit])
    // Work that never lets the event loop turn outruns the timer: what must not hang is tested by this, too.
    if (performance.now() - startMs > limitMs) throw new Error(`took longer than ${limitMs} ms`)
    report({ kind: 'pass', name })
  } catch (error) {
    report({ kind: 'fail', name, message: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    throw error
  } finally {
    clearTimeout(timer)
    controller.abort()
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
    if (--unfinished === 0) watchForLeaks()
  }
}

function watchForLeaks(): void {
  setTimeout(() => {
    report({ kind: 'fail', name: 'after the last test', message: 'something keeps the process alive' })
    process.exit(1)
  }, LEAK_LIMIT_MS).unref()
}
