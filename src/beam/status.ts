import { peerIdText, sameBytes } from '../glas/keys.ts'
import { versionText } from '../glas/version.ts'
import { findVersion } from './lookup.ts'
import { peerName } from './names.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'

export interface HolderStatus {
  peer: string
  peerId: string
  /** It answered a challenge; false: it only says so. */
  proved: boolean
  connected: boolean
  'seen-seconds-ago': number
}

export interface VersionStatus {
  'glas-id': string
  'image-name': string
  version: string
  record: string
  /** Kept here, and why. */
  here: string[]
  /** Proved ones, this peer included when it keeps the version. */
  copies: number
  holders: HolderStatus[]
}

/** Who holds a version. Asks the members that can be reached, and challenges those that say they do. */
export async function status(
  parts: Parts,
  { reference }: { reference: string },
  options: CallOptions,
): Promise<VersionStatus> {
  const network = await parts.network()
  await network.settled(options.signal)
  const { glasId, version, record, published } = findVersion(parts, reference, options)
  await network.holders.prove(record, { signal: options.signal })
  const up = network.membersUp()
  const holders = network.holders.holders(record).map(({ peerKey, proved, lastSeenMs }) => ({
    peer: peerName(parts, peerKey),
    peerId: peerIdText(peerKey),
    proved,
    connected: up.some((one) => sameBytes(one, peerKey)),
    'seen-seconds-ago': Math.round(lastSeenMs / 1000),
  }))
  const here = parts.stock.pinReasons(record)
  return {
    'glas-id': glasId,
    'image-name': published.entry.body.imageName,
    version: versionText(version),
    record: String(record),
    here,
    copies: holders.filter(({ proved }) => proved).length + (here.length > 0 ? 1 : 0),
    holders,
  }
}

export interface HomeStatus {
  home: string
  name: string
  glases: number
  versions: number
  'stock-bytes': number
  members: number
  /** Names of those that are connected; empty without a daemon. */
  connected: string[]
  /** What peers did against the rules: peer id -> error code -> times. */
  violations: Record<string, Record<string, number>>
  /** Entries that were not taken: error code -> times. */
  refused: Record<string, number>
}

/** This home at a glance. */
export async function homeStatus(parts: Parts): Promise<HomeStatus> {
  const { home, index, stock, swarm } = parts
  const glases = index.view.glases()
  const { packBytes } = await stock.totals()
  const network = parts.running()
  return {
    home: home.folder.root,
    name: home.config.name,
    glases: glases.length,
    versions: glases.reduce((sum, glas) => sum + glas.versions().length, 0),
    'stock-bytes': packBytes,
    members: swarm.membership.members().length,
    connected: (network?.membersUp() ?? []).map((peerKey) => peerName(parts, peerKey)),
    violations: Object.fromEntries(
      [...(network?.violations ?? [])].map(([peer, counts]) => [peer, Object.fromEntries(counts)]),
    ),
    refused: Object.fromEntries(index.set.refusals.byCode()),
  }
}
