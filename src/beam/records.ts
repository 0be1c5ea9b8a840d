import type { CID } from 'multiformats/cid'
import { isGlasError } from '../glas/errors.ts'
import { toHex } from '../glas/keys.ts'
import { decodeRecord, type GlasRecord } from '../glas/record.ts'
import type { Stock } from '../stock/stock.ts'

/** Kept decoded: a page and a launcher ask for all of them each time. A kilobyte or two each. */
const MAX_KEPT_RECORDS = 50_000

/** Records of this stock. They never change, so each is read and decoded once. */
export class Records {
  readonly #stock: Stock
  readonly #kept = new Map<string, GlasRecord>()

  constructor(stock: Stock) {
    this.#stock = stock
  }

  /** Undefined where it is not in the stock. Throws what a damaged one does. */
  async get(cid: CID): Promise<GlasRecord | undefined> {
    const key = toHex(cid.multihash.digest)
    const known = this.#kept.get(key)
    if (known !== undefined) return known
    try {
      const record = decodeRecord(await this.#stock.get(cid))
      if (this.#kept.size >= MAX_KEPT_RECORDS) this.#kept.clear()
      this.#kept.set(key, record)
      return record
    } catch (error) {
      if (isGlasError(error, 'BlockMissing')) return undefined
      throw error
    }
  }
}
