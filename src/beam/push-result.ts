import type { VersionStep } from '../glas/version.ts'
import type { LeftOut } from '../image/rules.ts'
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
  /** Members that shall hold it before the push ends, by name or peer id. */
  to: string[]
  /** How many other peers shall hold it before the push ends. */
  copies: number
  public: boolean
}

export interface PushResult {
  outcome: 'pushed' | 'unchanged' | 'dry-run'
  'image-name': string
  'glas-id': string
  version: string
  record: string
  'image-id': string
  size: number
  files: number
  /** Bytes that were not in the stock yet. */
  'new-bytes': number
  'left-out': LeftOut[]
  searched: { text: string[]; not: string[] }
  /** Findings let through with `--secrets allow`. */
  allowed: number
  copies: Copies
}
