import { versionText } from '../glas/version.ts'
import type { GlasView, Published } from '../index/glas-view.ts'
import { findGlas } from './lookup.ts'
import { peerName } from './names.ts'
import type { Parts } from './parts.ts'

/** One snapshot in a list; the keys are those of the record. */
export interface LoggedVersion {
  version: string
  record: string
  date: string
  size: number
  /** The peer that published it. */
  writer: string
  tags: string[]
  note: string
  retracted: boolean
  /** Another snapshot of the same version comes first: this one is named by its record. */
  fork: boolean
  /** Kept here with all its bytes. */
  here: boolean
}

export interface LogResult {
  'glas-id': string
  'image-name': string
  /** The newest first. */
  versions: LoggedVersion[]
}

/** All versions of a glas. */
export async function log(
  parts: Pick<Parts, 'home' | 'index' | 'stock' | 'swarm'>,
  { reference }: { reference: string },
): Promise<LogResult> {
  const glas = findGlas(parts, reference)
  const tags = tagsByRecord(glas)
  const versions = glas.versions().flatMap(({ published }) => {
    return published.map((one, place) => logged(parts, one, { fork: place > 0, tags }))
  })
  return { 'glas-id': glas.glasId, 'image-name': glas.imageName, versions: versions.reverse() }
}

export function tagsByRecord(glas: GlasView): Map<string, string[]> {
  const tags = new Map<string, string[]>()
  for (const [tag, record] of glas.tags()) tags.set(String(record), [...(tags.get(String(record)) ?? []), tag])
  return tags
}

export function logged(
  parts: Pick<Parts, 'stock' | 'swarm'>,
  { record, entry: { body }, note, retracted }: Published,
  { fork, tags }: { fork: boolean; tags: Map<string, string[]> },
): LoggedVersion {
  return {
    version: versionText(body.version),
    record: String(record),
    date: body.date,
    size: body.sizeBytes,
    writer: peerName(parts, body.writer),
    tags: tags.get(String(record)) ?? [],
    note,
    retracted,
    fork,
    here: parts.stock.pinReasons(record).length > 0,
  }
}
