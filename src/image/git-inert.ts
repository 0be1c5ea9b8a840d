/** Finds in a tree from somebody else what git would run by itself, and says how it is placed so that git does not. */
import { nameOf, parentOf, type TreeEntry } from './entry.ts'

/** Longer settings than this are nobody's; they are put aside as a whole. */
export const MAX_GIT_CONFIG_BYTES = 64 * 1024

/** Added to the name of what is kept but must not be found by git. */
export const INERT_SUFFIX = '.pintglas-inert'

export interface InertPlan {
  /** All entries, under the names that they are placed with. */
  entries: TreeEntry[]
  /** Placed path -> path in the tree, where the two differ. */
  renamed: ReadonlyMap<string, string>
  /** Paths of git settings that are rewritten by `inertConfig`. */
  configs: ReadonlySet<string>
}

/**
 * Hooks get another name and are not executable; settings that are no small plain file get another name too. The
 * caller checks the new entries again: a name may now be there twice.
 */
export function planInert(entries: readonly TreeEntry[]): InertPlan {
  const gitDirectories = findGitDirectories(entries)
  const renamed = new Map<string, string>()
  const configs = new Set<string>()
  const placed = entries.map((entry) => {
    const danger = dangerOf(entry, gitDirectories)
    if (danger === null) return entry
    if (danger === 'config' && entry.kind === 'file' && entry.sizeBytes <= MAX_GIT_CONFIG_BYTES) {
      configs.add(entry.path)
      return entry
    }
    const path = entry.path + INERT_SUFFIX
    renamed.set(path, entry.path)
    return { ...entry, path, mode: entry.kind === 'file' ? entry.mode & 0o666 : entry.mode }
  })
  return { entries: placed, renamed, configs }
}

/**
 * Not only what is called `.git`: git also takes a directory with `objects` and `refs` for a repository, or one with
 * `HEAD` and `commondir`, and a `.git` file or link may point to it. Case is ignored, as macOS does.
 */
function findGitDirectories(entries: readonly TreeEntry[]): Set<string> {
  const children = new Map<string, Set<string>>()
  const found = new Set<string>()
  for (const { path } of entries) {
    if (path === '') continue
    const name = nameOf(path).toLowerCase()
    const parent = parentOf(path)
    if (name === '.git') found.add(path)
    if (!MARKS.has(name)) continue
    const names = children.get(parent) ?? new Set()
    children.set(parent, names.add(name))
  }
  for (const [path, names] of children) {
    if (names.has('refs') && names.has('objects')) found.add(path)
    if (names.has('head') && names.has('commondir')) found.add(path)
  }
  return found
}

const MARKS = new Set(['head', 'objects', 'refs', 'commondir'])

function dangerOf({ path, kind }: TreeEntry, gitDirectories: ReadonlySet<string>): 'hook' | 'config' | null {
  if (path === '' || kind === 'directory') return null
  const name = nameOf(path).toLowerCase()
  const parent = parentOf(path)
  if (gitDirectories.has(parent)) {
    if (name === 'config' || name === 'config.worktree') return 'config'
    return name === 'hooks' && kind === 'symlink' ? 'hook' : null
  }
  const inHooks = nameOf(parent).toLowerCase() === 'hooks' && gitDirectories.has(parentOf(parent)) && parent !== ''
  return inHooks && !name.endsWith('.sample') ? 'hook' : null
}
