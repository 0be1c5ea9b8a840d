import { lstat, realpath } from 'node:fs/promises'
import { hostname } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { type GlasId, glasIdOf } from '../glas/glas-id.ts'
import { type ImageId, nextImageId, rootOf } from '../glas/image-id.ts'
import { fromHex } from '../glas/keys.ts'
import { publishingOwner } from '../home/home.ts'
import { IMAGE_SUFFIX } from '../image/locate.ts'
import { readSidecar, type Sidecar } from '../image/sidecar.ts'
import type { Origin } from './origin.ts'
import type { Parts } from './parts.ts'

/** An image that runs, as it describes itself. */
export interface LiveImage {
  host: string
  /** Of the image directory there. */
  path: string
  name: string
  imageId: ImageId
  /**
   * Whoever speaks for it may do everything with this home, on this machine. Of anybody else it is not believed that a
   * directory here is the image's: its sidecar would be written for them, and the next push go to their glas.
   */
  isOwn: boolean
  /** How long it stood still for the snapshot. */
  pauseMs?: number
  /** Where it has saved itself, when that is not in its directory. */
  imageFile?: string
}

/**
 * Where the snapshot of a running image comes from. When it is our own, and runs in a directory of this machine that was
 * pushed or pulled, both are one glas, whichever was first: the sidecar there says which. An image that had no snapshot before
 * its directory was pushed goes on with the image-id of the directory, and only its own last segment.
 */
export async function liveOrigin(parts: Pick<Parts, 'home' | 'index'>, live: LiveImage): Promise<Origin> {
  const directory = live.isOwn ? await directoryOf(live) : undefined
  const sidecar = directory === undefined ? null : await readSidecar(directory)
  const place = { hostname: live.host, path: live.path, directory }
  const known = sidecar?.path === directory ? sidecar : null
  if (known !== null) {
    return { ...place, imageId: continued(known, live.imageId), glasId: known.glasId, record: known.record }
  }
  const glasId = glasIdOf(fromHex(publishingOwner(parts.home)), rootOf(live.imageId))
  const record = parts.index.view.glas(glasId)?.nearestAncestor(live.imageId)?.record
  return { ...place, imageId: live.imageId, glasId: undefined, record }
}

/** The glas that a snapshot of the image would go to now, if this home may publish there. */
export async function glasOfLive(parts: Pick<Parts, 'home' | 'index'>, live: LiveImage): Promise<GlasId> {
  const { glasId, imageId } = await liveOrigin(parts, live)
  return glasId ?? glasIdOf(fromHex(publishingOwner(parts.home)), rootOf(imageId))
}

function continued(sidecar: Sidecar, imageId: ImageId): ImageId {
  if (rootOf(sidecar.imageId) === rootOf(imageId)) return imageId
  const [, ...segments] = imageId.split('-')
  const last = segments.at(-1)
  return last === undefined ? nextImageId(sidecar.imageId) : `${sidecar.imageId}-${last}`
}

/** The directory on this machine that the image runs in; undefined unless it is there, and this user's. */
export async function directoryOf({
  host,
  path,
  name,
}: Pick<LiveImage, 'host' | 'path' | 'name'>): Promise<string | undefined> {
  if (host.toLowerCase() !== hostname().toLowerCase() || !isAbsolute(path)) return undefined
  try {
    const real = await realpath(path)
    const directory = await lstat(real)
    const image = await lstat(join(real, `${name}${IMAGE_SUFFIX}`))
    const own = process.getuid?.() ?? directory.uid
    return directory.isDirectory() && directory.uid === own && image.isFile() ? real : undefined
  } catch {
    return undefined
  }
}
