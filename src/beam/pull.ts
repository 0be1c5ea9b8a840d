import { readdir, statfs } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, resolve, sep } from 'node:path'
import type { CID } from 'multiformats/cid'
import { hasErrno } from '../disk/files.ts'
import { GlasError, isGlasError } from '../glas/errors.ts'
import { toHex } from '../glas/keys.ts'
import type { GlasRecord } from '../glas/record.ts'
import { parseReference } from '../glas/reference.ts'
import { versionText } from '../glas/version.ts'
import { publishingOwner, stockFolder } from '../home/home.ts'
import { SIDECAR_NAME } from '../image/paths.ts'
import { type Placed, placeTree } from '../image/place.ts'
import { isThere, removeTree } from '../image/placing.ts'
import type { Resolved } from '../index/resolve.ts'
import type { BandwidthLimits } from '../net/rate-limit.ts'
import { fetchVersion } from './fetch.ts'
import { limited } from './limited.ts'
import { findVersion } from './lookup.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'
import { sidecarOf } from './push.ts'
import { treeOf } from './tree.ts'
import { hasUnpublishedWork } from './unpublished.ts'

export interface PullArgs {
  reference: string
  /** Absolute path of the directory to make; the image's name in `base` where not given. */
  target?: string
  /** Where a target without a name of its own goes. */
  base: string
  /** Replace a directory that is there; with work in it that was never pushed it is kept beside. */
  force: boolean
  limits?: BandwidthLimits
}

export interface PullResult {
  'image-name': string
  'glas-id': string
  version: string
  record: string
  directory: string
  size: number
  files: number
  'fetched-bytes': number
  /** Ids of the peers that sent blocks; empty when everything was here. */
  from: string[]
  /** Where a directory went that had the target's name; empty where there was none, or nothing to keep. */
  'kept-old': string
  /** What git would have run by itself, placed so that it does not. */
  inert: Array<{ path: string; what: string }>
}

/** Why a version is pinned that was pulled. */
const PULLED = 'pulled'

/** index -> peers -> stock -> directory: found by name, fetched and verified, pinned, and only then placed. */
export function pull(parts: Parts, args: PullArgs, options: CallOptions): Promise<PullResult> {
  return limited(parts, args.limits, (held) => pullWithin(held, args, options))
}

async function pullWithin(parts: Parts, args: PullArgs, options: CallOptions): Promise<PullResult> {
  const resolved = await findAnywhere(parts, args.reference, options)
  const wasHere = parts.stock.pinReasons(resolved.record).includes(PULLED)
  const { record, fetchedBytes, from } = await fetchVersion(parts, resolved, PULLED, options)
  const placed = await place(parts, { args, resolved, record }, options).catch(async (error: unknown) => {
    if (!wasHere && isUnplaceable(error)) await letGo(parts, resolved.record)
    throw error
  })
  parts.running()?.claim([resolved.record])
  const { imageName, glasId, version, sizeBytes } = record
  return {
    'image-name': imageName,
    'glas-id': glasId,
    version: versionText(version),
    record: String(resolved.record),
    directory: placed.directory,
    size: sizeBytes,
    files: placed.files,
    'fetched-bytes': fetchedBytes,
    from,
    'kept-old': placed.oldDirectory ?? '',
    inert: placed.inert,
  }
}

/** What nobody can place is not worth keeping; another target, or more room, may be found for the rest. */
function isUnplaceable(error: unknown): boolean {
  return isGlasError(error) && ['UnsafePath', 'BadRecord', 'LimitExceeded', 'UnknownFormat'].includes(error.code)
}

async function letGo({ stock }: Parts, record: CID): Promise<void> {
  await stock.unpin(record, PULLED)
  await stock.commit()
}

/** Looks here first; what is not known here, and what `latest` or a tag means by now, is asked of the peers. */
async function findAnywhere(parts: Parts, reference: string, options: CallOptions): Promise<Resolved> {
  parseReference(reference) // a slip of the pen needs no network
  const isFixed = /@(\d+\.\d+\.\d+|b[a-z2-7]{50,})$/.test(reference)
  try {
    if (isFixed) return findVersion(parts, reference, options)
  } catch (error) {
    if (!isGlasError(error, 'NameNotFound')) throw error
  }
  try {
    const network = await parts.network()
    await network.settled(options.signal)
  } catch (error) {
    if (!isGlasError(error, 'NotAllowed')) throw error // offline: what is known here has to do
  }
  return findVersion(parts, reference, options)
}

