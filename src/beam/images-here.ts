import type { CID } from 'multiformats/cid'
import type { GlasId } from '../glas/glas-id.ts'
import { rootOf } from '../glas/image-id.ts'
import { decodeRecord, type GlasRecord } from '../glas/record.ts'
import type { Parts } from './parts.ts'
import { imageIn } from './relatives.ts'

/** Versions that are named; what their images stand on comes on top. */
const MAX_NAMED_VERSIONS = 12
/** Pinned records that are read where nothing else is related: each costs a tenth of a millisecond. */
const MAX_RECORDS_READ = 256

/**
 * Images that are here as a whole and that the one of a version may differ little from, the likeliest first: those of
 * the line that it comes from, of other versions and forks of its glas, of glases that began as forks of it; and then what
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
  parts: Pick<Parts, 'stock' | 'index'>,
  { glasId, parent, imageId }: GlasRecord,
): AsyncGenerator<CID> {
  const { stock, index } = parts
  const isHere = (record: CID) => stock.pinReasons(record).length > 0
  let found = false
  for (let record = parent; record !== null && isHere(record); found = true) {
    yield record
    record = decodeRecord(await stock.get(record)).parent
  }
  const forkedFrom = parent === null ? undefined : glasOf(index, parent)
  for (const glas of new Set([glasId, forkedFrom ?? glasId])) {
    for (const { published } of index.view.glas(glas)?.versions().reverse() ?? []) {
      for (const { record } of published) {
        if (!isHere(record)) continue
        found = true
        yield record
      }
    }
  }
  if (!found) yield* ofOtherGlases(parts, { glasId, imageId })
}

function glasOf(index: Parts['index'], record: CID): GlasId | undefined {
  return index.view.glases().find((glas) => glas.byRecord(record) !== undefined)?.glasId
}

/** Versions of glases that began with one of this glas, or as the same image: those with the most in common first. */
async function* ofOtherGlases(
  { stock, index }: Pick<Parts, 'stock' | 'index'>,
  { glasId, imageId }: Pick<GlasRecord, 'glasId' | 'imageId'>,
): AsyncGenerator<CID> {
  const related: Array<{ cid: CID; common: number }> = []
  for (const { cid } of stock.pins().slice(-MAX_RECORDS_READ)) {
    const other = await recordHere(stock, cid)
    if (other === undefined) continue
    const isFork = other.parent !== null && index.view.glas(glasId)?.byRecord(other.parent) !== undefined
    const isSameImage = rootOf(other.imageId) === rootOf(imageId)
    if (isFork || isSameImage) related.push({ cid, common: commonChars(other.imageId, imageId) })
  }
  for (const { cid } of related.sort((a, b) => b.common - a.common)) yield cid
}

async function recordHere(stock: Parts['stock'], record: CID): Promise<GlasRecord | undefined> {
  try {
    return decodeRecord(await stock.get(record))
  } catch {
    return undefined // `check` tells of it
  }
}

function commonChars(a: string, b: string): number {
  let common = 0
  while (common < a.length && a[common] === b[common]) common++
  return common
}
