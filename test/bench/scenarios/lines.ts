/** The same over emulated lines. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { constants, zstdCompressSync } from 'node:zlib'
import type { Bench, Scenario } from '../bench.ts'
import { twoSnapshots } from '../inputs.ts'
import type { LineShape } from '../line.ts'
import { whyNoLines } from '../route.ts'
import type { Mover } from '../tools/mover.ts'
import { openMovers } from '../tools/movers.ts'
import { offerBoth, receiveAll } from './pull.ts'

interface Line {
  name: string
  shape: LineShape
}

const LINES: Line[] = [
  { name: '100 Mbit/s and 20 ms', shape: { bitsPerSecond: 100e6, delayMs: 20 } },
  { name: '1 Gbit/s and 100 ms', shape: { bitsPerSecond: 1000e6, delayMs: 100 } },
]
/** The default of zstd. */
const ZSTD_LEVEL = 3
const BITS = 8

export const lines: Scenario = {
  name: 'lines',
  about: 'an image directory comes over an emulated line (rate in each direction, delay one way)',
  async open(bench: Bench): Promise<() => Promise<void>> {
    const reason = whyNoLines()
    if (reason !== undefined) {
      bench.skip('lines', reason)
      return async () => {}
    }
    const folder = join(bench.folder, 'lines')
    const { v1, v2 } = twoSnapshots(folder, bench.sizes.imageBytes)
    const opened: Array<Line & { movers: Mover[] }> = []
    for (const [at, line] of LINES.entries()) {
      const own = join(folder, `line-${at}`)
      const movers = await openMovers(bench, ['pintglas', 'kubo', 'rsync'], {
        folder: own,
        shape: line.shape,
      })
      await offerBoth(movers, { v1, v2, source: join(own, 'source') })
      opened.push({ ...line, movers })
    }
    const compressedBytes = zstdBytes(v1)
    return async () => {
      for (const { name, shape, movers } of opened) {
        const empty = `${name}: pull into an empty peer`
        const seconds = (compressedBytes * BITS) / shape.bitsPerSecond + (2 * shape.delayMs) / 1000
        bench.report(empty, 'the line alone; zstd', { seconds, bytes: compressedBytes })
        await receiveAll(bench, movers, empty, { version: 1, has: 0 })
        await receiveAll(bench, movers, `${name}: pull by a peer that has the version before`, { version: 2, has: 1 })
      }
    }
  },
}

/** All files of a directory, each compressed as a whole. */
function zstdBytes(directory: string): number {
  const params = { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL }
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((path) => join(directory, path))
    .filter((path) => statSync(path).isFile())
    .reduce((sum, path) => sum + zstdCompressSync(readFileSync(path), { params }).length, 0)
}
