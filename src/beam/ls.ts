import { toHex } from '../glas/keys.ts'
import { versionText } from '../glas/version.ts'
import type { GlasView } from '../index/glas-view.ts'
import { newestFirst } from './dates.ts'
import { nearness } from './lookup.ts'
import { peerName } from './names.ts'
import type { Parts } from './parts.ts'

export interface ListedGlas {
  'glas-id': string
  'image-name': string
  /** Empty when every version was retracted. */
  latest: string
  versions: number
  date: string
  size: number
  /** The peer that published the latest version. */
  writer: string
  own: boolean
}

/** The glases that names mean here (lookup.ts says which); with `all` every one that the index knows of. */
export async function ls(
  parts: Pick<Parts, 'home' | 'index' | 'swarm'>,
  { all }: { all: boolean },
): Promise<{ glases: ListedGlas[] }> {
  const isNear = nearness(parts)
  const own = toHex(parts.home.owner.publicKey)
  const glases = parts.index.view.glases().filter((glas) => all || isNear(glas.glasId, ownerOf(glas)))
  const listed = glases.map((glas) => ({ ...listedGlas(parts, glas), own: ownerOf(glas) === own }))
  return { glases: listed.sort(newestFirst) }
}

function listedGlas(parts: Pick<Parts, 'swarm'>, glas: GlasView): Omit<ListedGlas, 'own'> {
  const latest = glas.latest?.published[0]?.entry.body
  return {
    'glas-id': glas.glasId,
    'image-name': glas.imageName,
    latest: latest === undefined ? '' : versionText(latest.version),
    versions: glas.versions().filter(({ isRetracted }) => !isRetracted).length,
    date: latest?.date ?? '',
    size: latest?.sizeBytes ?? 0,
    writer: latest === undefined ? '' : peerName(parts, latest.writer),
  }
}

function ownerOf(glas: GlasView): string {
  return glas.owner === undefined ? '' : toHex(glas.owner)
}
