import type { RepackReport } from '../stock/repack.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'

/** Makes the stock as small as it can be: minutes of work where many images are kept as deltas. Safe to stop. */
export function repack(
  { stock }: Pick<Parts, 'stock'>,
  _args: object,
  { signal, onMessage }: CallOptions,
): Promise<RepackReport> {
  return stock.repack({
    signal,
    onImage: (done, total) => {
      if (done === total) onMessage(`Compared ${total} images with another base.`)
    },
  })
}
