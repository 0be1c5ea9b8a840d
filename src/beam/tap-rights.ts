import { GlasError } from '../glas/errors.ts'
import { type PublicKey, peerIdText, sameBytes } from '../glas/keys.ts'
import type { TapRight } from '../glas/tap-right.ts'
import type { Home } from '../home/home.ts'
import { memberNamed, peerName } from './names.ts'
import type { Parts } from './parts.ts'
import { changeConfig } from './settings.ts'

/** What a member may with the images that run here. Nothing while they are not shared. */
export function tapRightOf({ config }: Pick<Home, 'config'>, peerKey: PublicKey): TapRight {
  return config.shareTaps ? grantedTapRight({ config }, peerKey) : 'nothing'
}

/** The same, whether they are shared or not. */
export function grantedTapRight({ config }: Pick<Home, 'config'>, peerKey: PublicKey): TapRight {
  const peer = peerIdText(peerKey)
  return config.tapRights.find((rule) => rule.peer === peer)?.right ?? 'nothing'
}

export interface Allowed {
  member: string
  peerId: string
  right: TapRight
  /** Whether anything is told at all: the setting `shareTaps`. */
  shared: boolean
}

/** Lets a member see where the images that run here are (`live`), ask them for snapshots too (`snap`), or neither. */
export async function allowMember(
  parts: Pick<Parts, 'home' | 'swarm'>,
  { peer, right }: { peer: string; right: TapRight },
): Promise<Allowed> {
  const peerKey = memberNamed(parts, peer)
  if (sameBytes(peerKey, parts.home.peer.publicKey)) {
    throw new GlasError('BadUsage', 'This machine may do everything with its own images.')
  }
  await setTapRight(parts, peerKey, right)
  return { member: peerName(parts, peerKey), peerId: peerIdText(peerKey), right, shared: parts.home.config.shareTaps }
}

export async function setTapRight(parts: Pick<Parts, 'home'>, peerKey: PublicKey, right: TapRight): Promise<void> {
  const peer = peerIdText(peerKey)
  const others = parts.home.config.tapRights.filter((rule) => rule.peer !== peer)
  await changeConfig(parts, { tapRights: right === 'nothing' ? others : [...others, { peer, right }] })
}
