import { GlasError } from '../glas/errors.ts'
import { type PublicKey, peerIdText, sameBytes } from '../glas/keys.ts'
import type { Parts } from './parts.ts'

/** What a peer is called: the name of a member, else its peer id. */
export function peerName({ swarm }: Pick<Parts, 'swarm'>, peerKey: PublicKey): string {
  return swarm.membership.member(peerKey)?.name ?? peerIdText(peerKey)
}

/** The member of that name or peer id. PeerNotFound with what there is, AmbiguousName when two have the name. */
export function memberNamed({ swarm, home }: Pick<Parts, 'swarm' | 'home'>, text: string): PublicKey {
  const members = swarm.membership.members()
  const found = members.filter(({ name, peerKey }) => name === text || peerIdText(peerKey) === text)
  const [only] = found
  if (only !== undefined && found.length === 1) return only.peerKey
  if (found.length > 1) {
    const ids = found.map(({ peerKey }) => peerIdText(peerKey))
    throw new GlasError(
      'AmbiguousName',
      `${found.length} members are called "${text}": ${ids.join(', ')}. Use the id.`,
      {
        data: { candidates: ids },
      },
    )
  }
  const others = members.filter(({ peerKey }) => !sameBytes(peerKey, home.peer.publicKey)).map(({ name }) => name)
  const there =
    others.length === 0 ? 'There is no other member yet: `pintglas invite`.' : `There are: ${others.join(', ')}.`
  throw new GlasError('PeerNotFound', `No member of the swarm is called "${text}". ${there}`, {
    data: { there: others },
  })
}
