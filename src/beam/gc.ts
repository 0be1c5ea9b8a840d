import type { SweepReport } from '../stock/sweep.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'

/** Frees what no pinned version needs. Work that goes on meanwhile is safe: it holds a lease. */
export function gc({ stock }: Pick<Parts, 'stock'>, _args: object, { signal }: CallOptions): Promise<SweepReport> {
  return stock.gc({ signal })
}
