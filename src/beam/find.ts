import { isGlasError } from '../glas/errors.ts'
import { decodeRecord, type GlasRecord } from '../glas/record.ts'
import { versionText } from '../glas/version.ts'
import type { GlasView, Published } from '../index/glas-view.ts'
import { newestFirst } from './dates.ts'
import { tagsByRecord } from './log.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'

export interface FoundVersion {
  'glas-id': string
  'image-name': string
  version: string
  date: string
  /** What matched: `image-name`, `tag`, `note`, `date`, `hostname`, `path`, `glas-id` or `image-id`. */
  matched: string
  text: string
}

/** A list longer than this helps nobody; the user is told to search for more. */
export const MAX_FOUND = 1000

/**
 * Versions of every glas that is known here that have the words in a name, tag, note or date; where the record is here,
 * in its hostname, path or image-id, too. Case does not matter. The newest first.
 */
export async function find(
  parts: Pick<Parts, 'index' | 'stock'>,
  { words }: { words: string },
  { onMessage, signal }: CallOptions,
): Promise<{ found: FoundVersion[] }> {
  const found: FoundVersion[] = []
  for (const glas of parts.index.view.glases()) {
    signal.throwIfAborted()
    const tags = tagsByRecord(glas)
    for (const published of glas.versions().flatMap((version) => version.published)) {
      if (published.retracted) continue
      const match = await firstMatch(parts, { glas, published, tags: tags.get(String(published.record)) ?? [] }, words)
      if (match !== undefined) found.push(match)
    }
  }
  found.sort(newestFirst)
  if (found.length > MAX_FOUND) onMessage(`There are ${found.length}; these are the newest ${MAX_FOUND}.`)
  return { found: found.slice(0, MAX_FOUND) }
}

async function firstMatch(
  { stock }: Pick<Parts, 'stock'>,
  { glas, published, tags }: { glas: GlasView; published: Published; tags: string[] },
  words: string,
): Promise<FoundVersion | undefined> {
  const { imageName, version, date, glasId } = published.entry.body
  const wanted = words.toLowerCase()
  const known = [
    ['image-name', imageName],
    ...tags.map((tag) => ['tag', tag] as const),
    ['note', published.note],
    ['date', date],
    ['glas-id', glas.glasId],
  ] as Array<[string, string]>
  const matches = ([, text]: [string, string]) => text.toLowerCase().includes(wanted)
  const match = known.find(matches) ?? (await inRecord(stock, published)).find(matches)
  if (match === undefined) return undefined
  const [matched, text] = match
  return { 'glas-id': glasId, 'image-name': imageName, version: versionText(version), date, matched, text }
}

async function inRecord(stock: Parts['stock'], { record: cid }: Published): Promise<Array<[string, string]>> {
  let record: GlasRecord
  try {
    record = decodeRecord(await stock.get(cid))
  } catch (error) {
    if (isGlasError(error, 'BlockMissing')) return []
    throw error
  }
  const { hostname = '', path = '', imageId } = record
  return [
    ['hostname', hostname],
    ['path', path],
    ['image-id', imageId],
  ]
}
