/**
 * What heap deltas cost: one CSV row a case, generated images of 50 MB (or of the size given) and, where they lie beside
 * the repository, the real kernel images. Each case runs in a process of its own; memory is its peak less what it
 * had before the images were read, as a multiple of the image.
 *
 *     npx node test/bench/delta.ts [megabytes]
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decodeDelta } from '../../src/spur/decode.ts'
import { encodeDelta } from '../../src/spur/encode.ts'
import { chainStep } from '../gen/chain.ts'
import { nextImage } from '../gen/edit.ts'
import { generateImage } from '../gen/image.ts'

const MB = 1_000_000
const DATA = join(import.meta.dirname, '../../../shared/data')
const CHAIN_STEPS = 11
const HEAD = 'case,image bytes,delta bytes,walk ms,match ms,compare ms,compress ms,encode cpu ms,decode MB/s,memory x'

function cpuMs(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/** The most memory that this process ever had, where the system tells (Linux). */
function peakBytes(): number {
  if (!existsSync('/proc/self/status')) return Number.NaN
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024
}

/** The child's part: prints the row. */
function measure(name: string, basePath: string, nextPath: string): void {
  const idleBytes = peakBytes()
  const [base, next] = [basePath, nextPath].map((path) => new Uint8Array(readFileSync(path).buffer)) as [
    Uint8Array,
    Uint8Array,
  ]
  let encoding = encodeDeltaOrFail(base, next)
  const memory = (peakBytes() - idleBytes) / next.length
  const encodeMs = cpuMs(() => {
    encoding = encodeDeltaOrFail(base, next)
  })
  const decodeMs = cpuMs(() => {
    if (Buffer.compare(decodeDelta(base, encoding.bytes, next.length), next) !== 0) throw new Error('not the same')
  })
  const { walk, match, compare, compress } = encoding.statistics.durationsMs
  const numbers = [walk, match, compare, compress, encodeMs, next.length / 1000 / decodeMs].map((value) =>
    value.toFixed(0),
  )
  console.log([name, next.length, encoding.bytes.length, ...numbers, memory.toFixed(1)].join(','))
}

function encodeDeltaOrFail(base: Uint8Array, next: Uint8Array) {
  const encoding = encodeDelta(base, next)
  if (encoding.kind === 'unfit') throw new Error(encoding.reason)
  return encoding
}

async function run(name: string, basePath: string, nextPath: string): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), ['measure', name, basePath, nextPath])
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${name}: exit code ${code}`)
}

async function generated(folder: string, sizeBytes: number): Promise<void> {
  const image = generateImage({ seed: 1, sizeBytes })
  const small = { seed: 2, slideFrom: 0.03, restart: true, touchedSlots: 400 }
  const [basePath, nextPath] = [join(folder, 'base'), join(folder, 'next')]
  writeFileSync(basePath, image.bytes)
  for (const [name, edit] of [
    ['100 objects; slid; new base', { ...small, newObjects: 100 }],
    ['a fifth of new objects', { ...small, newBytes: sizeBytes / 5 }],
  ] as const) {
    writeFileSync(nextPath, nextImage(image, edit).bytes)
    await run(name, basePath, nextPath)
  }
  let before = image
  for (let at = 0; at < CHAIN_STEPS; at++) {
    const { work, edit } = chainStep(at, sizeBytes)
    const after = nextImage(before, edit)
    writeFileSync(basePath, before.bytes)
    writeFileSync(nextPath, after.bytes)
    await run(`chain v${at + 2}: ${work.replaceAll(',', ';')}`, basePath, nextPath)
    before = after
  }
}

async function main(sizeBytes: number): Promise<void> {
  console.log(HEAD)
  const [k0, k1, k2] = ['k0-as-built', 'k1-saved', 'k2-saved-after-restart'].map((name) =>
    join(DATA, `kernel64/${name}.image`),
  ) as [string, string, string]
  if (existsSync(k0)) {
    await run('kernel64 k0 to k1', k0, k1)
    await run('kernel64 k1 to k2', k1, k2)
  } else console.log('# no real images beside the repository')
  const folder = mkdtempSync(join(tmpdir(), 'pintglas-delta-'))
  try {
    await generated(folder, sizeBytes)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

if (process.argv[2] === 'measure') measure(process.argv[3]!, process.argv[4]!, process.argv[5]!)
else await main(Number(process.argv[2] ?? 50) * MB)
