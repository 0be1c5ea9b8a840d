/** Walks an image directory and says what goes out, in which order it is to be read, and what stays behind and why. */
import type { BigIntStats } from 'node:fs'
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { hasErrno } from '../disk/files.ts'
import { GlasError } from '../glas/errors.ts'
import {
  attributesOf,
  type EntryKind,
  MAX_ENTRIES,
  SYMLINK_MODE,
  sortByPath,
  stampOf,
  type TreeEntry,
} from './entry.ts'
import { type IgnoreRules, readIgnoreFile } from './ignore-file.ts'
import { IMAGE_SUFFIX, type LocatedImage } from './locate.ts'
import { checkPath, checkTree } from './paths.ts'
import { IGNORE_FILE_RULE, type LeftOut, type LeftOutRule, matchingRule, ruleById } from './rules.ts'

/** Leaves of image files are long: their roots stay small, and every save moves most of the heap anyway. */
export const IMAGE_LEAF_BYTES = 1024 * 1024
/** Leaves of all others: logs grow at their end, and only the last leaf of the older version is replaced. */
export const OTHER_LEAF_BYTES = 64 * 1024

/** File descriptors and requests in flight while one directory is listed. */
const STATS_AT_ONCE = 32

/** Image files by their name alone, those of the composed format included. */
const IMAGE_DATA = /[^/]\.image$|[^/]\.image\/(?:seg\d+|permSpace)\.data$/

export type Role = 'image' | 'changes' | 'sources' | 'other'

export interface ScannedEntry extends TreeEntry {
  role: Role
  /** Leaf size of a file in the contents; it depends on the path alone. */
  leafBytes: number
  /** Where to read it: the same as `path` in the directory, but for a `.sources` that is a link leading out. */
  absolutePath: string
  /** Of what is at `absolutePath`, when it was found. */
  stamp: string
  /** What only a line of `.pintglasignore` brought back: its content is searched whatever its name. */
  broughtBack: boolean
  /** It is read from a clone: mode and times are those of the original, as they stand here. */
  keepsAttributes?: boolean
}

export interface Scan {
  image: LocatedImage
  /** The directory itself, with the path ''. */
  root: ScannedEntry
  /** The image first, then its `.changes`, then all others by the bytes of their paths. Without the root. */
  entries: ScannedEntry[]
  leftOut: LeftOut[]
  /** For people: what is missing or unusual, one sentence each. */
  warnings: string[]
}

/**
 * Throws UnsafePath for what nobody could place, LimitExceeded, BadUsage when the image itself is left out, and
 * FileError (raw errno errors) for what cannot be read.
 */
export async function scanDirectory(image: LocatedImage, options: { signal?: AbortSignal } = {}): Promise<Scan> {
  const realDirectory = await realpath(image.directory)
  const walk = new Walk(image, realDirectory, { ignore: await readIgnoreFile(realDirectory), signal: options.signal })
  const rootStats = await lstat(realDirectory, { bigint: true })
  await walk.enter('')
  checkTree(walk.entries)
  const entries = inReadingOrder(walk.entries)
  if (entries[0]?.role !== 'image') throw imageLeftOut(image, walk.leftOut)
  return {
    image,
    root: { ...entryOf('', 'directory', rootStats), ...reading(image, ''), stamp: stampOf(rootStats) },
    entries,
    leftOut: sortByPath(walk.leftOut),
    warnings: [...walk.warnings, ...missingFiles(image, entries)],
  }
}

/** The same directory with its image read from elsewhere: where a running one has saved itself without disturbing it. */
export function withImageAt(scan: Scan, absolutePath: string | undefined, { keepsAttributes = false } = {}): Scan {
  if (absolutePath === undefined) return scan
  const entries = scan.entries.map((entry) => {
    return entry.role === 'image' && entry.path === scan.image.imageFile
      ? { ...entry, absolutePath, keepsAttributes }
      : entry
  })
  return { ...scan, entries }
}

