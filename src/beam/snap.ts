import { GlasError } from '../glas/errors.ts'
import { peerKeyOf } from '../glas/keys.ts'
import { versionText } from '../glas/version.ts'
import { publishedAs } from './hold.ts'
import { type ListedTap, live } from './live.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'
import type { PushResult } from './push-result.ts'
import { tapNamed } from './tap-reference.ts'

export interface SnapArgs {
  /** A tap, as `tapNamed` takes it. */
  tap: string
  /** Only for images that are connected here. */
  allowSecrets: boolean
}

export interface SnapResult extends Pick<PushResult, 'image-name' | 'glas-id' | 'version' | 'record'> {
  outcome: 'pushed' | 'unchanged'
  /** The machine that took it, and holds it. */
  peer: string
  /** That is this one. */
  here: boolean
}

/** Asks a running image for a snapshot, here or at another member, and waits until it is a version. */
export async function snap(parts: Parts, args: SnapArgs, options: CallOptions): Promise<SnapResult> {
  const { taps } = await live(parts, {}, options)
  const tap = tapNamed(taps, args.tap)
  if (!tap.here) return snapThere(parts, tap, args, options)
  if (parts.taps === undefined) throw new GlasError('Interrupted', 'The daemon was stopped.')
  const { signal, onMessage } = options
  const onTaking = () => onMessage(`The snapshot of ${tap.name} comes in.`)
  const result = await parts.taps.snap(tap.id, { signal, onTaking, allowSecrets: args.allowSecrets })
  return { ...result, outcome: result.outcome === 'unchanged' ? 'unchanged' : 'pushed', peer: tap.peer, here: true }
}

/** The other peer says which record it is; what this record means, the entries of the index say. */
async function snapThere(
  parts: Parts,
  tap: ListedTap,
  { allowSecrets }: SnapArgs,
  { signal, onMessage }: CallOptions,
): Promise<SnapResult> {
  if (allowSecrets) {
    const message = `Whether secrets may go out is decided where the image runs: use --secrets allow on ${tap.peer}.`
    throw new GlasError('NotAllowed', message)
  }
  const network = await parts.network()
  const peerKey = peerKeyOf(tap.peerId)
  onMessage(`Asked ${tap.name} on ${tap.peer}; it may take a while.`)
  let isTaking = false
  const { record, isNew } = await network.live.snap(peerKey, tap.id, {
    signal,
    onPhase: (phase) => {
      if (phase === 'taking' && !isTaking) onMessage(`The snapshot of ${tap.name} comes in at ${tap.peer}.`)
      isTaking ||= phase === 'taking'
    },
  })
  await network.catchUp(peerKey, signal)
  const published = publishedAs(parts, record)
  if (published === undefined) {
    const message = `${tap.peer} says that it took a snapshot of ${tap.name}, but no entry of the index names it.`
    throw new GlasError('BadMessage', message, { data: { record: String(record) } })
  }
  const { glasId, version, imageName } = published.entry.body
  return {
    outcome: isNew ? 'pushed' : 'unchanged',
    'image-name': imageName,
    'glas-id': glasId,
    version: versionText(version),
    record: String(record),
    peer: tap.peer,
    here: false,
  }
}
