/** Finds the image that a user means by a directory or by the path of an `.image`. */
import { lstat, readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { GlasError } from '../glas/errors.ts'

export const IMAGE_SUFFIX = '.image'
/** The composed format keeps an image as a directory, and this file is in each. */
export const COMPOSED_HEADER = 'header.ston'

/** Candidates named in a message; a directory of hundreds of images needs no list of them all. */
const MAX_LISTED_IMAGES = 20

export interface LocatedImage {
  /** Absolute path of the image directory. */
  directory: string
  /** Name of the image file, or of the directory in the composed format, with `.image`. */
  imageFile: string
  /** The same without `.image`; also the base name of its `.changes`. */
  imageName: string
  composed: boolean
}

/**
 * `path` is an image directory or an `.image`. Symlinks that end in `.image` do not count as images: what they point
 * to does. Throws NotAnImage where there is none, BadUsage where there are several.
 */
export async function locateImage(path = '.'): Promise<LocatedImage> {
  const absolute = resolve(path)
  const found = await stat(absolute).catch(() => null)
  if (found === null) throw notAnImage(path, 'there is no such file or directory')
  if (found.isDirectory() && !(await isComposed(absolute))) return locateInside(path, absolute)
  if (!isImageName(basename(absolute))) throw notAnImage(path, 'its name does not end in .image')
  if ((await lstat(absolute)).isSymbolicLink()) {
    throw notAnImage(path, 'it is a symbolic link; name the image that it points to')
  }
  if (!found.isFile() && !found.isDirectory()) throw notAnImage(path, 'it is neither a file nor a directory')
  return located(dirname(absolute), basename(absolute), found.isDirectory())
}

async function locateInside(path: string, directory: string): Promise<LocatedImage> {
  const images: LocatedImage[] = []
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!isImageName(entry.name)) continue
    const composed = entry.isDirectory() && (await isComposed(join(directory, entry.name)))
    if (entry.isFile() || composed) images.push(located(directory, entry.name, composed))
  }
  const [image] = images
  if (image === undefined) throw notAnImage(path, 'there is no .image in this directory')
  if (images.length === 1) return image
  const candidates = images.map(({ imageFile }) => imageFile).sort()
  const listed = candidates.slice(0, MAX_LISTED_IMAGES)
  const message = `"${path}" holds ${images.length} images: ${listed.join(', ')}. Name the one that you mean.`
  throw new GlasError('BadUsage', message, { data: { candidates: listed } })
}

function isImageName(name: string): boolean {
  return name.endsWith(IMAGE_SUFFIX) && name.length > IMAGE_SUFFIX.length
}

function located(directory: string, imageFile: string, composed: boolean): LocatedImage {
  return { directory, imageFile, imageName: imageFile.slice(0, -IMAGE_SUFFIX.length), composed }
}

async function isComposed(directory: string): Promise<boolean> {
  const header = await lstat(join(directory, COMPOSED_HEADER)).catch(() => null)
  return header?.isFile() ?? false
}

function notAnImage(path: string, why: string): GlasError {
  return new GlasError('NotAnImage', `"${path}" is not an image: ${why}. Give an image directory or an .image file.`, {
    data: { path, why },
  })
}
