/** A whole image directory on disk, and its next snapshots. */
import { appendFileSync, cpSync, lutimesSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Edit, nextImage } from './edit.ts'
import { writeClone } from './iceberg.ts'
import { type GeneratedImage, generateImage, type ImageOptions } from './image.ts'
import { changedMethods, firstChanges, momentOf, ombuEntries, snapshotRecord } from './logs.ts'
import { seededRandom } from './random.ts'
import { sourceText } from './text.ts'

export interface DirectoryOptions extends ImageOptions {
  /** Base name of image and changes. Default `Ants`. */
  name?: string
  /** Size of the `.sources` file; a real one has 30 MB. Default an eighth of the image. */
  sourcesBytes?: number
}

/** What work adds to the logs, beside what it does to the image. */
export interface DirectoryEdit extends Edit {
  changesBytes?: number
  ombuBytes?: number
}

export interface ImageDirectory {
  path: string
  name: string
  image: GeneratedImage
  /** 1 for the first snapshot. */
  generation: number
  /** The Epicea log that this session writes, relative to `path`, and how many entries it has. */
  ombu: { path: string; entries: number }
}

const SOURCES = 'Pharo8.0-32bit-0932da8.sources'
const OMBU_FOLDER = 'pharo-local/ombu-sessions'
/** Files are written in pieces: one write call takes at most 2 GiB. */
const WRITE_BYTES = 1 << 26

/**
 * Makes the directory `path` (which must not exist) with Name.image, Name.changes, the sources, pharo.version,
 * meta-inf.ston, an Epicea log and an Iceberg clone. Times of files are set too: the same options give the same tree.
 */
export function imageDirectory(path: string, options: DirectoryOptions): ImageDirectory {
  const name = options.name ?? 'Ants'
  const image = generateImage(options)
  const random = seededRandom(options.seed + 1)
  mkdirSync(join(path, OMBU_FOLDER), { recursive: true })
  const wordBits = image.options.wordSize * 8
  writeFileSync(join(path, `${name}.changes`), firstChanges(name))
  writeFileSync(join(path, SOURCES), sourceText(random, options.sourcesBytes ?? options.sizeBytes / 8))
  writeFileSync(join(path, 'pharo.version'), '80\n')
  const formatNumber = wordBits === 64 ? 68021 : 6521
  const fields = `#formatNumber : ${formatNumber},\n\t#architecture : '${wordBits}',\n\t#pharoVersion : '80'`
  writeFileSync(join(path, 'meta-inf.ston'), `PhLImage {\n\t${fields}\n}`)
  writeClone(join(path, 'pharo-local/iceberg/ants/colony'), 'ants/colony', random)
  const directory = { path, name, image, generation: 1, ombu: { path: ombuPath(name, options.seed, 1), entries: 0 } }
  const saved = save(directory, { seed: options.seed, ombuBytes: 2000 })
  const made = momentOf(0)
  for (const entry of readdirSync(path, { recursive: true, encoding: 'utf8' }))
    lutimesSync(join(path, entry), made, made)
  return saved
}

/** Changes the directory in place, as work in the image and a save would. Deterministic in directory and edit. */
export function nextSnapshot(directory: ImageDirectory, edit: DirectoryEdit): ImageDirectory {
  const generation = directory.generation + 1
  const image = nextImage(directory.image, edit)
  const ombu = edit.restart
    ? { path: ombuPath(directory.name, edit.seed, generation), entries: 0 }
    : { ...directory.ombu }
  return save({ ...directory, image, generation, ombu }, edit)
}

/** Another directory of the same contents that `nextSnapshot` can go on with: a fork. `path` must not exist. */
export function copyDirectory(directory: ImageDirectory, path: string): ImageDirectory {
  cpSync(directory.path, path, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true })
  return { ...directory, path }
}

const ombuPath = (name: string, seed: number, generation: number): string =>
  `${OMBU_FOLDER}/${name}.${(seededRandom(seed * 1000 + generation).next() + 2 ** 32).toString(36)}.ombu`

function save(directory: ImageDirectory, edit: DirectoryEdit): ImageDirectory {
  const { path, name, generation, image } = directory
  const random = seededRandom(edit.seed + 2)
  const changes = join(path, `${name}.changes`)
  if (edit.changesBytes) appendFileSync(changes, changedMethods(random, edit.changesBytes, generation))
  appendFileSync(changes, snapshotRecord(generation, name, statSync(changes).size))
  const entries = ombuEntries(random, edit.ombuBytes ?? 0, directory.ombu.entries + 1, generation)
  if (entries.count > 0) appendFileSync(join(path, directory.ombu.path), entries.text)
  writeImage(join(path, `${name}.image`), image.bytes)
  const moment = momentOf(generation)
  const logs = entries.count > 0 ? [directory.ombu.path, OMBU_FOLDER] : []
  for (const file of [`${name}.image`, `${name}.changes`, ...logs]) lutimesSync(join(path, file), moment, moment)
  return { ...directory, ombu: { ...directory.ombu, entries: directory.ombu.entries + entries.count } }
}

function writeImage(path: string, bytes: Uint8Array): void {
  writeFileSync(path, bytes.subarray(0, WRITE_BYTES))
  for (let at = WRITE_BYTES; at < bytes.length; at += WRITE_BYTES)
    appendFileSync(path, bytes.subarray(at, at + WRITE_BYTES))
}
