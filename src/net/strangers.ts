import type { Connection, Libp2p, PeerId } from '@libp2p/interface'
import { GlasError } from '../glas/errors.ts'
import { FORGET_STRANGER_AFTER_MS, MAX_STRANGERS } from './limits.ts'
import { type LiveMembers, peerKeyFrom } from './live-members.ts'

/**
 * Bounds what peers that are no members take: connections (the oldest goes when there are too many) and memory (what
 * identify learned of them is forgotten after they leave).
 */
export function watchStrangers(libp2p: Libp2p, members: LiveMembers): void {
  const isStranger = (peerId: PeerId) => {
    const peerKey = peerKeyFrom(peerId)
    return peerKey === undefined || !members.isMember(peerKey)
  }
  libp2p.addEventListener('connection:open', () => {
    const strangers = libp2p.getConnections().filter(({ remotePeer }) => isStranger(remotePeer))
    for (const connection of oldest(strangers)) {
      connection.abort(new GlasError('LimitExceeded', `More than ${MAX_STRANGERS} peers that are no members.`))
    }
  })
  libp2p.addEventListener('peer:disconnect', ({ detail: peerId }) => {
    if (!isStranger(peerId)) return
    const timer = setTimeout(() => {
      if (libp2p.getConnections(peerId).length === 0) libp2p.peerStore.delete(peerId).catch(() => {})
    }, FORGET_STRANGER_AFTER_MS)
    timer.unref()
  })
}

/** Those beyond the limit that are connected longest: members prove themselves at once, so they are not among them. */
function oldest(connections: Connection[]): Connection[] {
  const byAge = connections.sort((a, b) => a.timeline.open - b.timeline.open)
  return byAge.slice(0, Math.max(0, byAge.length - MAX_STRANGERS))
}
