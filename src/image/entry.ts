/** What an image directory is made of: the same shape when it is read from a disk and when it is placed on one. */
import type { BigIntStats } from 'node:fs'

export type EntryKind = 'file' | 'directory' | 'symlink'

/** Attributes that are kept beside the contents. */
export interface Attributes {
  /** Permission bits only: 0 to 0o777. */
  mode: number
  mtimeSec: number
  /** 0 to 999,999,999; `mtimeSec` is rounded down, also before 1970. */
  mtimeNsec: number
}

export interface TreeEntry extends Attributes {
  /** Relative to the image directory, with `/`, exactly as the file system spells it; '' is the directory itself. */
  path: string
  kind: EntryKind
  /** Bytes of a file; 0 for everything else. */
  sizeBytes: number
  /** Where a symlink points to, as written in it; null for everything else. */
  target: string | null
}

/** Set-user-id, set-group-id and sticky bits are dropped: they mean something on the machine they were set on alone. */
export const MODE_MASK = 0o777

/** Few links are honoured for their mode, and not on every system: all get the same one. */
export const SYMLINK_MODE = 0o777

/** Entries of one image directory. An Iceberg clone in file-per-method format has some 100,000 files. */
export const MAX_ENTRIES = 500_000

const NSEC_PER_SEC = 1_000_000_000n

/** `mtimeNs` is nanoseconds since 1970, as `stat` gives it with `bigint: true`. */
export function attributesOf(mode: bigint, mtimeNs: bigint): Attributes {
  const nsec = ((mtimeNs % NSEC_PER_SEC) + NSEC_PER_SEC) % NSEC_PER_SEC
  return {
    mode: Number(mode) & MODE_MASK,
    mtimeSec: Number((mtimeNs - nsec) / NSEC_PER_SEC),
    mtimeNsec: Number(nsec),
  }
}

/** Of a file: differs after any write, and after another file took the name. The time of its last change stands last. */
export function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
}

/** Orders by the bytes of the path in UTF-8, so that a directory comes before what is in it, on every machine alike. */
export function sortByPath<T extends { path: string }>(entries: T[]): T[] {
  const keyed = entries.map((entry) => ({ entry, key: Buffer.from(entry.path) }))
  keyed.sort((a, b) => Buffer.compare(a.key, b.key))
  return keyed.map(({ entry }) => entry)
}

/** '' for a path of one part. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