interface Placing {
  args: PullArgs
  resolved: Resolved
  record: GlasRecord
}

async function place(
  parts: Parts,
  { args, resolved, record }: Placing,
  options: CallOptions,
): Promise<Placed & { files: number }> {
  const target = args.target ?? resolve(args.base, safeName(record.imageName))
  if (args.force) {
    requireNobodysHouse(parts, target)
    await requireImageDirectory(target)
  }
  await requireFreeDisk(target, record.sizeBytes)
  let files = 0
  let doneBytes = 0
  const tree = treeOf(parts, record, options.signal)
  const counted = {
    ...tree,
    async *entries() {
      for await (const entry of tree.entries()) {
        if (entry.kind === 'file') files++
        yield entry
      }
    },
  }
  const placed = await placeTree(counted, target, {
    ...(args.force ? { replace: 'keep old' as const } : {}),
    foreign: isForeign(parts, resolved),
    sidecar: sidecarOf({ record, cid: resolved.record }),
    signal: options.signal,
    onBytes: (bytes) => {
      doneBytes += bytes
      options.onProgress({ phase: 'placing', doneBytes, totalBytes: record.sizeBytes })
    },
  })
  return { ...(await removeUnlessNeeded(parts, placed, options)), files }
}

/** `--force` moves a directory aside: not one that everything else of the user is in. */
function requireNobodysHouse({ home }: Pick<Parts, 'home'>, target: string): void {
  const houses = [homedir(), home.folder.root, stockFolder(home)]
  const isIn = (house: string) => house === target || house.startsWith(target.endsWith(sep) ? target : target + sep)
  if (!houses.some(isIn)) return
  const message = `"${target}" holds more than an image, and is not replaced. Name the image's own directory.`
  throw new GlasError('UnsafePath', message, { data: { target } })
}

/** `--force` is for going to another version in place: a folder of other things that happens to be here is not meant. */
async function requireImageDirectory(target: string): Promise<void> {
  const names = await readdir(target).catch((error: unknown) => {
    if (hasErrno(error, 'ENOENT') || hasErrno(error, 'ENOTDIR')) return []
    throw error
  })
  if (names.length === 0 || names.some((name) => name === SIDECAR_NAME || name.endsWith('.image'))) return
  const message = `"${target}" holds no image, so it is not replaced. Name the image's own directory, or a new one.`
  throw new GlasError('TargetExists', message, { data: { target } })
}

/** Said before anything is written: a small stock can hold a version that is larger than any disk. */
async function requireFreeDisk(target: string, sizeBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(await existingAncestor(target))
  const freeBytes = bavail * bsize
  if (sizeBytes <= freeBytes) return
  const message = `"${target}" would need ${sizeBytes} bytes, and that disk has ${freeBytes} left. Free some space, or name another place.`
  throw new GlasError('DiskFull', message, { data: { target, sizeBytes, freeBytes } })
}

async function existingAncestor(path: string): Promise<string> {
  const parent = dirname(path)
  if (parent === path || (await isThere(parent))) return parent
  return existingAncestor(parent)
}

/** Looked at only when it has left its place: what an image saved there until then is in it. */
async function removeUnlessNeeded(parts: Parts, placed: Placed, options: CallOptions): Promise<Placed> {
  const { oldDirectory } = placed
  if (oldDirectory === null || (await hasUnpublishedWork(parts, oldDirectory, options))) return placed
  await removeTree(oldDirectory)
  return { ...placed, oldDirectory: null }
}

/** Whatever another person published: hooks in their git clones are not run here. */
function isForeign({ home }: Parts, { published }: Resolved): boolean {
  const owner = toHex(published.entry.body.owner)
  return owner !== toHex(home.owner.publicKey) && owner !== publishingOwner(home)
}

/** Image names come from others: one that is no plain file name gets no directory of its own accord. */
function safeName(imageName: string): string {
  if (imageName !== '' && imageName !== '.' && imageName !== '..' && !/[/\\\0\p{Cc}]/u.test(imageName)) return imageName
  throw new GlasError('UnsafePath', 'The image has a name that is no good for a directory. Say where to put it.', {
    data: { 'image-name': imageName },
  })
}
