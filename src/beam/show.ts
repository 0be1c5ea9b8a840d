import type { CID } from 'multiformats/cid'
import { GlasError, isGlasError } from '../glas/errors.ts'
import { decodeRecord, type GlasRecord } from '../glas/record.ts'
import { versionText } from '../glas/version.ts'
import { fetchRecord } from './fetch.ts'
import { tagsByRecord } from './log.ts'
import { findVersion } from './lookup.ts'
import { peerName } from './names.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'
import type { ImageKept } from './push-result.ts'
import { entriesOf } from './tree.ts'

/** The record as it is, and what the index says of it. Keys that the record lacks are absent here, too. */
export interface Shown {
  'glas-id': string
  version: string
  hostname?: string
  path?: string
  'image-name': string
  date: string
  size: number
  'image-id': string
  contents: string
  attributes: string
  parent: string | null
  format: { number: number; 'word-size': number; 'image-version': number } | null
  profile: string
  removed: Record<string, number>
  searched: { text: string[]; not: string[]; allowed: number }
  'pause-ms'?: number
  record: string
  writer: string
  tags: string[]
  note: string
  here: boolean
  /** How the image lies in this stock: what only this home knows. Empty where it is not here. */
  image: ImageKept[]
  /** Only when asked for. */
  files?: Array<{ path: string; kind: string; size: number; mode: string }>
}

/** One version: its record, fetched when it is not here, and on request its files. */
export async function show(
  parts: Parts,
  { reference, files }: { reference: string; files: boolean },
  options: CallOptions,
): Promise<Shown> {
  const { record: cid, glasId, published } = findVersion(parts, reference, options)
  const record = await recordOf(parts, cid, options)
  const glas = parts.index.view.glas(glasId)
  return {
    ...recordJson(record),
    record: String(cid),
    writer: peerName(parts, published.entry.body.writer),
    tags: glas === undefined ? [] : (tagsByRecord(glas).get(String(cid)) ?? []),
    note: published.note,
    here: parts.stock.pinReasons(cid).length > 0,
    image: await imagesKept(parts.stock, record),
    ...(files ? { files: await filesOf(parts, record, options.signal) } : {}),
  }
}

async function recordOf(parts: Parts, cid: CID, options: CallOptions): Promise<GlasRecord> {
  if (await parts.stock.has(cid)) return decodeRecord(await parts.stock.get(cid))
  if (parts.running() !== undefined) return fetchRecord(parts, cid, options)
  const message = 'Its record is not here. `pintglas pull` it, or let a running daemon ask others: `pintglas daemon`.'
  throw new GlasError('GlasNotStocked', message, { data: { record: String(cid) } })
}

/** One file, or those of an image in the composed format. */
async function imagesKept(stock: Parts['stock'], record: GlasRecord): Promise<ImageKept[]> {
  const kept: ImageKept[] = []
  try {
    const name = `${record.imageName}.image`
    const image = (await stock.readDirectory(record.contents)).find((entry) => entry.name === name)
    if (image === undefined) return []
    const inside = image.kind === 'directory' ? await stock.readDirectory(image.cid) : []
    const files =
      image.kind === 'file'
        ? [{ ...image, path: name }]
        : inside.map((one) => ({ ...one, path: `${name}/${one.name}` }))
    for (const { path, kind, cid } of files) {
      const how = kind === 'file' ? await stock.keptAs(cid) : undefined
      if (how?.as === 'delta')
        kept.push({ path, 'kept-as': 'delta', base: String(how.base), 'delta-bytes': how.deltaBytes })
      if (how?.as === 'blocks')
        kept.push({ path, 'kept-as': 'blocks', ...(how.reason === undefined ? {} : { reason: how.reason }) })
    }
  } catch (error) {
    if (!isGlasError(error, 'BlockMissing')) throw error
  }
  return kept
}

function recordJson(record: GlasRecord) {
  const { format } = record
  return {
    'glas-id': record.glasId,
    version: versionText(record.version),
    ...(record.hostname === undefined ? {} : { hostname: record.hostname }),
    ...(record.path === undefined ? {} : { path: record.path }),
    'image-name': record.imageName,
    date: record.date,
    size: record.sizeBytes,
    'image-id': record.imageId,
    contents: String(record.contents),
    attributes: String(record.attributes),
    parent: record.parent === null ? null : String(record.parent),
    format:
      format === null
        ? null
        : { number: format.number, 'word-size': format.wordSizeBytes, 'image-version': format.imageVersion },
    profile: record.profile,
    removed: record.removed,
    searched: record.searched,
    ...(record.pauseMs === undefined ? {} : { 'pause-ms': record.pauseMs }),
  }
}

async function filesOf({ stock }: Parts, record: GlasRecord, signal: AbortSignal): Promise<Shown['files']> {
  const files: NonNullable<Shown['files']> = []
  for await (const { path, kind, sizeBytes, mode } of entriesOf(stock, record, signal)) {
    if (path !== '') files.push({ path, kind, size: sizeBytes, mode: mode.toString(8).padStart(3, '0') })
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}
