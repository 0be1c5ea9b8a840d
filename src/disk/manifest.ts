/**
 * The manifest: which files of a folder count, and how many bytes of each. `manifest.<epoch>`, of which the highest
 * complete one is the truth; a *claim* is the empty manifest with which a new writer takes an epoch before it has read
 * the one below. Text: one line of JSON `{"format":1,"epoch":7,"claim":false,"files":{"packs/7-1.pack":1234}}`, then
 * the CRC-32 of that line without its newline, as 8 hex digits and a newline.
 */
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { GlasError } from '../glas/errors.ts'
import type { FileLayer } from './files.ts'
import { hasErrno, readSmallFile } from './files.ts'

const FORMAT = 1
/** About 100 000 files; packs are large and merged when small, so a real manifest is a thousandth of it. */
const MAX_MANIFEST_BYTES = 8 * 1024 * 1024
/** A new owner may remove the manifest that we are about to read; each time there is a newer one to try. */
const MAX_READ_TRIES = 20
const MANIFEST_NAME = /^manifest\.([1-9][0-9]{0,14})$/
/** `packs/7-1.pack`: the epoch of the writer that made the file, its number in that epoch. */
const FILE_NAME = /^[a-z]+\/([1-9][0-9]{0,14})-([1-9][0-9]{0,14})\.[a-z]+$/

export interface Manifest {
  epoch: number
  /** Taken, not yet filled. */
  claim: boolean
  /** Name relative to the folder -> acknowledged bytes. In the order in which the files were first acknowledged. */
  files: Map<string, number>
}

export function manifestPath(folder: string, epoch: number): string {
  return join(folder, `manifest.${epoch}`)
}

/** The epoch of a file name such as `packs/7-1.pack` or `7-1.pack`; undefined for a name that is not ours. */
export function epochOfFile(name: string): number | undefined {
  const match = FILE_NAME.exec(name.includes('/') ? name : `x/${name}`)
  return match === null ? undefined : Number(match[1])
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  const { epoch, claim, files } = manifest
  const line = JSON.stringify({ format: FORMAT, epoch, claim, files: Object.fromEntries(files) })
  const bytes = Buffer.from(`${line}\n${checksum(line)}\n`)
  if (bytes.length > MAX_MANIFEST_BYTES) {
    throw new GlasError('LimitExceeded', `A manifest of ${files.size} files is too large.`, {
      data: { limit: MAX_MANIFEST_BYTES, value: bytes.length, unit: 'bytes' },
    })
  }
  return bytes
}

function checksum(line: string): string {
  return crc32(line).toString(16).padStart(8, '0')
}

/** Throws BadPack, with the path, for anything that `encodeManifest` did not write. */
export function decodeManifest(bytes: Uint8Array, path: string): Manifest {
  const [line = '', sum, end, more] = Buffer.from(bytes).toString('utf8').split('\n')
  if (sum !== checksum(line) || end !== '' || more !== undefined) throw damaged(path, 'its checksum is wrong')
  const value: unknown = JSON.parse(line)
  if (typeof value !== 'object' || value === null) throw damaged(path, 'it is no object')
  const { format, epoch, claim, files } = value as Record<string, unknown>
  if (format !== FORMAT) {
    throw new GlasError('UnknownFormat', `${path} has format ${format}, which this program does not know. Update it.`)
  }
  if (!isCount(epoch) || typeof claim !== 'boolean' || typeof files !== 'object' || files === null) {
    throw damaged(path, 'a field is missing')
  }
  const sizes = new Map<string, number>()
  for (const [name, size] of Object.entries(files)) {
    if (!FILE_NAME.test(name) || !isCount(size)) throw damaged(path, 'it names an impossible file')
    sizes.set(name, size)
  }
  return { epoch, claim, files: sizes }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function damaged(path: string, why: string): GlasError {
  return new GlasError('BadPack', `The manifest ${path} is damaged: ${why}. Restore the file from a backup.`, {
    data: { path },
  })
}

/** All epochs of which there is a manifest or a claim, highest first. Empty when the folder is not there. */
export async function listEpochs(files: FileLayer, folder: string): Promise<number[]> {
  let names: string[]
  try {
    names = await files.list(folder)
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return []
    throw error
  }
  return names
    .map((name) => MANIFEST_NAME.exec(name)?.[1])
    .filter((epoch) => epoch !== undefined)
    .map(Number)
    .sort((a, b) => b - a)
}

/**
 * The newest complete manifest, below `belowEpoch` where given; undefined when there is none yet. Needs no lock: a
 * reader beside a live writer sees one state or the next.
 */
export async function readManifest(
  files: FileLayer,
  folder: string,
  belowEpoch = Number.POSITIVE_INFINITY,
): Promise<Manifest | undefined> {
  for (let tries = 0; tries < MAX_READ_TRIES; tries++) {
    const epochs = (await listEpochs(files, folder)).filter((epoch) => epoch < belowEpoch)
    const found = await firstComplete(files, folder, epochs)
    if (found !== 'vanished') return found
  }
  throw new GlasError('StoreLocked', `The manifests of ${folder} change faster than they can be read. Try again.`, {
    retryable: true,
    data: { folder },
  })
}

async function firstComplete(
  files: FileLayer,
  folder: string,
  epochs: number[],
): Promise<Manifest | undefined | 'vanished'> {
  for (const epoch of epochs) {
    const path = manifestPath(folder, epoch)
    const bytes = await readSmallFile(files, path, MAX_MANIFEST_BYTES)
    if (bytes === undefined) return 'vanished'
    const manifest = decodeManifest(bytes, path)
    if (!manifest.claim) return manifest
  }
  return undefined
}
