/**
 * `pintglas.ston` in an image directory: which version the directory was pushed as or pulled from last. It belongs to
 * this directory on this machine and is never part of the contents. A STON map, so that Pharo can read it too.
 */
import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { CID } from 'multiformats/cid'
import { writeFileAtomic } from '../disk/atomic.ts'
import { readSmallFile, realFiles } from '../disk/files.ts'
import { GlasError } from '../glas/errors.ts'
import { type GlasId, parseGlasId } from '../glas/glas-id.ts'
import { type ImageId, parseImageId } from '../glas/image-id.ts'
import { parseVersion, type Version, versionText } from '../glas/version.ts'
import { fieldsOf } from '../ston/model.ts'
import { readSton } from '../ston/reader.ts'
import { writeSton } from '../ston/writer.ts'
import { SIDECAR_NAME } from './paths.ts'

/** An image-id of ten thousand snapshots takes 50 KB, everything else is short. */
const MAX_SIDECAR_BYTES = 128 * 1024
const SIDECAR_MODE = 0o644

export interface Sidecar {
  glasId: GlasId
  imageId: ImageId
  record: CID
  version: Version
  /** Real path of the directory when this was written: a copy of the directory names the original. */
  path: string
}

/** Null where there is none. Throws BadSton, naming the file, for one that cannot be read. */
export async function readSidecar(directory: string): Promise<Sidecar | null> {
  const file = join(directory, SIDECAR_NAME)
  const bytes = await readSmallFile(realFiles, file, MAX_SIDECAR_BYTES)
  if (bytes === undefined) return null
  try {
    const fields = fieldsOf(readSton(Buffer.from(bytes).toString('utf8')))
    const text = (name: string): string => {
      const value = fields?.get(name)
      if (typeof value !== 'string') throw new Error(`it has no "${name}"`)
      return value
    }
    return {
      glasId: parseGlasId(text('glas-id')),
      imageId: parseImageId(text('image-id')),
      record: CID.parse(text('record')),
      version: parseVersion(text('version')),
      path: text('path'),
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const message = `"${file}" is damaged: ${why}. Remove it; the next push then starts a glas of its own, or name one.`
    throw new GlasError('BadSton', message, { cause, data: { path: file } })
  }
}

/**
 * Replaces the sidecar of `directory` atomically. While a directory is being placed, `futurePath` is the path that it
 * will get; the parent of that path must exist.
 */
export async function writeSidecar(
  directory: string,
  sidecar: Omit<Sidecar, 'path'>,
  futurePath?: string,
): Promise<void> {
  const { glasId, imageId, record, version } = sidecar
  const fields = new Map([
    ['glas-id', glasId],
    ['image-id', imageId],
    ['record', record.toString()],
    ['version', versionText(version)],
    ['path', futurePath === undefined ? await realpath(directory) : await realParent(futurePath)],
  ])
  const text = `${writeSton(fields, { pretty: true })}\n`
  await writeFileAtomic(realFiles, join(directory, SIDECAR_NAME), Buffer.from(text), { mode: SIDECAR_MODE })
}

async function realParent(path: string): Promise<string> {
  return join(await realpath(dirname(path)), basename(path))
}

/** Whether the directory was copied or moved since its sidecar was written. */
export async function isCopied(directory: string, sidecar: Sidecar): Promise<boolean> {
  return (await realpath(directory)) !== sidecar.path
}
