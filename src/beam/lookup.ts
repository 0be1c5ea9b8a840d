import { sameBytes, toHex } from '../glas/keys.ts'
import { parseReference } from '../glas/reference.ts'
import { versionText } from '../glas/version.ts'
import { publishingOwner } from '../home/home.ts'
import type { GlasView } from '../index/glas-view.ts'
import { type IsNear, type Resolved, resolveGlas } from '../index/resolve.ts'
import type { Member } from '../net/membership.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'

type Finding = Pick<Parts, 'home' | 'index' | 'swarm'>

/**
 * Names and prefixes mean glases that this person owns, may publish or follows, and those of whom an invitation has
 * brought together with this home: a stranger's cannot take a name.
 */
export function nearness({ home, index, swarm }: Finding): IsNear {
  const owners = new Set([toHex(home.owner.publicKey), publishingOwner(home), ...invitedTogether({ home, swarm })])
  const glases = new Set<string>()
  let everything = false
  for (const { what, id } of home.config.follow) {
    if (what === 'all') everything = true
    else if (what === 'owner') owners.add(id)
    else glases.add(id)
  }
  return (glasId, owner) => {
    if (everything || owners.has(owner) || glases.has(glasId)) return true
    return index.view.grants.usable(home.peer.publicKey, Buffer.from(owner, 'hex'), glasId) !== undefined
  }
}

/** Owners, in hex, of the member that invited this home and of those that this home invited. */
function invitedTogether({ home, swarm }: Pick<Parts, 'home' | 'swarm'>): string[] {
  const own = home.peer.publicKey
  const inviter = swarm.membership.member(own)?.invitedBy
  const isMet = ({ peerKey, invitedBy }: Member) => {
    return sameBytes(invitedBy, own) || (inviter !== undefined && sameBytes(inviter, peerKey))
  }
  return swarm.membership
    .members()
    .filter(isMet)
    .map(({ owner }) => toHex(owner))
}

export function findGlas(parts: Finding, text: string): GlasView {
  return resolveGlas(parts.index.view, parseReference(text), nearness(parts))
}

/**
 * What a reference means now. Tells when there is a fork under it, and when it means something else than the last time
 * it was shown here: a version never changes silently.
 */
export function findVersion(parts: Finding, text: string, { onMessage }: Pick<CallOptions, 'onMessage'>): Resolved {
  const resolved = parts.index.resolve(parseReference(text), nearness(parts))
  const { glasId, version, others } = resolved
  const name = `${resolved.published.entry.body.imageName}@${versionText(version)}`
  const change = parts.index.show(glasId, version)
  if (change !== undefined && !change.before.equals(change.now)) {
    onMessage(`${name} means another snapshot than when you last saw it. The one before is @${change.before}.`)
  }
  if (others.length > 0) {
    const list = others.map((other) => `@${other.record}`).join(', ')
    onMessage(`${name} was published ${others.length + 1} times at once. This is the first; the others are ${list}.`)
  }
  return resolved
}
