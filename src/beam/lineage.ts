import { GlasError } from '../glas/errors.ts'
import type { GlasId } from '../glas/glas-id.ts'
import { peerIdText, sameBytes, toHex } from '../glas/keys.ts'
import { parseReference } from '../glas/reference.ts'
import type { GlasView, Published } from '../index/glas-view.ts'
import { type LoggedVersion, logged, tagsByRecord } from './log.ts'
import { findGlas } from './lookup.ts'
import { peerName } from './names.ts'
import type { Parts } from './parts.ts'

/** A version with what its place in the tree and its page need. What only a record tells is absent where it is not here. */
export interface LineageVersion extends LoggedVersion {
  'image-id'?: string
  hostname?: string
  path?: string
  /** Record of the version before; null for the first one. Absent where the record is not here. */
  parent?: string | null
  /** Why it is kept here; empty where it is not. */
  pins: string[]
  /** Other peers that say they have it; `proved`: they answered a challenge. */
  holders: Array<{ peer: string; 'peer-id': string; proved: boolean; connected: boolean }>
}

export interface Lineage {
  'glas-id': string
  'image-name': string
  /** In hex; empty where nothing tells. */
  owner: string
  own: boolean
  /** The newest first. */
  versions: LineageVersion[]
}

type Reading = Pick<Parts, 'home' | 'index' | 'stock' | 'records' | 'swarm' | 'running'>

/** All versions of a glas with their parents, image-ids, places and holders, as far as this peer knows. Asks nobody. */
export async function lineage(parts: Reading, { reference }: { reference: string }): Promise<Lineage> {
  const glas = findGlas(parts, reference)
  const tags = tagsByRecord(glas)
  const versions: LineageVersion[] = []
  for (const { published } of glas.versions()) {
    for (const [place, one] of published.entries()) {
      versions.push(await inLineage(parts, one, logged(parts, one, { fork: place > 0, tags })))
    }
  }
  const { owner } = glas
  return {
    'glas-id': glas.glasId,
    'image-name': glas.imageName,
    owner: owner === undefined ? '' : toHex(owner),
    own: owner !== undefined && sameBytes(owner, parts.home.owner.publicKey),
    versions: versions.reverse(),
  }
}

async function inLineage(parts: Reading, { record: cid }: Published, version: LoggedVersion): Promise<LineageVersion> {
  const record = await parts.records.get(cid)
  const known = { ...version, pins: parts.stock.pinReasons(cid), holders: holdersOf(parts, cid) }
  if (record === undefined) return known
  const { imageId, hostname, path, parent } = record
  return {
    ...known,
    'image-id': imageId,
    ...(hostname === undefined ? {} : { hostname }),
    ...(path === undefined ? {} : { path }),
    parent: parent === null ? null : String(parent),
  }
}

/** Other peers that have a version, as far as is known without asking them. */
export function holdersOf(
  parts: Pick<Parts, 'running' | 'swarm'>,
  record: Published['record'],
): LineageVersion['holders'] {
  const network = parts.running()
  if (network === undefined) return []
  const up = network.membersUp()
  return network.holders.holders(record).map(({ peerKey, proved }) => ({
    peer: peerName(parts, peerKey),
    'peer-id': peerIdText(peerKey),
    proved,
    connected: up.some((one) => sameBytes(one, peerKey)),
  }))
}

/** A version by the CID of its record alone. InvalidName for what is none, NameNotFound where no entry names it. */
export function findByRecord(
  { index }: Pick<Parts, 'index'>,
  text: string,
  sees: (glasId: GlasId) => boolean,
): { glas: GlasView; published: Published } {
  const { selector } = parseReference(`x@${text}`)
  if (selector.kind !== 'record') throw new GlasError('InvalidName', `"${text}" is not the name of a record.`)
  for (const glas of index.view.glases()) {
    const published = glas.byRecord(selector.record)
    if (published !== undefined && sees(glas.glasId)) return { glas, published }
  }
  throw new GlasError('NameNotFound', `No version with the record ${text} is known here.`, { data: { record: text } })
}
