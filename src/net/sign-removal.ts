import { signCertificate, signRemoval } from '../glas/certificate.ts'
import { GlasError } from '../glas/errors.ts'
import { type KeyPair, type PublicKey, peerIdText, sameBytes } from '../glas/keys.ts'
import type { Added, Member, Membership } from './membership.ts'

/**
 * What `remover` has to sign so that `subject` is no member any more: certificates for those that `subject` let in and
 * that stay (everybody, unless `withInvited`), then the removal. Only the founder, and whoever gave the subject its
 * certificate, can do that; NotAllowed otherwise, PeerNotFound when it is no member.
 */
export function signRemovalOf(
  membership: Membership,
  subject: PublicKey,
  remover: KeyPair,
  options: { withInvited?: boolean } = {},
): Added {
  const member = membership.member(subject)
  if (member === undefined) {
    throw new GlasError('PeerNotFound', `${peerIdText(subject)} is no member. \`pintglas members\` lists them.`)
  }
  if (member.isFounder) throw new GlasError('NotAllowed', 'The founder cannot be removed from its own swarm.')
  const isFounder = sameBytes(remover.publicKey, membership.founder)
  const others = membership.issuersOf(subject).filter((issuer) => !sameBytes(issuer, remover.publicKey))
  if (!isFounder && (others.length > 0 || !sameBytes(member.invitedBy, remover.publicKey))) {
    throw notYours(membership, member, others)
  }
  const staying = options.withInvited ? [] : membership.members().filter((other) => wasInvitedBy(other, subject))
  return {
    certificates: staying.map(({ certificate }) =>
      signCertificate({ ...certificate.body, issuer: remover.publicKey }, remover),
    ),
    removals: [signRemoval({ swarm: membership.swarm, subject, issuer: remover.publicKey }, remover)],
  }
}

function wasInvitedBy(member: Member, inviter: PublicKey): boolean {
  return !member.isFounder && sameBytes(member.invitedBy, inviter)
}

function notYours(membership: Membership, member: Member, others: PublicKey[]): GlasError {
  const single = others.length === 1 ? others : []
  const who = [membership.founder, ...single].map((key) => membership.member(key)?.name ?? peerIdText(key))
  const names = [...new Set(who)].join(' or ')
  return new GlasError('NotAllowed', `Only ${names} can remove ${member.name}; ask there.`)
}
