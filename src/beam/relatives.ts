import type { CID } from 'multiformats/cid'
import { GlasError, isGlasError } from '../glas/errors.ts'
import type { GlasId } from '../glas/glas-id.ts'
import { decodeRecord } from '../glas/record.ts'
import type { Parts } from './parts.ts'

/** Roots of image files that the one at this path may come from, the likeliest first. */
export type Relatives = (path: string) => Promise<CID[]>

/** Versions that are looked at: the one before, and the newest ones of the glas. */
const MAX_RELATIVES = 4

/** What a new snapshot of a directory may be a small difference to: the version that it came from, then the newest. */
export function relativesOf(
  { stock, index }: Pick<Parts, 'stock' | 'index'>,
  origin: { record: CID | undefined; glasId: GlasId | undefined },
): Relatives {
  const newest = origin.glasId === undefined ? [] : index.headOf(origin.glasId).heads.map(({ record }) => record)
  const records = [...(origin.record === undefined ? [] : [origin.record]), ...newest].slice(0, MAX_RELATIVES)
  return async (path) => {
    const found: CID[] = []
    for (const record of records) {
      const image = await imageIn(stock, record, path)
      if (image !== undefined && !found.some((cid) => cid.equals(image))) found.push(image)
    }
    return found
  }
}

/** The image of a version: at the same path, else the only one in the same directory, for images get new names. */
export async function imageIn(stock: Parts['stock'], record: CID, path: string): Promise<CID | undefined> {
  try {
    let cid = decodeRecord(await stock.get(record)).contents
    const names = path.split('/')
    const name = names.pop()
    for (const directory of names) {
      const entry = (await stock.readDirectory(cid)).find((one) => one.kind === 'directory' && one.name === directory)
      if (entry === undefined) return undefined
      cid = entry.cid
    }
    const files = (await stock.readDirectory(cid)).filter(({ kind }) => kind === 'file')
    const images = files.filter((file) => file.name.endsWith('.image'))
    return (files.find((file) => file.name === name) ?? (images.length === 1 ? images[0] : undefined))?.cid
  } catch (error) {
    // A version that is not here, or not whole, is no help, and no harm.
    if (error instanceof GlasError && !isGlasError(error, 'Interrupted')) return undefined
    throw error
  }
}
