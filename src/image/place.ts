/** Places the contents of a version as a directory: all of it under its name at once, or nothing. */
import { lstat, mkdir } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { canSyncTogether, syncTogether } from '../disk/sync-together.ts'
import { GlasError } from '../glas/errors.ts'
import { MAX_ENTRIES, nameOf, parentOf, type TreeEntry } from './entry.ts'
import { probeFolding } from './folding.ts'
import { inertConfig } from './git-config.ts'
import { type InertPlan, MAX_GIT_CONFIG_BYTES, planInert } from './git-inert.ts'
import { checkTree } from './paths.ts'
import { isThere, Placing, repairPlacing, targetExists } from './placing.ts'
import { type Sidecar, writeSidecar } from './sidecar.ts'
import { type Content, type FileWriter, finishDirectories, stageFiles } from './stage.ts'

/** Each is read into memory before anything is written. A clone with submodules has some dozens. */
const MAX_GIT_CONFIGS = 1000
/** With so many files one sync of the whole file system is sooner done than one for each. */
const SYNC_TOGETHER_FROM = 64
/** Names beside the target get up to 12 bytes more (`.before-10000`), and NAME_MAX is 255. */
const MAX_TARGET_NAME_BYTES = 240

/** What is to be placed. */
export interface Tree {
  /** In any order, with the root as '' or without it. Nothing in them needs to have been checked. */
  entries(): AsyncIterable<TreeEntry>
  /** The bytes of a file, verified; asked once for each, several at a time. */
  content: Content
  writer?: FileWriter
}

export interface PlaceOptions {
  /** What to do with a directory that has the target's name; without it TargetExists is thrown. */
  replace?: 'keep old' | 'delete old'
  /** From another owner: what git would run by itself is placed so that it does not. */
  foreign?: boolean
  /** Written into the directory before it gets its name. */
  sidecar?: Omit<Sidecar, 'path'>
  signal?: AbortSignal
  /** Told after each chunk that was written, with its length. */
  onBytes?: (bytes: number) => void
}

export interface InertFile {
  /** As placed. */
  path: string
  /** `hook`, `settings file`, or the names of the git settings that became comments. */
  what: string
}

export interface Placed {
  /** Absolute path. */
  directory: string
  /** Where the directory of that name went; null where there was none, or it was deleted. */
  oldDirectory: string | null
  inert: InertFile[]
}

/**
 * All names are checked, and the target too, before anything is written; then all is staged in a sibling of the
 * target, synced and renamed. When it fails the target is untouched and the sibling gone. Throws UnsafePath,
 * TargetExists, LimitExceeded, BlockMismatch, what `tree` throws, and errno errors of the disk.
 */
export async function placeTree(tree: Tree, target: string, options: PlaceOptions = {}): Promise<Placed> {
  const directory = resolve(target)
  if (Buffer.byteLength(basename(directory)) > MAX_TARGET_NAME_BYTES) {
    throw new GlasError('InvalidName', `"${target}" is longer than ${MAX_TARGET_NAME_BYTES} bytes. Name it otherwise.`)
  }
  const entries = await collect(tree)
  checkTree(entries)
  const inert = await (options.foreign ? makeInert(entries, tree) : asIs(entries, tree))
  const isReplaced = await checkTarget(directory, options)
  await mkdir(dirname(directory), { recursive: true })
  await repairPlacing(dirname(directory))
  const placing = await Placing.begin(directory)
  try {
    await fill(placing, directory, { ...inert, ...options })
    if (!isReplaced) await placing.put()
    const oldDirectory = isReplaced ? await placing.replace(options.replace === 'keep old') : null
    return { directory, oldDirectory, inert: inert.report }
  } catch (error) {
    await placing.giveUp().catch(() => {}) // what went wrong first is what the user has to hear
    throw error
  }
}

interface Prepared {
  entries: TreeEntry[]
  content: Content
  writer?: FileWriter | undefined
  report: InertFile[]
}

async function fill(placing: Placing, directory: string, prepared: Prepared & PlaceOptions): Promise<void> {
  const { staging } = placing
  const { entries, sidecar, signal, onBytes } = prepared
  const folding = await probeFolding(staging)
  checkTree(entries, folding)
  const together = entries.length >= SYNC_TOGETHER_FROM && (await canSyncTogether(staging))
  await stageFiles(staging, entries, prepared, { syncEach: !together, signal, onBytes })
  if (sidecar !== undefined) await writeSidecar(staging, sidecar, directory)
  await finishDirectories(staging, entries, { syncEach: !together })
  if (together) await syncTogether(staging)
}

