/**
 * How a receiver reaches a sender: directly, or in a network namespace of its own in which nothing answers but the ends
 * of emulated lines. Else a peer would soon find the way around the line: it learns all addresses of another.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Line, type LineShape } from './line.ts'

export interface Route {
  /** Words before the commands of the receiver. */
  within: string[]
  /** Where the receiver finds what listens at `port`. */
  to(port: number): Promise<number>
  /** What went over the lines so far, both directions; 0 where nothing counts it. */
  bytes(): number
  close(): Promise<void>
}

export const direct: Route = { within: [], to: async (port) => port, bytes: () => 0, close: async () => {} }

const AS_ROOT =
  process.getuid?.() === 0 ? { unshare: [], enter: [] } : { unshare: ['-r'], enter: ['-U', '--preserve-credentials'] }

/** Why there can be no lines here; undefined when there can. */
export function whyNoLines(): string | undefined {
  if (process.platform !== 'linux') return 'emulated lines need network namespaces, a thing of Linux'
  const { status, error } = spawnSync('unshare', [...AS_ROOT.unshare, '-n', 'ip', 'link', 'set', 'lo', 'up'])
  return status === 0 ? undefined : `no network namespace can be made (unshare, ip): ${error?.message ?? status}`
}

/** A namespace, and lines of this shape into it. */
export async function overLines(folder: string, shape: LineShape): Promise<Route> {
  mkdirSync(folder, { recursive: true })
  const front = [process.execPath, join(import.meta.dirname, 'line-front.ts')]
  const script = 'ip link set lo up && exec "$@"'
  const child = spawn('unshare', [...AS_ROOT.unshare, '-n', 'sh', '-c', script, 'sh', ...front], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const lines: Line[] = []
  return {
    within: ['nsenter', '-t', String(child.pid), ...AS_ROOT.enter, '-n', '--'],
    async to(port) {
      const path = join(folder, `${lines.length}.sock`)
      lines.push(await new Line(port, shape).listen(path))
      child.stdin.write(`${path}\n`)
      const { value, done } = await answers.next()
      if (done) throw new Error('the front of the lines ended')
      return Number(value)
    },
    bytes: () => lines.reduce((sum, line) => sum + line.bytes, 0),
    async close() {
      await ended(child)
      for (const line of lines) await line.close()
    },
  }
}

async function ended(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close')
  child.stdin?.end()
  await closed
}
