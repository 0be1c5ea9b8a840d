import type { CID } from 'multiformats/cid'
import { isGlasError } from '../glas/errors.ts'
import type { GlasId } from '../glas/glas-id.ts'
import { decodeRecord, type GlasRecord } from '../glas/record.ts'
import { decodeAttributes, MAX_ATTRIBUTES_BYTES, sameModes } from '../image/attributes.ts'
import type { Head } from '../index/names.ts'
import { readWhole } from './content.ts'
import type { Parts } from './parts.ts'
import type { Snapshot } from './snapshot.ts'

export interface Unchanged {
  record: GlasRecord
  cid: CID
  bytes: Uint8Array
}

/**
 * The record of the same glas that has these contents and permissions already: the one that the directory came from,
 * or the latest. New modification times alone are no change. Undefined where there is none, its bytes are not here, or
 * it was retracted: what was forgotten on purpose is no version to rely on.
 */
export async function recordIfUnchanged(
  { stock, index }: Pick<Parts, 'stock' | 'index'>,
  glasId: GlasId,
  { snapshot, parent, head }: { snapshot: Snapshot; parent: CID | undefined; head: Head },
): Promise<Unchanged | undefined> {
  const modes = new Map(snapshot.attributes.map((one) => [one.path, one]))
  for (const cid of [parent, head.parent?.record]) {
    if (cid === undefined || index.view.glas(glasId)?.byRecord(cid)?.retracted !== false) continue
    try {
      const bytes = await stock.get(cid)
      const record = decodeRecord(bytes)
      if (record.glasId !== glasId || !record.contents.equals(snapshot.contents)) continue
      const attributes = decodeAttributes(await readWhole(stock, record.attributes, MAX_ATTRIBUTES_BYTES))
      if (sameModes(attributes, modes)) return { record, cid, bytes }
    } catch (error) {
      if (!isGlasError(error, 'BlockMissing')) throw error
    }
  }
  return undefined
}
