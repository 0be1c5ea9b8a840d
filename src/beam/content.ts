import type { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import type { Parts } from './parts.ts'

/** A whole file of the stock in memory; LimitExceeded when it has more than `limitBytes`. */
export async function readWhole(
  stock: Pick<Parts['stock'], 'fileSize' | 'readFile'>,
  cid: CID,
  limitBytes: number,
): Promise<Uint8Array> {
  const expectedBytes = await stock.fileSize(cid)
  if (expectedBytes > limitBytes) {
    throw new GlasError(
      'LimitExceeded',
      `A file of the stock has ${expectedBytes} bytes; at most ${limitBytes} are read.`,
      {
        data: { limit: limitBytes, value: expectedBytes, unit: 'bytes' },
      },
    )
  }
  return new Uint8Array(Buffer.concat(await Array.fromAsync(stock.readFile(cid, { expectedBytes }))))
}
