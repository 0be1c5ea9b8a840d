/**
 * Writes versions of an image into a stock until it is killed, and says on stdout what was acknowledged, as scribbler.ts
 * does: `pinned <cid> <number of the image>`, `unpinning <cid>`. Arguments: folder, seed.
 */
import type { CID } from 'multiformats/cid'
import { openStock } from '../../../src/stock/open.ts'
import { seeded } from '../../disk/lossy-files.ts'
import { CountedImages, pushImage, shrunkChain } from './delta-fixture.ts'

const [, , folder = '', seedText = '0'] = process.argv
const random = seeded(Number(seedText))
const chain = shrunkChain(100_000, 50_000)
const stock = await openStock(folder, { writable: true, images: new CountedImages() })
const relatives: CID[] = []

console.log('ready')
for (let n = 0; ; n++) {
  const index = Math.floor(random() * chain.length)
  const { record, image } = await pushImage(stock, chain[index]!, relatives)
  relatives.unshift(image)
  console.log(`pinned ${record} ${index}`)
  if (random() < 0.5) {
    console.log(`unpinning ${record}`)
    await stock.unpin(record)
  }
  if (n % 3 === 0) await stock.gc()
  if (n % 3 === 1) await stock.repack()
}
