import { realpath } from 'node:fs/promises'
import { hostname } from 'node:os'
import type { CID } from 'multiformats/cid'
import { GlasError, isGlasError } from '../glas/errors.ts'
import type { GlasId } from '../glas/glas-id.ts'
import { type ImageId, newImageId, nextImageId } from '../glas/image-id.ts'
import { sameBytes } from '../glas/keys.ts'
import { decodeRecord, type GlasRecord } from '../glas/record.ts'
import { readSidecar } from '../image/sidecar.ts'
import type { Parts } from './parts.ts'

/** Where a snapshot comes from: what the sidecar of its directory says, or a fresh start. */
export interface Origin {
  /** Where the image lives. Empty where that is not known. */
  hostname: string
  path: string
  /** The same on this machine, absolute and without symbolic links: there the sidecar is kept. */
  directory: string | undefined
  /** Of the snapshot that is being taken: a segment more than the one before it. */
  imageId: ImageId
  glasId: GlasId | undefined
  record: CID | undefined
}

/**
 * Throws CopiedDirectory when the sidecar was written for another place: whether the copy goes on with the same glas
 * (`same`) or begins one of its own that remembers where it came from (`fork`) is for the user to say.
 */
export async function originOf(directory: string, lineage: 'same' | 'fork' | undefined): Promise<Origin> {
  const real = await realpath(directory)
  const sidecar = await readSidecar(real)
  const place = { hostname: hostname(), path: real, directory: real }
  const fresh = nextImageId(newImageId())
  if (sidecar === null) return { ...place, imageId: fresh, glasId: undefined, record: undefined }
  const { imageId, glasId, record, path } = sidecar
  if (path !== real && lineage === undefined) {
    const message =
      `"${real}" is a copy of "${path}". Push with --same to go on with the same glas here, ` +
      'or with --fork to begin another one that keeps it as its parent.'
    throw new GlasError('CopiedDirectory', message, { data: { path, copy: real } })
  }
  if (lineage === 'fork') return { ...place, imageId: fresh, glasId: undefined, record }
  return { ...place, imageId: nextImageId(imageId), glasId, record }
}

/**
 * A push that was killed just before it wrote the sidecar has published its version all the same. Where there is no
 * sidecar, and this peer has published these very contents from this very place, that is where the directory comes from.
 */
export async function withoutSidecar(
  parts: Pick<Parts, 'home' | 'index' | 'stock'>,
  origin: Origin,
  contents: CID,
): Promise<Origin> {
  if (origin.record !== undefined) return origin
  for (const { latest } of parts.index.view.glases()) {
    for (const { entry, record: cid } of latest?.published ?? []) {
      if (!sameBytes(entry.body.writer, parts.home.peer.publicKey)) continue
      const record = await recordHere(parts, cid)
      const isFromHere = record?.path === origin.path && record.hostname === origin.hostname
      if (!isFromHere || !record.contents.equals(contents)) continue
      return { ...origin, imageId: nextImageId(record.imageId), glasId: record.glasId, record: cid }
    }
  }
  return origin
}

async function recordHere({ stock }: Pick<Parts, 'stock'>, cid: CID): Promise<GlasRecord | undefined> {
  try {
    return decodeRecord(await stock.get(cid))
  } catch (error) {
    if (isGlasError(error, 'BlockMissing')) return undefined
    throw error
  }
}
