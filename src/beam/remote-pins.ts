/** Copies of public versions at IPFS services: placed, listed, checked and let go. The service itself is what is believed. */
import { GlasError } from '../glas/errors.ts'
import { versionText } from '../glas/version.ts'
import { withRemote } from '../remote/open-remote.ts'
import type { Remote, RemoteState } from '../remote/remote-pinning.ts'
import { loadRemotes, remoteNamed } from '../remote/remotes.ts'
import { findVersion } from './lookup.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'

/** Addresses of a service that are dialled so that it can fetch from here. */
const MAX_DELEGATES = 4

export interface RemotelyPinned {
  remote: string
  'image-name': string
  version: string
  record: string
  /** `none` when it is not kept there. */
  state: RemoteState | 'none'
  info: string
}

interface Named {
  reference: string
  remote: string
}

/** Has a remote keep a version. NotAllowed for one that is not public: the service could not fetch it, and shall not. */
export async function pinRemotely(parts: Parts, named: Named, options: CallOptions): Promise<RemotelyPinned> {
  const remote = await remoteFor(parts, named.remote, options)
  const found = findVersion(parts, named.reference, options)
  const cid = String(found.record)
  if (!parts.isPublic(found.record)) {
    const message = `"${named.reference}" is private. Only what is public can be kept by others than your swarm.`
    throw new GlasError('NotAllowed', message, { data: { record: cid } })
  }
  const network = await parts.network()
  const name = nameOf(found)
  const wanted = { cid, name, origins: network.multiaddrs() }
  const { state, info, delegates } = await withRemote(remote, (pinning) => pinning.add(wanted, options.signal))
  for (const address of delegates.slice(0, MAX_DELEGATES)) await network.meet(address, options.signal)
  if (state !== 'pinned' && !parts.isDaemon) {
    options.onMessage('It fetches from this peer, which has to stay up meanwhile: `pintglas daemon`.')
  }
  return { ...shownOf(found), remote: remote.name, state, info }
}

/** Has a remote keep it no longer. */
export async function unpinRemotely(parts: Parts, named: Named, options: CallOptions): Promise<RemotelyPinned> {
  const remote = await remoteFor(parts, named.remote, options)
  const found = findVersion(parts, named.reference, options)
  const wasThere = await withRemote(remote, (pinning) => pinning.remove(String(found.record), options.signal))
  if (!wasThere) throw new GlasError('GlasNotStocked', `"${named.reference}" is not kept by "${remote.name}".`)
  return { ...shownOf(found), remote: remote.name, state: 'none', info: '' }
}

/** What a remote keeps of what is known here, and how far it is; of other things how many there are. */
export async function remotePins(
  parts: Parts,
  { remote: name }: { remote: string },
  options: CallOptions,
): Promise<{ pins: RemotelyPinned[]; others: number }> {
  const remote = await remoteFor(parts, name, options)
  const known = new Map<string, Pick<RemotelyPinned, 'image-name' | 'version' | 'record'>>()
  for (const glas of parts.index.view.glases()) {
    for (const { record, entry } of glas.versions().flatMap((version) => version.published)) {
      const { imageName, version } = entry.body
      known.set(String(record), { 'image-name': imageName, version: versionText(version), record: String(record) })
    }
  }
  const pins: RemotelyPinned[] = []
  let others = 0
  await withRemote(remote, async (pinning) => {
    for await (const { cid, state, info } of pinning.list(options.signal)) {
      const version = known.get(cid)
      if (version === undefined) others++
      else pins.push({ ...version, remote: remote.name, state, info })
    }
  })
  return { pins, others }
}

/** NameNotFound, or NotAllowed where nobody may be asked. */
async function remoteFor({ home }: Pick<Parts, 'home'>, name: string, { offline }: CallOptions): Promise<Remote> {
  const remote = remoteNamed(await loadRemotes(home.folder.remotes), name)
  if (offline) throw new GlasError('NotAllowed', `This asks "${name}", and --offline forbids the network.`)
  return remote
}

type Found = ReturnType<typeof findVersion>

function shownOf(found: Found): Pick<RemotelyPinned, 'image-name' | 'version' | 'record'> {
  const { published, version, record } = found
  return { 'image-name': published.entry.body.imageName, version: versionText(version), record: String(record) }
}

function nameOf({ published, version }: Found): string {
  return `${published.entry.body.imageName}@${versionText(version)}`
}
