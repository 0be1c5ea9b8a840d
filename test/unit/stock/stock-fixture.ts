import * as dagCbor from '@ipld/dag-cbor'
import type { CID } from 'multiformats/cid'
import { cidOf, DAG_CBOR_CODE, RAW_CODE } from '../../../src/stock/cid.ts'
import type { Lease } from '../../../src/stock/leases.ts'
import { openStock, type StockOptions } from '../../../src/stock/open.ts'
import type { Stock } from '../../../src/stock/stock.ts'
import type { TestContext } from '../../harness.ts'
import { inChunks, someBytes } from './memory-blocks.ts'

/** A stock that is closed when the test ends; closing it earlier is fine. */
export async function stockFor(t: TestContext, folder: string, options: Partial<StockOptions> = {}): Promise<Stock> {
  const stock = await openStock(folder, { writable: true, ...options })
  let closed: Promise<void> | undefined
  const close = stock.close.bind(stock)
  stock.close = () => {
    closed ??= close()
    return closed
  }
  t.after(() => stock.close())
  return stock
}

export function rawBlock(length: number, seed: number): { cid: CID; bytes: Uint8Array } {
  const bytes = someBytes(length, seed)
  return { cid: cidOf(RAW_CODE, bytes), bytes }
}

/** A version like those that are pushed: files of some leaves in a directory, a record that links it. Not committed. */
export async function addVersion(
  stock: Stock,
  files: Record<string, Uint8Array>,
  lease?: Lease,
): Promise<{ record: CID; contents: CID }> {
  const entries = new Map()
  for (const [name, bytes] of Object.entries(files)) {
    entries.set(name, { kind: 'file', ...(await stock.addFile(inChunks(bytes, 5000), { leafBytes: 1024, lease })) })
  }
  const { cid: contents } = await stock.addDirectory(entries, { lease })
  const bytes = dagCbor.encode({ version: '0.0.1', contents, parent: null })
  const record = cidOf(DAG_CBOR_CODE, bytes)
  await stock.put(record, bytes, { lease })
  return { record, contents }
}

/** Adds, pins and commits a version. */
export async function pushVersion(stock: Stock, files: Record<string, Uint8Array>): Promise<CID> {
  const lease = stock.lease()
  const { record } = await addVersion(stock, files, lease)
  await stock.pin(record, 'own')
  await stock.commit()
  lease.release()
  return record
}
