/**
 * Writes versions into a stock until it is killed, and says on stdout what was acknowledged: `pinned <cid>` after the
 * commit, `unpinning <cid>` before the pin is taken away. Arguments: folder, seed.
 */
import { openStock } from '../../../src/stock/open.ts'
import { seeded } from '../../disk/lossy-files.ts'
import { someBytes } from './memory-blocks.ts'
import { pushVersion } from './stock-fixture.ts'

const [, , folder = '', seedText = '0'] = process.argv
const seed = Number(seedText)
const random = seeded(seed)
const stock = await openStock(folder, { writable: true })

async function push(n: number): Promise<void> {
  const files = { shared: someBytes(20_000, n % 3), own: someBytes(Math.floor(random() * 60_000), seed * 1000 + n) }
  const record = await pushVersion(stock, files)
  console.log(`pinned ${record}`)
  if (random() < 0.6) return
  console.log(`unpinning ${record}`)
  await stock.unpin(record)
}

console.log('ready')
for (let n = 0; ; n++) {
  await Promise.all([push(n * 2), push(n * 2 + 1), n % 3 === 0 ? stock.gc() : undefined])
}
