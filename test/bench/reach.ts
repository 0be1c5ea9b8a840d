/**
 * Heap deltas against what they have to reach: one CSV row for each goal, `what,measured,goal,unit`, pushed by the
 * command line as a user would, or measured in this process where that says more. A goal that is missed ends with `!`.
 *
 *     node test/bench/reach.ts [megabytes]
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { zstdCompressSync } from 'node:zlib'
import { imageDeltas } from '../../src/beam/image-deltas.ts'
import { encodeAndCheck, rebuildAndCheck } from '../../src/beam/image-jobs.ts'
import { cidOf, digestOf, RAW_CODE } from '../../src/stock/cid.ts'
import { IMAGE_LEAF_BYTES } from '../../src/stock/dag-file.ts'
import { MAX_IMAGE_BYTES } from '../../src/stock/image-deltas.ts'
import { openStock } from '../../src/stock/open.ts'
import { imageDirectory, nextSnapshot } from '../gen/directory.ts'
import { nextImage } from '../gen/edit.ts'
import { generateImage } from '../gen/image.ts'

const PROGRAM = resolve(import.meta.dirname, '../../bin/pintglas.js')
const DATA = resolve(import.meta.dirname, '../../../shared/data/kernel64')
const SMALL_EDIT = { newObjects: 100, slideFrom: 0.03, restart: true, touchedSlots: 400 }
const sizeBytes = Number(process.argv[2] ?? 50) * 1_000_000
const work = mkdtempSync(join(tmpdir(), 'pintglas-reach-'))

function row(what: string, measured: number, goal: number, unit: string, isMost = true): void {
  const isMissed = isMost ? measured > goal : measured < goal
  console.log([what, measured.toFixed(unit === 'bytes' ? 0 : 1), goal, unit].join(',') + (isMissed ? ' !' : ''))
}

function packBytes(home: string): number {
  const folder = join(home, 'stock', 'packs')
  if (!existsSync(folder)) return 0
  return readdirSync(folder).reduce((sum, name) => sum + lstatSync(join(folder, name)).size, 0)
}

interface Pushed {
  addedBytes: number
  deltaBytes: number
  cpuMs: number
  peakBytes: number
}

/** CPU of the children that ended so far, by Linux, in hundredths of a second. */
function childCpuMs(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[13]) + Number(fields[14])) * 10
}

async function push(home: string, directory: string): Promise<Pushed> {
  const before = packBytes(home)
  const cpuBefore = childCpuMs()
  const child = spawn(process.execPath, [PROGRAM, '--home', home, '--json', '--quiet', 'push', directory])
  let said = ''
  child.stdout.on('data', (text) => {
    said += text
  })
  const closed = once(child, 'close')
  let peakBytes = 0
  // The system keeps the peak: the last look before the end is enough.
  while (child.exitCode === null) {
    const status = await Promise.resolve(readStatus(child.pid))
    peakBytes = Math.max(peakBytes, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024)
    await Promise.race([closed, sleep(20)])
  }
  await closed
  const { image } = JSON.parse(said) as { image: Array<{ 'delta-bytes'?: number }> }
  const deltaBytes = image[0]?.['delta-bytes'] ?? Number.NaN
  return { addedBytes: packBytes(home) - before, deltaBytes, cpuMs: childCpuMs() - cpuBefore, peakBytes }
}

function readStatus(pid: number | undefined): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return ''
  }
}

async function real(): Promise<void> {
  if (!existsSync(DATA)) return console.log('# no real images beside the repository')
  const names = ['k0-as-built', 'k1-saved', 'k2-saved-after-restart']
  for (const [from, to, goal] of [
    [1, 2, 2000],
    [0, 1, 70_000],
  ] as const) {
    const [home, directory] = [join(work, `home-k${from}`), join(work, `k${from}`)]
    mkdirSync(directory)
    const pushed: Pushed[] = []
    for (const name of [names[from], names[to]]) {
      copyFileSync(join(DATA, `${name}.image`), join(directory, 'Kernel.image'))
      pushed.push(await push(home, directory))
    }
    row(`k${from} to k${to}: delta`, pushed[1]!.deltaBytes, goal, 'bytes')
    row(`k${from} to k${to}: all that the stock grew by`, pushed[1]!.addedBytes, goal, 'bytes')
  }
}

