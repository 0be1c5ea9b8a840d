/**
 * Whether others have to wait while images are compared, taken in and rebuilt: what `stock.deltas` does for one pull, with
 * its threads, in this process. One CSV row a piece of work: how long it took, the delay of the event loop meanwhile,
 * and the longest that this thread's own processor time kept others waiting (which does not grow on a busy machine).
 *
 *     node test/bench/loop.ts [megabytes] [folder]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { imageDeltas } from '../../src/beam/image-deltas.ts'
import { IMAGE_LEAF_BYTES } from '../../src/stock/dag-file.ts'
import { MAX_IMAGE_BYTES } from '../../src/stock/image-deltas.ts'
import { openStock } from '../../src/stock/open.ts'
import type { Stock } from '../../src/stock/stock.ts'
import { nextImage } from '../gen/edit.ts'
import { generateImage } from '../gen/image.ts'

const MB = 1_000_000
const TICK_MS = 1
const PIECE_BYTES = 1024 * 1024

const sizeBytes = Number(process.argv[2] ?? 50) * MB
const work = mkdtempSync(join(process.argv[3] ?? tmpdir(), 'pintglas-bench-'))

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

async function watched<Value>(what: string, job: () => Promise<Value>): Promise<Value> {
  const delay = monitorEventLoopDelay({ resolution: TICK_MS })
  let [longestMs, lastMs] = [0, cpuMs()]
  const ticks = setInterval(() => {
    const nowMs = cpuMs()
    longestMs = Math.max(longestMs, nowMs - lastMs)
    lastMs = nowMs
  }, TICK_MS)
  delay.enable()
  const began = performance.now()
  const value = await job()
  const took = performance.now() - began
  clearInterval(ticks)
  delay.disable()
  const [p99, max] = [delay.percentile(99) / 1e6, delay.max / 1e6]
  console.log([what, took.toFixed(0), p99.toFixed(1), max.toFixed(1), longestMs.toFixed(1)].join())
  return value
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.slice(at, at + PIECE_BYTES)
}

function add(stock: Stock, bytes: Uint8Array) {
  return stock.addFile(pieces(bytes), { leafBytes: IMAGE_LEAF_BYTES, lease: stock.lease() })
}

const open = (name: string) => {
  return openStock(join(work, name), { writable: true, images: imageDeltas(MAX_IMAGE_BYTES) })
}

try {
  const [holder, puller] = [await open('holder'), await open('puller')]
  const image = generateImage({ seed: 1, sizeBytes })
  const next = nextImage(image, { seed: 2, newObjects: 100, slideFrom: 0.03, restart: true, touchedSlots: 400 })
  const [base, wanted] = [await add(holder, image.bytes), await add(holder, next.bytes)]
  await add(puller, image.bytes)
  const { signal } = new AbortController()
  console.log('work,ms,delay_p99_ms,delay_max_ms,longest_cpu_ms')
  const made = await watched('compare and encode', () => holder.deltas.make(base.cid, wanted.cid, signal))
  if (typeof made === 'string') throw new Error(made)
  await watched('take in', () => puller.deltas.take(made, { lease: puller.lease(), signal }))
  rmSync(join(work, 'puller', 'rebuilt'), { recursive: true })
  const [leaf] = await Array.fromAsync(puller.blocksOf([made.root])).then((cids) =>
    cids.filter((cid) => cid.code === 0x55),
  )
  if (leaf === undefined) throw new Error('no leaf')
  await watched('rebuild for a block', () => puller.get(leaf))
  await holder.close()
  await puller.close()
} finally {
  rmSync(work, { recursive: true, force: true })
}
