import type { VersionStep } from '../glas/version.ts'
import type { LeftOut } from '../image/rules.ts'
import type { BandwidthLimits } from '../net/rate-limit.ts'
import type { Kept } from '../stock/add-image.ts'
import type { LiveImage } from './live-origin.ts'
import type { Copies } from './spread.ts'

/** What a push takes and gives: the same for one that only shows what it would do. */
export interface PushArgs {
  /** Absolute path of an image directory or an `.image`. */
  path: string
  step: VersionStep
  /** A version to use instead of the next one. */
  as?: string
  /** A new version even when nothing changed. */
  force: boolean
  dryRun: boolean
  allowSecrets: boolean
  /** Whether hostname and path stand in the record. */
  location: boolean
  lineage?: 'same' | 'fork'
  /** The live image that `path` is a snapshot of; absent for a directory in which an image lives. */
  live?: LiveImage
  /** Nobody waits for it: read so many bytes in a second (0: as many as there are), from a clone in that folder where that can be. */
  background?: { bytesPerSecond: number; clones: string }
  /** Members that shall hold it before the push ends, by name or peer id. */
  to: string[]
  /** How many other peers shall hold it before the push ends. */
  copies: number
  public: boolean
  /** For the copies that others take meanwhile. */
  limits?: BandwidthLimits
}

/** As a push without any option; the path and whether secrets are allowed come with it. */
export const PLAIN_PUSH = {
  step: 'patch',
  force: false,
  dryRun: false,
  location: true,
  to: [] as string[],
  copies: 0,
  public: false,
} as const

export interface PushResult {
  outcome: 'pushed' | 'unchanged' | 'dry-run'
  'image-name': string
  'glas-id': string
  version: string
  record: string
  'image-id': string
  size: number
  files: number
  /** Bytes that were not in the stock yet; of an image that is kept as a delta, those of the delta. */
  'new-bytes': number
  /** How the image itself is kept: one file, several in the composed format, none where nothing was stored. */
  image: ImageKept[]
  'left-out': LeftOut[]
  searched: { text: string[]; not: string[] }
  /** Findings let through with `--secrets allow`. */
  allowed: number
  copies: Copies
}

export interface ImageKept {
  path: string
  'kept-as': Kept['as']
  /** The file that the delta stands on, and the bytes of the delta. */
  base?: string
  'delta-bytes'?: number
  /** Why it is not kept as a delta. */
  reason?: string
  /** Where the time of a delta went, in milliseconds; also of one that was not kept. */
  'phases-ms'?: Record<string, number>
}

export function shownKept(path: string, kept: Kept): ImageKept {
  const shown = { path, 'kept-as': kept.as }
  if (kept.as === 'known') return shown
  const phases = Object.entries(kept.phasesMs).map(([phase, ms]) => [phase, Math.round(ms)])
  const timed = { ...shown, 'phases-ms': Object.fromEntries(phases) as Record<string, number> }
  if (kept.as === 'blocks') return { ...timed, reason: kept.reason }
  return { ...timed, base: String(kept.base), 'delta-bytes': kept.deltaBytes }
}