async function collect(tree: Tree): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = []
  for await (const entry of tree.entries()) {
    if (entries.length > MAX_ENTRIES) {
      throw new GlasError('LimitExceeded', `This version has more than ${MAX_ENTRIES} files. It cannot be placed.`, {
        data: { limit: MAX_ENTRIES, unit: 'files' },
      })
    }
    entries.push(entry)
  }
  if (entries.some(({ path }) => path === '')) return entries
  const mtimeSec = Math.floor(Date.now() / 1000)
  const root = { path: '', kind: 'directory', mode: 0o755, mtimeSec, mtimeNsec: 0, sizeBytes: 0, target: null } as const
  return [root, ...entries]
}

async function asIs(entries: TreeEntry[], tree: Tree): Promise<Prepared> {
  return { entries, content: (entry) => tree.content(entry), writer: tree.writer, report: [] }
}

async function makeInert(entries: TreeEntry[], tree: Tree): Promise<Prepared> {
  const plan = planInert(entries)
  const originals = new Map(entries.map((entry) => [entry.path, entry]))
  const rewritten = await rewriteConfigs(plan, tree)
  const sizeOf = (entry: TreeEntry) => rewritten.get(entry.path)?.bytes.byteLength ?? entry.sizeBytes
  const placed = plan.entries.map((entry) => ({ ...entry, sizeBytes: sizeOf(entry) }))
  checkTree(placed)
  const originalOf = (entry: TreeEntry) => {
    if (rewritten.has(entry.path)) return undefined
    return originals.get(plan.renamed.get(entry.path) ?? entry.path) ?? entry
  }
  const content = (entry: TreeEntry) => {
    const bytes = rewritten.get(entry.path)?.bytes
    return bytes === undefined ? tree.content(originalOf(entry) ?? entry) : once(bytes)
  }
  const report = [
    ...[...plan.renamed].map(([path, original]) => ({
      path,
      what: nameOf(original).startsWith('config') ? 'settings file' : 'hook',
    })),
    ...[...rewritten].filter(([, { what }]) => what !== '').map(([path, { what }]) => ({ path, what })),
  ]
  return { entries: placed, content, writer: tree.writer && inertWriter(tree.writer, originalOf), report }
}

/** Writes what is in the tree under another name; what was rewritten is none of it. */
function inertWriter(writer: FileWriter, originalOf: (entry: TreeEntry) => TreeEntry | undefined): FileWriter {
  return {
    async write(path, entry, options) {
      const original = originalOf(entry)
      return original !== undefined && writer.write(path, { ...entry, path: original.path }, options)
    },
  }
}

async function rewriteConfigs(plan: InertPlan, tree: Tree): Promise<Map<string, { bytes: Buffer; what: string }>> {
  const rewritten = new Map<string, { bytes: Buffer; what: string }>()
  if (plan.configs.size > MAX_GIT_CONFIGS) {
    throw new GlasError('LimitExceeded', `This version has more than ${MAX_GIT_CONFIGS} git clones in it.`, {
      data: { limit: MAX_GIT_CONFIGS, value: plan.configs.size, unit: 'git settings files' },
    })
  }
  for (const entry of plan.entries) {
    if (!plan.configs.has(entry.path)) continue
    const chunks: Uint8Array[] = []
    let sizeBytes = 0
    for await (const chunk of tree.content(entry)) {
      sizeBytes += chunk.byteLength
      if (sizeBytes > MAX_GIT_CONFIG_BYTES)
        throw new GlasError('BlockMismatch', `"${entry.path}" is not what it should be.`)
      chunks.push(chunk)
    }
    const { text, settings } = inertConfig(Buffer.concat(chunks).toString('latin1'), parentOf(entry.path))
    rewritten.set(entry.path, { bytes: Buffer.from(text, 'latin1'), what: settings.join(', ') })
  }
  return rewritten
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** Whether there is a directory to replace. */
async function checkTarget(directory: string, { replace }: PlaceOptions): Promise<boolean> {
  if (!(await isThere(directory))) return false
  if (replace === undefined) throw targetExists(directory)
  if (!(await lstat(directory)).isDirectory()) {
    const message = `"${directory}" is not a directory, and is not replaced. Name another one.`
    throw new GlasError('TargetExists', message, { data: { target: directory } })
  }
  return true
}
