import type { CID } from 'multiformats/cid'
import type { Parts } from '../beam/parts.ts'
import { GlasError } from '../glas/errors.ts'
import { type ImageId, isAncestor } from '../glas/image-id.ts'
import { toHex } from '../glas/keys.ts'
import { decodeRecord, type GlasRecord } from '../glas/record.ts'
import type { Version } from '../glas/version.ts'
import { type Caller, sees } from './caller.ts'

/** Digits of an id that the original clients know a snapshot by. */
const BOTTLE_ID_BYTES = 16

/** The id of a version for the original clients. */
export function bottleId(record: CID): string {
  return toHex(record.multihash.digest).slice(0, 2 * BOTTLE_ID_BYTES)
}

/** A version as the original clients see it: each is a snapshot of its own, with an id of its own. */
export interface Bottle {
  /** First half of the hash in the record's CID. Not the glas-id, which all versions have in common. */
  glasId: string
  record: CID
  /** The glas that the version belongs to. */
  ofGlas: string
  version: Version
  host: string
  path: string
  name: string
  date: string
  imageId: ImageId
  sizeBytes: number
}

type Reading = Pick<Parts, 'index' | 'stock' | 'records'>

/** The versions that are here with all their bytes. */
export class Bottles {
  readonly #parts: Reading

  constructor(parts: Reading) {
    this.#parts = parts
  }

  /** Those that the caller sees, the newest first. */
  async all(caller: Caller): Promise<Bottle[]> {
    const { index, stock } = this.#parts
    const bottles: Bottle[] = []
    for (const glas of index.view.glases().filter(({ glasId }) => sees(caller, glasId))) {
      for (const { record, retracted } of glas.versions().flatMap(({ published }) => published)) {
        if (retracted || stock.pinReasons(record).length === 0) continue
        const bottle = await this.#bottleOf(record)
        if (bottle !== undefined) bottles.push(bottle)
      }
    }
    const newest = (bottle: Bottle) => Date.parse(bottle.date)
    return bottles.sort((a, b) => newest(b) - newest(a))
  }

  /** Throws NameNotFound for an id that none has, InvalidName for what is no id. */
  async withId(id: string, caller: Caller): Promise<Bottle> {
    if (!/^[0-9a-f]{32}$/.test(id)) throw new GlasError('InvalidName', 'A snapshot has an id of 32 hex digits.')
    const bottle = (await this.all(caller)).find(({ glasId }) => glasId === id)
    if (bottle === undefined) throw new GlasError('NameNotFound', `Not Found ${id}`)
    return bottle
  }

  async recordOf({ record }: Bottle): Promise<GlasRecord> {
    return decodeRecord(await this.#parts.stock.get(record))
  }

  async #bottleOf(cid: CID): Promise<Bottle | undefined> {
    const known = await this.#parts.records.get(cid)
    if (known === undefined) return undefined // a sweep was faster
    const { glasId: ofGlas, version, hostname: host = '', path = '', imageName: name, date, imageId, sizeBytes } = known
    const glasId = bottleId(cid)
    return { glasId, record: cid, ofGlas, version, host, path, name, date, imageId, sizeBytes }
  }
}

/** Whether a snapshot was taken later in the same line of saves. */
export function supersedes({ imageId }: Bottle, earlier: string): boolean {
  return isAncestor(earlier, imageId)
}
