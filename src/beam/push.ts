import { GlasError } from '../glas/errors.ts'
import type { GlasId } from '../glas/glas-id.ts'
import { versionText } from '../glas/version.ts'
import { cloneImage } from '../image/clone.ts'
import { locateImage } from '../image/locate.ts'
import { type Scan, scanDirectory, withImageAt } from '../image/scan.ts'
import { type SecretSearch, secretFound } from '../image/secrets.ts'
import { writeSidecar } from '../image/sidecar.ts'
import type { Head } from '../index/names.ts'
import type { Lease } from '../stock/leases.ts'
import { dryRun } from './dry-run.ts'
import { fetchVersion } from './fetch.ts'
import { limited } from './limited.ts'
import { liveOrigin } from './live-origin.ts'
import { memberNamed } from './names.ts'
import { type Made, newRecord, versionEntry } from './new-record.ts'
import { type Origin, originOf, withoutSidecar } from './origin.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'
import { publish } from './publish.ts'
import { publisherOf } from './publisher.ts'
import { type PushArgs, type PushResult, shownKept } from './push-result.ts'
import { relativesOf } from './relatives.ts'
import { type Snapshot, storeAttributes, takeSnapshot } from './snapshot.ts'
import { type Copies, spread } from './spread.ts'
import { recordIfUnchanged } from './unchanged.ts'

/**
 * directory -> stock -> index -> peers. Everything is durable before it is named, and named before it is told: blocks,
 * record, pin, entry, gossip. Nothing is acknowledged until the entry is durable.
 */
export async function push(parts: Parts, args: PushArgs, options: CallOptions): Promise<PushResult> {
  if (args.public) throw notSearched()
  for (const name of args.to) memberNamed(parts, name) // a slip of the pen is told before the work, not after it
  const image = await locateImage(args.path)
  const scan = withImageAt(await scanDirectory(image, { signal: options.signal }), args.live?.imageFile)
  for (const warning of scan.warnings) options.onMessage(warning)
  if (args.dryRun) return dryRun(scan, options)
  const known = args.live ? await liveOrigin(parts, args.live) : await originOf(image.directory, args.lineage)
  const lease = parts.stock.lease()
  // What a running image has handed over is nobody else's any more.
  const clone = args.background && !args.live ? await cloneImage(scan, args.background.clones) : undefined
  try {
    const reading = {
      scan: clone?.scan ?? scan,
      relatives: relativesOf(parts, known),
      bytesPerSecond: args.background?.bytesPerSecond ?? 0,
    }
    const snapshot = await takeSnapshot(parts.stock, reading, lease, options)
    requireNoSecrets(snapshot.search, args.allowSecrets)
    // An image elsewhere has no directory here that could have lost its sidecar.
    const origin = known.directory === undefined ? known : await withoutSidecar(parts, known, snapshot.contents)
    const { made, outcome, newBytes } = await recordOf(parts, { args, scan, origin, snapshot, lease }, options)
    if (outcome === 'pushed') {
      await parts.stock.put(made.cid, made.bytes, { lease })
      await parts.stock.pin(made.cid, 'own')
      await parts.stock.commit()
      // Before the entry: followers that count copies shall know of this one when they hear of the version.
      parts.running()?.claim([made.cid])
      await publish(parts, [versionEntry(parts, made)], options)
    } else await keepUnchanged(parts, made, options)
    if (origin.directory !== undefined) await writeSidecar(origin.directory, sidecarOf(made))
    const spreading = (held: Parts) => spread(held, made.cid, args, options)
    const copies = await limited(parts, args.limits, spreading).catch((error: unknown) => {
      options.onMessage(`${nameOf(made)} is kept on this machine all the same. Push again for the copies.`)
      throw error
    })
    return resultOf({ scan, snapshot, made, outcome, newBytes, copies })
  } finally {
    lease.release()
    await clone?.remove()
  }
}

interface Taken {
  args: PushArgs
  scan: Scan
  origin: Origin
  snapshot: Snapshot
  lease: Lease
}

