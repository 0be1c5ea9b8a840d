import { GlasError } from '../glas/errors.ts'
import { versionText } from '../glas/version.ts'
import { fetchVersion } from './fetch.ts'
import { findVersion } from './lookup.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'

/** Why something is kept that a user pinned by hand; other reasons are `own`, `pulled` and `follow`. */
const BY_HAND = 'user'

export interface Pinned {
  'image-name': string
  version: string
  record: string
  /** Why it is still kept here; empty: the next `gc` frees it. */
  reasons: string[]
}

/** Keeps a version here until it is unpinned, whatever rules say; fetches what is missing. */
export async function pin(parts: Parts, { reference }: { reference: string }, options: CallOptions): Promise<Pinned> {
  const found = findVersion(parts, reference, options)
  await fetchVersion(parts, found, BY_HAND, options)
  parts.running()?.claim([found.record])
  return pinned(parts, found)
}

/** Keeps it no longer. StillNeeded when nobody else has been proved to hold it, unless `force`. */
export async function unpin(
  parts: Parts,
  { reference, force }: { reference: string; force: boolean },
  options: CallOptions,
): Promise<Pinned> {
  const found = findVersion(parts, reference, options)
  if (parts.stock.pinReasons(found.record).length === 0) {
    throw new GlasError('GlasNotStocked', `"${reference}" is not kept here.`, {
      data: { record: String(found.record) },
    })
  }
  if (!force && (parts.running()?.holders.copies(found.record) ?? 0) === 0) {
    const message = `No other peer is known to hold "${reference}": unpinning may lose it. Push it --to one, or use --force.`
    throw new GlasError('StillNeeded', message, { data: { record: String(found.record) } })
  }
  await parts.stock.unpin(found.record)
  await parts.stock.commit()
  parts.running()?.claim([], [found.record])
  return pinned(parts, found)
}

function pinned(parts: Parts, { published, version, record }: ReturnType<typeof findVersion>): Pinned {
  return {
    'image-name': published.entry.body.imageName,
    version: versionText(version),
    record: String(record),
    reasons: parts.stock.pinReasons(record),
  }
}