async function generated(): Promise<void> {
  const homes = { delta: join(work, 'with'), blocks: join(work, 'without') }
  execFileSync(process.execPath, [PROGRAM, '--home', homes.blocks, 'config', 'maxDeltaImageBytes', '0'])
  const directory = imageDirectory(join(work, 'Ants'), { seed: 1, sizeBytes })
  await push(homes.delta, directory.path)
  // Each home has a sidecar of its own, as if the other one did not exist.
  const sidecar = join(directory.path, 'pintglas.ston')
  copyFileSync(sidecar, `${homes.delta}.ston`)
  rmSync(sidecar)
  await push(homes.blocks, directory.path)
  const idle = await push(homes.blocks, directory.path)
  nextSnapshot(directory, { seed: 2, ...SMALL_EDIT, changesBytes: 1000, ombuBytes: 3000 })
  const blocks = await push(homes.blocks, directory.path)
  copyFileSync(`${homes.delta}.ston`, sidecar)
  const delta = await push(homes.delta, directory.path)
  row('small edit: delta of the image', delta.deltaBytes, 40_000, 'bytes')
  row('small edit: the whole directory; leaves of logs included', delta.addedBytes, 40_000 + 2 * 65_536, 'bytes')
  row('small edit: as blocks', blocks.addedBytes, Number.NaN, 'bytes')
  row('small edit: CPU more than as blocks', (delta.cpuMs - blocks.cpuMs) / 1000, 2, 's')
  row('small edit: memory over a push of what is there', (delta.peakBytes - idle.peakBytes) / sizeBytes, 4, 'images')
}

function newObjects(): void {
  const newBytes = sizeBytes / 5
  const image = generateImage({ seed: 1, sizeBytes })
  const next = nextImage(image, { seed: 2, ...SMALL_EDIT, newBytes })
  const encoded = encodeAndCheck({ base: image.bytes, image: next.bytes }, MAX_IMAGE_BYTES)
  if (encoded.kind !== 'delta') throw new Error(encoded.reason)
  const alone = zstdCompressSync(next.bytes.subarray(next.bytes.length - newBytes)).length
  row(`${newBytes / 1e6} MB of new objects`, encoded.bytes.length, Math.round(alone * 1.2), 'bytes')
}

function rebuild(wordSize: 4 | 8): void {
  const image = generateImage({ seed: 1, sizeBytes, wordSize })
  const { bytes } = nextImage(image, { seed: 2, ...SMALL_EDIT })
  const encoded = encodeAndCheck({ base: image.bytes, image: bytes }, MAX_IMAGE_BYTES)
  if (encoded.kind !== 'delta') throw new Error(encoded.reason)
  const digests: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += IMAGE_LEAF_BYTES) {
    digests.push(digestOf(cidOf(RAW_CODE, bytes.subarray(at, at + IMAGE_LEAF_BYTES))))
  }
  const shape = { sizeBytes: bytes.length, leafBytes: IMAGE_LEAF_BYTES, digests: Buffer.concat(digests) }
  const before = process.cpuUsage()
  rebuildAndCheck({ base: image.bytes, delta: encoded.bytes, shape })
  const { user, system } = process.cpuUsage(before)
  row(`rebuild; ${wordSize * 8} bit; hashes included`, bytes.length / (user + system), 150, 'MB/s', false)
}

/** How long a thread that takes an image in, or reads a cold block, keeps others waiting. */
async function waiting(): Promise<void> {
  const image = generateImage({ seed: 1, sizeBytes })
  const stock = await openStock(join(work, 'stock'), { writable: true, images: imageDeltas(MAX_IMAGE_BYTES) })
  const chunks = async function* (bytes: Uint8Array) {
    for (let at = 0; at < bytes.length; at += 1 << 20) yield bytes.slice(at, at + (1 << 20))
  }
  const add = (bytes: Uint8Array, relatives: Parameters<typeof stock.addImage>[1]['relatives']) => {
    const options = { leafBytes: IMAGE_LEAF_BYTES, sizeBytes: bytes.length, relatives, lease: stock.lease() }
    return stock.addImage(chunks(bytes), options)
  }
  const next = nextImage(image, { seed: 2, ...SMALL_EDIT }).bytes
  const { cid } = await add(image.bytes, [])
  await stock.commit()
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const p99 = async (name: string, task: () => Promise<unknown>) => {
    delay.reset()
    delay.enable()
    await task()
    delay.disable()
    row(`event loop; p99 while ${name}`, delay.percentile(99) / 1e6, 50, 'ms')
  }
  let added = cid
  await p99('an image is taken in as a delta', async () => {
    added = (await add(next, [cid])).cid
  })
  await stock.commit()
  rmSync(join(work, 'stock', 'rebuilt'), { recursive: true, force: true })
  await p99('a cold image is read', () =>
    Array.fromAsync(stock.readFile(added, { expectedBytes: next.length }), ({ length }) => length),
  )
  await stock.close()
}

try {
  console.log('what,measured,goal,unit')
  await real()
  await generated()
  newObjects()
  for (const wordSize of [8, 4] as const) rebuild(wordSize)
  await waiting()
} finally {
  rmSync(work, { recursive: true, force: true })
}
