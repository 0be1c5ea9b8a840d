import { statfs } from 'node:fs/promises'
import type { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import type { PublicKey } from '../glas/keys.ts'
import { stockFolder } from '../home/home.ts'
import type { Published } from '../index/glas-view.ts'
import { fetchVersion } from './fetch.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'

/** Left free on the disk of the stock whatever others ask for: the image that runs here needs room to save itself. */
export const FREE_DISK_RESERVE_BYTES = 1024 * 1024 * 1024

/**
 * Takes a copy of a version that a member asks this peer to hold: pulled from whoever has it (the asker at least, over
 * the connection that is there), pinned. NotAllowed for a version that no entry of the index names.
 */
export async function hold(parts: Parts, record: CID, from: PublicKey, options: CallOptions): Promise<void> {
  if (parts.stock.pinReasons(record).length > 0) return
  const network = await parts.network()
  if (publishedAs(parts, record) === undefined) await network.catchUp(from, options.signal)
  const published = publishedAs(parts, record)
  if (published === undefined || published.retracted) {
    throw new GlasError('NotAllowed', 'No entry of the index names this version, so it is not taken in.')
  }
  const { glasId, sizeBytes } = published.entry.body
  await requireRoom(parts, sizeBytes)
  await fetchVersion(parts, { record, glasId }, 'asked', options)
}

/** DiskFull when so much more would leave too little room; what is written may be less, as it is compressed. */
export async function requireRoom(parts: Pick<Parts, 'home'>, sizeBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(stockFolder(parts.home))
  const freeBytes = bavail * bsize
  if (freeBytes - sizeBytes >= FREE_DISK_RESERVE_BYTES) return
  throw new GlasError('DiskFull', 'There is not enough room left on the disk of this peer for a copy.', {
    data: { freeBytes, sizeBytes, reserveBytes: FREE_DISK_RESERVE_BYTES },
  })
}

export function publishedAs({ index }: Pick<Parts, 'index'>, record: CID): Published | undefined {
  for (const glas of index.view.glases()) {
    const published = glas.byRecord(record)
    if (published !== undefined) return published
  }
  return undefined
}
