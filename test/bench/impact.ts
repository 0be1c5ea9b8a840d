/**
 * What a snapshot in the background costs a simulation that runs beside it: one CSV row a push.
 *
 *     node test/bench/impact.ts [megabytes] [rounds] [folder]
 *
 * Each round pushes an image that is new (kept as blocks) and then the next save of it (kept as a delta), by the schedule
 * of a daemon with its ordinary settings. The simulation runs all the time, and the daemon is stopped and goes on by turns:
 * what the simulation does while it goes on is compared with what it does while it is stopped just before and after, so
 * that other work on the machine is on both sides. Most of such pairs say what the cost is; the median is taken.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { nextImage } from '../gen/edit.ts'
import { generateImage } from '../gen/image.ts'

const PROGRAM = join(import.meta.dirname, '../../bin/pintglas.js')
const megabytes = Number(process.argv[2] ?? 500)
const rounds = Number(process.argv[3] ?? 5)
const folder = mkdtempSync(join(process.argv[4] ?? tmpdir(), 'pintglas-impact-'))
/** How long the daemon goes on, and how long it is stopped. */
const TURN_MS = 2_000

class Simulation {
  readonly #child: ChildProcess
  #steps = 0

  constructor() {
    const script = join(import.meta.dirname, 'simulation.ts')
    this.#child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on('line', (text) => {
      this.#steps += Number(text) > 0 ? 1 : 0
    })
  }

  /** Steps in a second while a turn lasts. */
  async turn(): Promise<number> {
    const before = this.#steps
    const began = performance.now()
    await sleep(TURN_MS)
    return (1000 * (this.#steps - before)) / (performance.now() - began)
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }
}

function pintglas(home: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, [PROGRAM, '--home', home, '--json', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
}

// biome-ignore lint/suspicious/noExplicitAny: the JSON of verbs
async function answer(home: string, ...args: string[]): Promise<any> {
  const parts = await Array.fromAsync(pintglas(home, ...args).stdout as AsyncIterable<Buffer>)
  return JSON.parse(Buffer.concat(parts).toString('utf8'))
}

/** Whether the schedule has pushed `version`, as it has written down. */
function isPushed(home: string, version: string): boolean {
  const path = join(home, 'schedule.json')
  const runs = existsSync(path) ? Object.values(JSON.parse(readFileSync(path, 'utf8')).runs) : []
  const [run] = runs as Array<{ text: string; outcome: string }>
  if (run?.outcome === 'error') throw new Error(run.text)
  return run?.text === `Ants@${version}`
}

const base = join(folder, 'base.image')
const next = join(folder, 'next.image')
function makeImages(): void {
  const image = generateImage({ seed: 1, sizeBytes: megabytes * 1e6 })
  writeFileSync(base, image.bytes)
  writeFileSync(next, nextImage(image, { seed: 2 }).bytes)
}

async function round(simulation: Simulation, number: number): Promise<void> {
  const home = join(folder, 'home')
  const directory = join(folder, 'Ants')
  mkdirSync(directory)
  mkdirSync(home)
  writeFileSync(join(home, 'config.json'), JSON.stringify({ http: 'off', listen: [] }))
  writeFileSync(join(directory, 'Ants.changes'), 'changes')
  const daemon = pintglas(home, 'daemon')
  await new Promise((resolve) => daemon.stdout?.once('data', resolve))
  for (const [what, from, version] of [
    ['blocks', base, '0.0.1'],
    ['delta', next, '0.0.2'],
  ] as const) {
    copyFileSync(from, join(directory, 'Ants.image'))
    await answer(home, 'schedule', 'add', directory, '--every', '1s')
    const began = performance.now()
    const stopped: number[] = []
    const going: number[] = []
    while (!isPushed(home, version)) {
      daemon.kill('SIGSTOP')
      stopped.push(await simulation.turn())
      daemon.kill('SIGCONT')
      going.push(await simulation.turn())
    }
    await answer(home, 'schedule', 'remove', directory)
    report({ what, number, stopped, going, seconds: (performance.now() - began) / 1000 })
  }
  daemon.kill('SIGTERM')
  await new Promise((resolve) => daemon.once('close', resolve))
  for (const path of [home, directory]) rmSync(path, { recursive: true })
}

const slowdowns = new Map<string, number[]>()
const median = (all: number[]) => all.toSorted((a, b) => a - b)[all.length >> 1] ?? 0

interface Measured {
  what: string
  number: number
  /** Steps in a second, turn by turn. */
  stopped: number[]
  going: number[]
  seconds: number
}

function report({ what, number, stopped, going, seconds }: Measured): void {
  const percents = going.map((perSecond, at) => {
    const around = ((stopped[at] ?? 0) + (stopped[at + 1] ?? stopped[at] ?? 0)) / 2
    return 100 * (around / perSecond - 1)
  })
  slowdowns.set(what, [...(slowdowns.get(what) ?? []), ...percents])
  const [alone, beside, slower] = [stopped, going, percents].map((all) => median(all).toFixed(1))
  const when = new Date().toISOString().slice(0, 16)
  const load = loadavg()[0]?.toFixed(1)
  console.log([when, what, megabytes, number, going.length, alone, beside, slower, seconds.toFixed(0), load].join(','))
}

makeImages()
console.log('date,kept,mb,round,turns,alone_per_s,beside_per_s,slower_percent,seconds,load')
const simulation = new Simulation()
try {
  await sleep(2000)
  for (let number = 1; number <= rounds; number++) await round(simulation, number)
  for (const [what, all] of slowdowns) {
    console.error(`${what}: slower by ${median(all).toFixed(1)} % (median of ${all.length} turns)`)
  }
} finally {
  simulation.stop()
  rmSync(folder, { recursive: true, force: true })
}
