import type { CID } from 'multiformats/cid'
import { type Entry, signEntry, type VersionEntry } from '../glas/entry.ts'
import { GlasError } from '../glas/errors.ts'
import { depthOf, imageIdHash } from '../glas/image-id.ts'
import { encodeRecord, type GlasRecord, PROFILE } from '../glas/record.ts'
import {
  compareVersions,
  nextVersion,
  parseVersion,
  type Version,
  type VersionStep,
  versionText,
} from '../glas/version.ts'
import type { LocatedImage } from '../image/locate.ts'
import { countLeftOut, type LeftOut } from '../image/rules.ts'
import type { Head } from '../index/names.ts'
import type { Origin } from './origin.ts'
import type { Parts } from './parts.ts'
import type { Publisher } from './publisher.ts'
import type { Snapshot } from './snapshot.ts'

/** A record and who publishes it, as which entry. */
export interface Made {
  record: GlasRecord
  cid: CID
  bytes: Uint8Array
  publisher: Publisher
  sequence: number
}

export interface NewRecord {
  args: { step: VersionStep; as?: string; location: boolean; live?: { pauseMs?: number } }
  image: LocatedImage
  leftOut: readonly LeftOut[]
  origin: Origin
  publisher: Publisher
  snapshot: Snapshot
  attributes: CID
  head: Head
}

/** The record of a new version: what the directory was, where it came from, and what was left out and searched. */
export function newRecord({ args, image, leftOut, origin, publisher, snapshot, attributes, head }: NewRecord): Made {
  const { search, sizeBytes, contents, format, date } = snapshot
  const record: GlasRecord = {
    glasId: publisher.glasId,
    version: versionOf(args, head),
    ...(args.location && origin.hostname !== '' ? { hostname: origin.hostname } : {}),
    ...(args.location && origin.path !== '' ? { path: origin.path } : {}),
    imageName: image.imageName,
    date,
    sizeBytes,
    imageId: origin.imageId,
    contents,
    attributes,
    parent: origin.record ?? null,
    format,
    profile: PROFILE,
    removed: countLeftOut(leftOut),
    searched: { ...search.searched, allowed: search.findings.length + search.overlooked },
    ...(args.live?.pauseMs === undefined ? {} : { pauseMs: args.live.pauseMs }),
  }
  return { record, ...encodeRecord(record), publisher, sequence: head.sequence }
}

export function versionEntry({ home }: Pick<Parts, 'home'>, made: Made): Entry<VersionEntry> {
  const { record, cid, publisher, sequence } = made
  const { version, imageId, imageName, sizeBytes, date } = record
  const body: VersionEntry = {
    kind: 'version',
    ...publisher,
    sequence,
    version,
    record: cid,
    imageIdHash: imageIdHash(imageId),
    imageIdDepth: depthOf(imageId),
    imageName,
    sizeBytes,
    date,
  }
  return signEntry(body, home.peer)
}

/** `--as` takes a higher number only: one in use would be a fork made on purpose, a lower one never the latest. */
function versionOf({ step, as }: NewRecord['args'], { highest }: Head): Version {
  if (as === undefined) return nextVersion(highest, step)
  const version = parseVersion(as)
  if (highest === undefined || compareVersions(version, highest) > 0) return version
  throw new GlasError('BadUsage', `--as ${as} must be higher than the highest version, ${versionText(highest)}.`)
}
