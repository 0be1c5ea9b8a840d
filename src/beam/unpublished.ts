import { decodeRecord } from '../glas/record.ts'
import { locateImage } from '../image/locate.ts'
import { scanDirectory } from '../image/scan.ts'
import { readSidecar } from '../image/sidecar.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'
import { relativesOf } from './relatives.ts'
import { takeSnapshot } from './snapshot.ts'

/**
 * Whether a directory may hold something that no stock has: it was never pushed or pulled, its contents are others than
 * those of its version, or some of it never goes out at all. Errs towards yes: that only means it is kept.
 */
export async function hasUnpublishedWork(
  { stock, index }: Pick<Parts, 'stock' | 'index'>,
  directory: string,
  options: CallOptions,
): Promise<boolean> {
  const lease = stock.lease()
  try {
    const sidecar = await readSidecar(directory)
    if (sidecar === null) return true
    const scan = await scanDirectory(await locateImage(directory), { signal: options.signal })
    if (scan.leftOut.some(({ rule }) => rule !== 'sidecar')) return true
    const record = decodeRecord(await stock.get(sidecar.record))
    const relatives = relativesOf({ stock, index }, sidecar)
    const { contents } = await takeSnapshot(stock, { scan, relatives, bytesPerSecond: 0 }, lease, options)
    return !contents.equals(record.contents)
  } catch {
    options.signal.throwIfAborted()
    return true
  } finally {
    lease.release()
  }
}