/** The record to publish, or the one that says the same already. */
async function recordOf(
  parts: Parts,
  { args, scan, origin, snapshot, lease }: Taken,
  options: CallOptions,
): Promise<{ made: Made; outcome: 'pushed' | 'unchanged'; newBytes: number }> {
  const publisher = await publisherOf(parts, origin.imageId, origin.glasId, options)
  const head = parts.index.headOf(publisher.glasId)
  if (origin.glasId !== undefined && origin.glasId !== publisher.glasId) {
    if (args.lineage === 'same') throw notYours(origin.glasId)
    if (head.heads.length === 0) options.onMessage(`${notYours(origin.glasId).message} This begins a glas of your own.`)
  }
  if (!args.force) {
    const same = await recordIfUnchanged(parts, publisher.glasId, { snapshot, parent: origin.record, head })
    if (same !== undefined) return { made: { ...same, publisher, sequence: 0 }, outcome: 'unchanged', newBytes: 0 }
  }
  sayWhatItBuildsOn(origin, head, options)
  const { cid: attributes, newBytes } = await storeAttributes(parts.stock, snapshot, lease)
  const { image, leftOut } = scan
  return {
    made: newRecord({ args, image, leftOut, origin, publisher, snapshot, attributes, head }),
    outcome: 'pushed',
    newBytes: snapshot.newBytes + newBytes,
  }
}

/** A version that was unpinned is still in the stock until the next `gc`: who pushes it again wants it kept. */
async function keepUnchanged(parts: Parts, { cid, record }: Made, options: CallOptions): Promise<void> {
  if (parts.stock.pinReasons(cid).length > 0) return
  await fetchVersion(parts, { record: cid, glasId: record.glasId }, 'own', options)
}

function nameOf({ record: { imageName, version } }: Pick<Made, 'record'>): string {
  return `${imageName}@${versionText(version)}`
}

function sayWhatItBuildsOn(origin: Origin, { heads, parent }: Head, { onMessage }: CallOptions): void {
  const [first] = heads
  if (first === undefined || origin.record === undefined) return
  const { version, imageName } = first.entry.body
  const name = `${imageName}@${versionText(version)}`
  const mine = heads.find(({ record }) => origin.record?.equals(record))
  if (heads.length > 1) {
    const on = (mine ?? parent)?.record
    onMessage(`${name} was published ${heads.length} times at once; this version goes on from @${on}.`)
  } else if (mine === undefined && first.entry.body.glasId === origin.glasId) {
    onMessage(`This directory does not come from the latest version, ${name}; the new one is published beside it.`)
  }
}

function requireNoSecrets({ findings, overlooked }: SecretSearch, allowed: boolean): void {
  if (findings.length > 0 && !allowed) throw secretFound(findings, overlooked)
}

export function sidecarOf({ record, cid }: Pick<Made, 'record' | 'cid'>) {
  const { glasId, imageId, version } = record
  return { glasId, imageId, version, record: cid }
}

interface Done {
  scan: Scan
  snapshot: Snapshot
  made: Made
  outcome: PushResult['outcome']
  newBytes: number
  copies: Copies
}

function resultOf({ scan, snapshot, made: { record, cid }, outcome, newBytes, copies }: Done): PushResult {
  return {
    outcome,
    'image-name': record.imageName,
    'glas-id': record.glasId,
    version: versionText(record.version),
    record: String(cid),
    'image-id': record.imageId,
    size: snapshot.sizeBytes,
    files: snapshot.files,
    'new-bytes': newBytes,
    image: [...snapshot.kept].map(([path, kept]) => shownKept(path, kept)),
    'left-out': scan.leftOut,
    searched: snapshot.search.searched,
    allowed: snapshot.search.findings.length,
    copies,
  }
}

function notYours(glasId: GlasId): GlasError {
  const message = `You may not publish ${glasId}, where this directory comes from: its owner can allow it with \`pintglas grant\`.`
  return new GlasError('NotAllowed', message, { data: { 'glas-id': glasId } })
}

function notSearched(): GlasError {
  const message =
    'A glas cannot be made public: its heap was not searched for secrets, and what was public once cannot be called ' +
    'back. Share it inside your swarm: `pintglas invite`.'
  return new GlasError('NotSearched', message)
}