class Walk {
  readonly entries: ScannedEntry[] = []
  readonly leftOut: LeftOut[] = []
  readonly warnings: string[] = []
  readonly #image: LocatedImage
  readonly #realDirectory: string
  readonly #ignore: IgnoreRules
  readonly #signal: AbortSignal | undefined

  constructor(
    image: LocatedImage,
    realDirectory: string,
    options: { ignore: IgnoreRules; signal: AbortSignal | undefined },
  ) {
    this.#image = image
    this.#realDirectory = realDirectory
    this.#ignore = options.ignore
    this.#signal = options.signal
  }

  /** `parent` is a directory of the tree, '' the root. */
  async enter(parent: string): Promise<void> {
    const names = await namesIn(this.#absolute(parent), parent)
    for (let start = 0; start < names.length; start += STATS_AT_ONCE) {
      this.#signal?.throwIfAborted()
      const paths = names
        .slice(start, start + STATS_AT_ONCE)
        .map((name) => (parent === '' ? name : `${parent}/${name}`))
      const stats = await Promise.all(paths.map((path) => lstatIfThere(this.#absolute(path))))
      for (const [at, path] of paths.entries()) {
        const found = stats[at]
        if (found) await this.#take(path, found)
      }
    }
  }

  async #take(path: string, stats: BigIntStats): Promise<void> {
    const kind = kindOf(stats)
    const verdict = this.#ignore(path, kind === 'directory')
    if (verdict.kind === 'left out') {
      this.leftOut.push({ path, rule: IGNORE_FILE_RULE, reason: verdict.line })
      return
    }
    if (kind === null) {
      this.warnings.push(`"${path}" is a socket, a pipe or a device, and is left out.`)
      return this.#leaveOut(path, ruleById('special-file'))
    }
    const rule = await this.#applicableRule(path, kind)
    const broughtBack = rule !== null && !rule.always && verdict.kind === 'brought back'
    if (rule !== null && !broughtBack) return this.#leaveOut(path, rule)
    if (broughtBack) this.warnings.push(`"${path}" goes out, because a line of .pintglasignore brings it back.`)
    const stamp = stampOf(stats)
    await this.#keep({ ...entryOf(path, kind, stats), ...reading(this.#image, path), stamp, broughtBack })
  }

  async #keep(entry: ScannedEntry): Promise<void> {
    checkPath(entry.path)
    if (this.entries.length >= MAX_ENTRIES) {
      throw new GlasError('LimitExceeded', `"${this.#image.directory}" has more than ${MAX_ENTRIES} files.`, {
        data: { limit: MAX_ENTRIES, unit: 'files' },
      })
    }
    if (entry.kind === 'symlink') return this.#keepLink(entry)
    this.entries.push(entry)
    if (entry.kind === 'directory') await this.enter(entry.path)
  }

  /** A link stays a link; but `.sources` are often shared by all images of a machine, and then go out as a file. */
  async #keepLink(entry: ScannedEntry): Promise<void> {
    const { path } = entry
    const link = { ...entry, target: decodeName(await readlink(this.#absolute(path), 'buffer'), path) }
    if (!path.endsWith('.sources')) return void this.entries.push(link)
    const real = await realpath(this.#absolute(path)).catch(() => null)
    if (real === null) {
      this.warnings.push(`"${path}" is a link to a file that is not there, and is left out.`)
      return this.#leaveOut(path, ruleById('dangling-sources'))
    }
    if (real.startsWith(this.#realDirectory + sep)) return void this.entries.push(link)
    const stats = await stat(real, { bigint: true })
    if (!stats.isFile()) throw new GlasError('UnsafePath', `"${path}" is a link to "${real}", which is no file.`)
    this.entries.push({ ...entry, ...entryOf(path, 'file', stats), absolutePath: real, stamp: stampOf(stats) })
  }

  async #applicableRule(path: string, kind: EntryKind): Promise<LeftOutRule | null> {
    const rule = matchingRule(path, kind)
    if (!rule?.holdsImage) return rule
    return (await this.#holdsImage(path)) ? rule : null
  }

  /** Right inside, or one folder further down, which is where the original Tap puts its snapshots. */
  async #holdsImage(path: string): Promise<boolean> {
    const names = await namesIn(this.#absolute(path), path)
    if (names.some((name) => name.endsWith(IMAGE_SUFFIX))) return true
    for (const name of names) {
      const below = `${path}/${name}`
      if (!(await lstatIfThere(this.#absolute(below)))?.isDirectory()) continue
      if ((await namesIn(this.#absolute(below), below)).some((one) => one.endsWith(IMAGE_SUFFIX))) return true
    }
    return false
  }

  #leaveOut(path: string, rule: LeftOutRule): void {
    this.leftOut.push({ path, rule: rule.id, reason: rule.reason })
  }

  #absolute(path: string): string {
    return join(this.#realDirectory, path)
  }
}

/** A directory in use loses files while it is listed; they are as if they had gone before. */
async function lstatIfThere(path: string): Promise<BigIntStats | null> {
  try {
    return await lstat(path, { bigint: true })
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return null
    throw error
  }
}

function kindOf(stats: BigIntStats): EntryKind | null {
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'directory'
  return stats.isSymbolicLink() ? 'symlink' : null
}

function entryOf(path: string, kind: EntryKind, stats: BigIntStats): TreeEntry {
  const attributes = attributesOf(stats.mode, stats.mtimeNs)
  if (kind === 'symlink') attributes.mode = SYMLINK_MODE
  return { path, kind, ...attributes, sizeBytes: kind === 'file' ? Number(stats.size) : 0, target: null }
}

function reading(image: LocatedImage, path: string) {
  return {
    role: roleOf(image, path),
    leafBytes: IMAGE_DATA.test(path) ? IMAGE_LEAF_BYTES : OTHER_LEAF_BYTES,
    absolutePath: join(image.directory, path),
    broughtBack: false,
  }
}

function roleOf({ imageFile, imageName, composed }: LocatedImage, path: string): Role {
  if (path === imageFile || (composed && path.startsWith(`${imageFile}/`))) return 'image'
  if (path === `${imageName}.changes`) return 'changes'
  return path.endsWith('.sources') ? 'sources' : 'other'
}

function inReadingOrder(entries: ScannedEntry[]): ScannedEntry[] {
  const sorted = sortByPath(entries)
  const of = (...roles: Role[]) => sorted.filter(({ role }) => roles.includes(role))
  return [...of('image'), ...of('changes'), ...of('sources', 'other')]
}

async function namesIn(absolutePath: string, path: string): Promise<string[]> {
  const names = await readdir(absolutePath, 'buffer')
  return names.map((name) => decodeName(name, path))
}

/** A byte order mark is part of a name, not a mark. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeName(name: Buffer, where: string): string {
  try {
    return UTF8.decode(name)
  } catch (cause) {
    const shown = name.toString('latin1')
    const message = `"${shown}" in "${where || '.'}" is a name that is not UTF-8. Rename it.`
    throw new GlasError('UnsafePath', message, { cause, data: { path: where, nameHex: name.toString('hex') } })
  }
}

function missingFiles(image: LocatedImage, entries: readonly ScannedEntry[]): string[] {
  const warnings: string[] = []
  if (!entries.some(({ role }) => role === 'changes')) {
    warnings.push(`There is no ${image.imageName}.changes: recent methods will show decompiled text.`)
  }
  if (!entries.some(({ role }) => role === 'sources')) {
    warnings.push('There is no .sources file here: the image finds its sources only where they are installed.')
  }
  return warnings
}

function imageLeftOut(image: LocatedImage, leftOut: readonly LeftOut[]): GlasError {
  const rule = leftOut.find(({ path }) => path === image.imageFile)
  const why = rule === undefined ? 'it vanished' : `it is left out by "${rule.reason}"`
  return new GlasError('BadUsage', `The image "${image.imageFile}" would not go out: ${why}.`)
}
