/**
 * How fast a large file goes into a stock and comes out again: one CSV row a run.
 *
 *     npx node test/bench/stock.ts [megabytes] [folder]
 */
import { randomFillSync } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { IMAGE_LEAF_BYTES } from '../../src/stock/dag-file.ts'
import { openStock } from '../../src/stock/open.ts'

const MEGABYTE = 1_000_000
const CHUNK_BYTES = 1024 * 1024
const RSS_SAMPLE_MS = 5

const megabytes = Number(process.argv[2] ?? 200)
const parent = process.argv[3] ?? tmpdir()

/** Half of it noise, half of it text, in runs of 64 bytes: compresses to a little more than half. */
function halfCompressible(): Uint8Array {
  const bytes = Buffer.alloc(CHUNK_BYTES, 'anObject aClass aMethodDictionary ')
  for (let at = 0; at < bytes.length; at += 128) randomFillSync(bytes, at, 64)
  return bytes
}

async function* file(sizeBytes: number): AsyncGenerator<Uint8Array, void> {
  const base = halfCompressible()
  for (let left = sizeBytes, n = 0; left > 0; left -= CHUNK_BYTES, n++) {
    const chunk = Buffer.from(base)
    chunk.writeUInt32LE(n, 0)
    yield chunk.subarray(0, Math.min(left, CHUNK_BYTES))
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; megabytesPerSecond: string }> {
  const startMs = performance.now()
  const value = await work()
  const seconds = (performance.now() - startMs) / 1000
  return { value, megabytesPerSecond: (megabytes / seconds).toFixed(0) }
}

const folder = await mkdtemp(join(parent, 'pintglas-bench-'))
let peakBytes = 0
const sampler = setInterval(() => {
  peakBytes = Math.max(peakBytes, process.memoryUsage.rss())
}, RSS_SAMPLE_MS)
try {
  const sizeBytes = megabytes * MEGABYTE
  const stock = await openStock(folder, { writable: true })
  const add = async () => {
    const added = await stock.addFile(file(sizeBytes), { leafBytes: IMAGE_LEAF_BYTES })
    await stock.commit()
    return added
  }
  const first = await timed(add)
  const { storedBytes } = await stock.totals()
  const peakAddBytes = peakBytes
  const read = await timed(async () => {
    let bytes = 0
    for await (const piece of stock.readFile(first.value.cid, { expectedBytes: sizeBytes })) bytes += piece.length
    return bytes
  })
  const check = await timed(() => stock.check())
  await stock.close()
  console.log('megabytes,stored_megabytes,add_MBps,read_MBps,check_MBps,peak_rss_add_MB,peak_rss_MB')
  const stored = (storedBytes / MEGABYTE).toFixed(0)
  const speeds = [first, read, check].map((part) => part.megabytesPerSecond)
  const peaks = [peakAddBytes, peakBytes].map((bytes) => (bytes / MEGABYTE).toFixed(0))
  console.log([megabytes, stored, ...speeds, ...peaks].join(','))
} finally {
  clearInterval(sampler)
  await rm(folder, { recursive: true, force: true })
}
