import type { CID } from 'multiformats/cid'
import { type ImageId, rootOf } from '../glas/image-id.ts'
import { decodeRecord, type GlasRecord } from '../glas/record.ts'
import type { Parts } from './parts.ts'
import { imageIn } from './relatives.ts'

/** Versions that are named; what their images stand on comes on top. */
const MAX_NAMED_VERSIONS = 12
/** Pinned records that are read where nothing else is related: each costs a tenth of a millisecond. */
const MAX_RECORDS_READ = 256

/**
 * Images that are here as a whole and that the one of a version may differ little from, the likeliest first: those of
 * the line that it comes from, of other versions and forks of its glas, of other glases of the same root; and then what
 * those stand on, which is here without a version of its own. Named by the roots of their files.
 */
export async function imagesHere(
  parts: Pick<Parts, 'stock' | 'index'>,
  record: GlasRecord,
  path: string,
): Promise<CID[]> {
  const { stock } = parts
  const images = new Map<string, CID>()
  for await (const version of relatedVersions(parts, record)) {
    const image = await imageIn(stock, version, path)
    if (image !== undefined) images.set(String(image), image)
    if (images.size >= MAX_NAMED_VERSIONS) break
  }
  for (const image of [...images.values()]) {
    for (const { base } of await stock.deltas.chain(image)) images.set(String(base), base)
  }
  return [...images.values()]
}

/** Records of versions that are pinned here: what a pin holds is whole. Some may come twice. */
async function* relatedVersions(
  { stock, index }: Pick<Parts, 'stock' | 'index'>,
  { glasId, parent, imageId }: GlasRecord,
): AsyncGenerator<CID> {
  const isHere = (record: CID) => stock.pinReasons(record).length > 0
  let found = false
  for (let record = parent; record !== null && isHere(record); found = true) {
    yield record
    record = decodeRecord(await stock.get(record)).parent
  }
  const versions = index.view.glas(glasId)?.versions() ?? []
  for (const { published } of versions.reverse()) {
    for (const { record } of published) {
      if (!isHere(record)) continue
      found = true
      yield record
    }
  }
  if (!found) yield* ofSameRoot(stock, imageId)
}

/** Versions of other glases whose image-ids have the longest beginning in common with this one. */
async function* ofSameRoot(stock: Parts['stock'], imageId: ImageId): AsyncGenerator<CID> {
  const related: Array<{ record: CID; common: number }> = []
  for (const { cid } of stock.pins().slice(-MAX_RECORDS_READ)) {
    const other = await imageIdOf(stock, cid)
    if (other === undefined || rootOf(other) !== rootOf(imageId)) continue
    related.push({ record: cid, common: commonChars(other, imageId) })
  }
  for (const { record } of related.sort((a, b) => b.common - a.common)) yield record
}

async function imageIdOf(stock: Parts['stock'], record: CID): Promise<ImageId | undefined> {
  try {
    return decodeRecord(await stock.get(record)).imageId
  } catch {
    return undefined // `check` tells of it
  }
}

function commonChars(a: string, b: string): number {
  let common = 0
  while (common < a.length && a[common] === b[common]) common++
  return common
}
