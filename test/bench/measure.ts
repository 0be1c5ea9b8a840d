/** What a process costs: GNU time measures those that end, the kernel's own books those that go on. */
import { type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A command line with where and in which environment it runs. */
export interface Command {
  argv: string[]
  env: NodeJS.ProcessEnv
  cwd?: string
}

export interface Cost {
  seconds: number
  /** User and system, of the process and those that it waited for. */
  cpuSeconds: number
  /** The most memory that one of these processes had. */
  rssBytes: number
}

const TIME = '/usr/bin/time'
export const NO_TIME = spawnSync(TIME, ['--version']).status === 0 ? undefined : 'GNU time is not installed'
/** Ticks of the clock that /proc counts CPU time in: the same on every Linux of today. */
const TICKS_PER_SECOND = 100

/** Runs a command to its end and gives what it cost, and what it printed. Throws when it fails. */
export async function measured(command: Command): Promise<Cost & { stdout: string }> {
  const report = join(tmpdir(), `pintglas-bench-time-${process.pid}`)
  const argv = [TIME, '-o', report, '-f', '%U %S %M', '--', ...command.argv]
  const startMs = performance.now()
  const stdout = await output({ ...command, argv })
  const seconds = (performance.now() - startMs) / 1000
  const [user = 0, system = 0, rssKib = 0] = readFileSync(report, 'utf8').trim().split(' ').map(Number)
  rmSync(report)
  return { seconds, cpuSeconds: user + system, rssBytes: rssKib * 1024, stdout }
}

/** Runs a command that is not measured, and gives what it printed. Throws when it fails. */
export async function output({ argv, env, cwd }: Command): Promise<string> {
  const [program = '', ...args] = argv
  const options: SpawnOptions = { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] }
  const child = spawn(program, args, options)
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}: ${stdout.slice(-500)} ${stderr.slice(-2000)}`)
  return stdout
}

/** Starts to measure a process that goes on; the function that is given back ends it. */
export function measuring(pid: number): () => Omit<Cost, 'seconds'> {
  const before = cpuSecondsOf(pid)
  writeFileSync(`/proc/${pid}/clear_refs`, '5') // from here on the peak is a new one
  return () => ({ cpuSeconds: cpuSecondsOf(pid) - before, rssBytes: peakOf(pid) })
}

function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

function peakOf(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}
