/**
 * Which names may go out and come in. Push and pull ask the same functions, so that nothing can be pushed that nobody
 * could place. Names are those of Linux and macOS: a backslash, a colon, a newline or a name such as `aux` is an
 * ordinary name there, is kept, and is escaped where it is shown.
 */
import { GlasError } from '../glas/errors.ts'
import { parentOf, type TreeEntry } from './entry.ts'

/** One name: the limit of every common file system. */
export const MAX_NAME_BYTES = 255
/** A whole relative path: PATH_MAX is 4096 on Linux; the rest is left for the folder that it is placed in. */
export const MAX_PATH_BYTES = 3072
/** Parts of a path: far more than people nest, few enough for any walker. */
export const MAX_PATH_PARTS = 128
/** What a symlink says: PATH_MAX less the final NUL. */
export const MAX_LINK_TARGET_BYTES = 4095
/** Links followed on one way, as in Linux; whoever follows more gets ELOOP and arrives nowhere. */
const MAX_LINK_HOPS = 40
/** All links of a tree together: thousands of links take tens of thousands of steps, a trap takes any number. */
const MAX_LINK_STEPS = 5_000_000

/** The sidecar is a file of this machine: it is never taken along, and nobody can hand one to somebody else. */
export const SIDECAR_NAME = 'pintglas.ston'

/** Throws UnsafePath unless `name` is one plain part of a path. */
export function checkName(name: string): void {
  if (name === '' || name === '.' || name === '..') throw unsafe(name, 'is not a name')
  if (name.includes('/')) throw unsafe(name, 'has a slash in one name')
  if (name.includes('\0')) throw unsafe(name, 'has a NUL character in it')
  if (!name.isWellFormed()) throw unsafe(name, 'is not valid Unicode')
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) throw unsafe(name, `is longer than ${MAX_NAME_BYTES} bytes`)
  if (name.toLowerCase() === SIDECAR_NAME) throw unsafe(name, 'is a name that PintGlas keeps for itself')
}

/** Throws UnsafePath unless `path` stays below the directory that it is relative to, on every system. */
export function checkPath(path: string): void {
  if (path.startsWith('/')) throw unsafe(path, 'is an absolute path')
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) throw unsafe(path, `is longer than ${MAX_PATH_BYTES} bytes`)
  const parts = path.split('/')
  if (parts.length > MAX_PATH_PARTS) throw unsafe(path, `is nested deeper than ${MAX_PATH_PARTS} folders`)
  for (const part of parts) {
    if (part === '..') throw unsafe(path, 'leads out of the image directory with ".."')
    checkName(part)
  }
}

/** What names have in common on a file system that takes them for one. */
export interface Folding {
  foldsCase: boolean
  /** Composed and decomposed accents are one name (macOS). */
  foldsForm: boolean
}

export const NO_FOLDING: Folding = { foldsCase: false, foldsForm: false }

/**
 * Checks a whole tree: every path by itself, each once, each in a directory that is part of the tree (so none runs
 * through a symlink or a file), and every symlink staying inside, through whatever other links it leads. The root may
 * be among the entries as ''. With `folding`, names that the target's file system takes for one are one name here too.
 * Throws UnsafePath, or LimitExceeded for links that take forever.
 */
export function checkTree(entries: readonly TreeEntry[], folding: Folding = NO_FOLDING): void {
  const tree = new Map<string, TreeEntry>()
  for (const entry of entries) {
    if (entry.path === '') {
      if (entry.kind !== 'directory') throw unsafe('.', 'is the image directory itself, and is not a directory')
      continue
    }
    checkPath(entry.path)
    const key = foldedName(entry.path, folding)
    const other = tree.get(key)
    if (other?.path === entry.path) throw unsafe(entry.path, 'is there twice')
    if (other !== undefined) {
      throw unsafe(entry.path, `and "${other.path}" are one name on this file system; place it on another one`)
    }
    tree.set(key, entry)
  }
  for (const { path } of tree.values()) {
    const parent = parentOf(path)
    if (parent !== '' && tree.get(foldedName(parent, folding))?.kind !== 'directory') {
      throw unsafe(path, `lies in "${parent}", which is not a directory`)
    }
  }
  const walk = new LinkWalk((path) => tree.get(foldedName(path, folding)))
  for (const entry of tree.values()) if (entry.kind === 'symlink') checkLink(entry, walk)
}

function checkLink(link: TreeEntry, walk: LinkWalk): void {
  const target = link.target ?? ''
  if (target === '' || target.includes('\0') || !target.isWellFormed()) throw unsafe(link.path, 'is a link to no name')
  if (Buffer.byteLength(target) > MAX_LINK_TARGET_BYTES) {
    throw unsafe(link.path, `is a link to a path longer than ${MAX_LINK_TARGET_BYTES} bytes`)
  }
  if (walk.leadsOut(link.path, target)) {
    throw unsafe(link.path, `is a link that leads out of the image directory, to "${target}"`)
  }
}

/** Follows links the way the kernel would, over the tree alone. What is not in the tree is taken for a plain name. */
class LinkWalk {
  readonly #find: (path: string) => TreeEntry | undefined
  #steps = 0

  constructor(find: (path: string) => TreeEntry | undefined) {
    this.#find = find
  }

  leadsOut(path: string, target: string): boolean {
    if (target.startsWith('/')) return true
    let here = parentOf(path)
    let hops = 0
    const todo = target.split('/').reverse()
    for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
      this.#countStep()
      if (part === '' || part === '.') continue
      if (part === '..' && here === '') return true
      if (part === '..') {
        here = parentOf(here)
        continue
      }
      const next = here === '' ? part : `${here}/${part}`
      const entry = this.#find(next)
      if (entry?.kind !== 'symlink') {
        if (next.length > MAX_PATH_BYTES) return true
        here = next
        continue
      }
      if (++hops > MAX_LINK_HOPS) return false
      if (entry.target?.startsWith('/')) return true
      todo.push(...(entry.target ?? '').split('/').reverse())
    }
    return false
  }

  #countStep(): void {
    if (++this.#steps <= MAX_LINK_STEPS) return
    throw new GlasError('LimitExceeded', `The links of this tree take more than ${MAX_LINK_STEPS} steps to follow.`, {
      data: { limit: MAX_LINK_STEPS, unit: 'steps' },
    })
  }
}

/** Upper case first: it makes one of letters such as ß and ss. That folds more than file systems do, never less. */
function foldedName(path: string, { foldsCase, foldsForm }: Folding): string {
  const formed = foldsForm ? path.normalize('NFD') : path
  return foldsCase ? formed.toUpperCase().toLowerCase() : formed
}

function unsafe(path: string, why: string): GlasError {
  const message = `"${path}" ${why}. Rename it, or leave it out with a line in .pintglasignore.`
  return new GlasError('UnsafePath', message, { data: { path, why } })
}
