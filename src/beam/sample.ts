import { randomInt } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import type { Parts } from './parts.ts'

/** Up to `count` random blocks of a version that is kept here, each as likely as any other; none when it is not. */
export async function sampleOf(stock: Parts['stock'], record: CID, count: number): Promise<CID[]> {
  if (stock.pinReasons(record).length === 0) return []
  const sample: CID[] = []
  let seen = 0
  for await (const cid of stock.blocksOf([record])) {
    seen++
    if (sample.length < count) sample.push(cid)
    else {
      const place = randomInt(seen)
      if (place < count) sample[place] = cid
    }
  }
  return sample
}
