/**
 * What each snapshot of a directory adds to a stock, with deltas and without: the generated chain, pushed step by step
 * by the command line as a user would. One CSV row a step.
 *
 *     node test/bench/snapshots.ts [megabytes] [snapshots] [folder]
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { PushResult } from '../../src/beam/push-result.ts'
import { chainStep } from '../gen/chain.ts'
import { imageDirectory, nextSnapshot } from '../gen/directory.ts'

const KIB = 1024
const PROGRAM = resolve(import.meta.dirname, '../../bin/pintglas.js')

const sizeBytes = Number(process.argv[2] ?? 42) * 1_000_000
const snapshots = Number(process.argv[3] ?? 12)
const work = mkdtempSync(join(process.argv[4] ?? tmpdir(), 'pintglas-bench-'))

function pintglas(home: string, ...args: string[]): string {
  return execFileSync(process.execPath, [PROGRAM, '--home', home, '--json', '--quiet', ...args], { encoding: 'utf8' })
}

/** Bytes of all packs: what a snapshot adds that stays. The catalogue and rebuilt images can be thrown away. */
function packBytes(home: string): number {
  const folder = join(home, 'stock', 'packs')
  return readdirSync(folder).reduce((sum, name) => sum + lstatSync(join(folder, name)).size, 0)
}

interface Row {
  bytes: number
  ms: number
  cpuMs: number
  result: PushResult
}

function push(home: string, directory: string): Row {
  let before = 0
  try {
    before = packBytes(home)
  } catch {
    // The first push makes it.
  }
  // Each home has a sidecar of its own, as if the other one did not exist.
  const [sidecar, saved] = [join(directory, 'pintglas.ston'), `${home}.ston`]
  rmSync(sidecar, { force: true })
  if (existsSync(saved)) copyFileSync(saved, sidecar)
  const cpuBefore = childCpuMs()
  const began = performance.now()
  const result = JSON.parse(pintglas(home, 'push', directory)) as PushResult
  const ms = performance.now() - began
  copyFileSync(sidecar, saved)
  return { bytes: packBytes(home) - before, ms, cpuMs: childCpuMs() - cpuBefore, result }
}

/** CPU of the children that ended so far, by Linux, in hundredths of a second; user and system. */
function childCpuMs(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[13]) + Number(fields[14])) * 10
}

function kib(bytes: number): string {
  return (bytes / KIB).toFixed(1)
}

try {
  const homes = { delta: join(work, 'with'), blocks: join(work, 'without') }
  pintglas(homes.blocks, 'config', 'maxDeltaImageBytes', '0')
  let directory = imageDirectory(join(work, 'Ants'), { seed: 1, sizeBytes })
  console.log(
    'step,work,delta_KiB,blocks_KiB,image_delta_KiB,kept,delta_ms,blocks_ms,delta_cpu_ms,blocks_cpu_ms,phases',
  )
  for (let step = 1; step <= snapshots; step++) {
    if (step > 1) directory = nextSnapshot(directory, chainStep(step - 2, sizeBytes).edit)
    const what = step === 1 ? 'first' : chainStep(step - 2, sizeBytes).work
    const [delta, blocks] = [push(homes.delta, directory.path), push(homes.blocks, directory.path)]
    const [kept] = delta.result.image
    const cells = [
      `v${step}`,
      `"${what}"`,
      kib(delta.bytes),
      kib(blocks.bytes),
      kib(kept?.['delta-bytes'] ?? 0),
      kept?.['kept-as'],
      ...[delta.ms, blocks.ms, delta.cpuMs, blocks.cpuMs].map((ms) => ms.toFixed(0)),
      `"${Object.entries(kept?.['phases-ms'] ?? {})
        .map(([phase, ms]) => `${phase} ${ms}`)
        .join(' ')}"`,
    ]
    console.log(cells.join(','))
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
