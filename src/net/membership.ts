/**
 * Who belongs to a swarm, decided from a set of signed certificates and removals alone: no clock, no order of arrival.
 *
 * - The founder is a member, always.
 * - A certificate counts when its issuer is the founder, or a member that may invite, and it was not taken back.
 * - A removal by the founder takes back every certificate of its subject, for good: that peer key never comes back.
 *   A removal by anybody else takes back what the same issuer gave to that subject, and nothing more: otherwise a
 *   member that invites could certify whom it likes and then remove it.
 * - Whoever was let in by a removed member is out too, or the removed one could go on inviting. `remove` therefore
 *   signs new certificates for those that stay (see sign-removal.ts): removing an inviter removes nobody else.
 */
import type { Certificate, Removal, SwarmId } from '../glas/certificate.ts'
import { GlasError } from '../glas/errors.ts'
import { type PublicKey, sameBytes, toHex } from '../glas/keys.ts'
import type { Signed } from '../glas/signed.ts'
import { MAX_CERTIFICATES, MAX_CHAIN, MAX_REMOVALS, MAX_UNDECIDED } from './limits.ts'

export type SignedCertificate = Signed<Certificate>
export type SignedRemoval = Signed<Removal>

export interface Member {
  peerKey: PublicKey
  owner: PublicKey
  name: string
  mayInvite: boolean
  /** The founder's is itself. */
  invitedBy: PublicKey
  isFounder: boolean
  /** Steps from the founder. */
  depth: number
  certificate: SignedCertificate
}

/** What was new of what was offered. */
export interface Added {
  certificates: SignedCertificate[]
  removals: SignedRemoval[]
}

/** `refused`: how many there was no room for; nothing that is stored goes for them. */
export interface AddedOrRefused extends Added {
  refused: number
}

type View = ReadonlyMap<string, Member>

export class Membership {
  readonly swarm: SwarmId
  readonly founder: PublicKey
  readonly nonce: Uint8Array
  readonly #certificates = new Map<string, SignedCertificate>()
  readonly #removals = new Map<string, SignedRemoval>()
  /** Signed well, but by somebody who cannot invite as far as is known: the reason may still be under way. */
  readonly #undecided = new Map<string, SignedCertificate | SignedRemoval>()
  #view: View | undefined

  /** Of the swarm that `first` belongs to: the founder's own certificate, or that of any member. */
  constructor(first: Certificate) {
    this.swarm = first.swarm
    this.founder = first.founder
    this.nonce = first.nonce
  }

  isMember(peerKey: PublicKey): boolean {
    return this.member(peerKey) !== undefined
  }

  member(peerKey: PublicKey): Member | undefined {
    return this.#members().get(toHex(peerKey))
  }

  /** Founder first, then by distance from it, then by key. */
  members(): Member[] {
    return [...this.#members().values()].sort((a, b) => a.depth - b.depth || Buffer.compare(a.peerKey, b.peerKey))
  }

  /** True when the peer was a member and was taken out: it is told so. */
  wasRemoved(peerKey: PublicKey): boolean {
    if (this.isMember(peerKey)) return false
    return [...this.#removals.values()].some((removal) => sameBytes(removal.body.subject, peerKey))
  }

  /** Certificates from the founder's own to that of the member: what proves it to somebody who knows the swarm. */
  chainOf(peerKey: PublicKey): SignedCertificate[] {
    const chain: SignedCertificate[] = []
    for (let member = this.member(peerKey); member !== undefined; member = this.member(member.invitedBy)) {
      chain.unshift(member.certificate)
      if (member.isFounder) break
    }
    return chain
  }

  /** Everything that is stored, in order of id. */
  certificates(): SignedCertificate[] {
    return inOrder(this.#certificates)
  }

  removals(): SignedRemoval[] {
    return inOrder(this.#removals)
  }

  /** Issuers whose certificate lets the peer in at present; more than one when it was invited more than once. */
  issuersOf(peerKey: PublicKey): PublicKey[] {
    const counting = countingOf(this.founder, [...this.#certificates.values()], [...this.#removals.values()])
    const depths = inviterDepths(this.founder, counting)
    return counting
      .filter(({ body }) => sameBytes(body.subject, peerKey) && depths.has(toHex(body.issuer)))
      .map(({ body }) => body.issuer)
  }

  /**
   * Takes in what was decoded and verified. Of another swarm: NotAllowed. What cannot be judged yet waits in a bounded
   * place, in memory only.
   */
  add(certificates: readonly SignedCertificate[], removals: readonly SignedRemoval[]): AddedOrRefused {
    for (const item of [...certificates, ...removals]) this.#checkSwarm(item.body.swarm)
    const added: AddedOrRefused = { certificates: [], removals: [], refused: 0 }
    const waiting = new Map(this.#undecided)
    for (const item of [...certificates, ...removals]) if (!this.#isStored(item)) waiting.set(toHex(item.id), item)
    while (this.#storeDecided(waiting, added));
    this.#keepUndecided(waiting)
    return added
  }

  /** Another swarm has other members: its certificates say nothing here. */
  #checkSwarm(swarm: SwarmId): void {
    if (swarm !== this.swarm) throw new GlasError('NotAllowed', 'The certificate is of another swarm.')
  }

  #isStored(item: SignedCertificate | SignedRemoval): boolean {
    const id = toHex(item.id)
    return this.#certificates.has(id) || this.#removals.has(id)
  }

  /** One pass over what waits; true when something was stored, which may decide more. */
  #storeDecided(waiting: Map<string, SignedCertificate | SignedRemoval>, added: AddedOrRefused): boolean {
    const isDecided = this.#decider()
    const decided = [...waiting].filter(([, item]) => isDecided(item))
    for (const [id, item] of decided) {
      waiting.delete(id)
      if (!this.#store(id, item)) added.refused += 1
      else if (isCertificate(item)) added.certificates.push(item)
      else added.removals.push(item)
    }
    if (decided.length > 0) this.#view = undefined
    return decided.length > 0
  }

  #store(id: string, item: SignedCertificate | SignedRemoval): boolean {
    if (isCertificate(item)) {
      if (this.#certificates.size >= MAX_CERTIFICATES) return false
      this.#certificates.set(id, item)
    } else {
      if (this.#removals.size >= MAX_REMOVALS) return false
      this.#removals.set(id, item)
    }
    return true
  }

  /**
   * A certificate is stored when its issuer may invite, a removal when its issuer is the founder or gave that subject a
   * certificate; removals are not looked at for this, so that what is stored depends on the set alone.
   */
  #decider(): (item: SignedCertificate | SignedRemoval) => boolean {
    const certificates = [...this.#certificates.values()]
    const inviters = inviterDepths(this.founder, certificates)
    const given = new Set(certificates.map(({ body }) => pair(body.issuer, body.subject)))
    return ({ body }) => {
      if ('mayInvite' in body) return inviters.has(toHex(body.issuer))
      return sameBytes(body.issuer, this.founder) || given.has(pair(body.issuer, body.subject))
    }
  }

  #keepUndecided(waiting: Map<string, SignedCertificate | SignedRemoval>): void {
    this.#undecided.clear()
    for (const [id, item] of [...waiting].slice(-MAX_UNDECIDED)) this.#undecided.set(id, item)
  }

  #members(): View {
    this.#view ??= viewOf(this.founder, [...this.#certificates.values()], [...this.#removals.values()])
    return this.#view
  }
}

function isCertificate(item: SignedCertificate | SignedRemoval): item is SignedCertificate {
  return 'mayInvite' in item.body
}

function viewOf(founder: PublicKey, all: SignedCertificate[], removals: SignedRemoval[]): View {
  const certificates = countingOf(founder, all, removals)
  const depths = inviterDepths(founder, certificates)
  const view = new Map<string, Member>()
  for (const certificate of certificates) {
    const member = memberOf(certificate, founder, depths)
    if (member === undefined) continue
    const key = toHex(member.peerKey)
    const known = view.get(key)
    if (known === undefined || isBetter(member, known)) view.set(key, member)
  }
  return view
}

/** Without those that were taken back, and without certificates for the founder by anybody else. */
function countingOf(founder: PublicKey, all: SignedCertificate[], removals: SignedRemoval[]): SignedCertificate[] {
  const takenBack = new Set(removals.map(({ body }) => pair(body.issuer, body.subject)))
  return all.filter(({ body: { issuer, subject } }) => {
    if (sameBytes(subject, founder)) return sameBytes(issuer, founder)
    return !takenBack.has(pair(issuer, subject)) && !takenBack.has(pair(founder, subject))
  })
}

function memberOf(
  certificate: SignedCertificate,
  founder: PublicKey,
  depths: ReadonlyMap<string, number>,
): Member | undefined {
  const { subject, owner, name, mayInvite, issuer } = certificate.body
  const isFounder = sameBytes(subject, founder)
  const issuerDepth = depths.get(toHex(issuer))
  if (issuerDepth === undefined) return undefined
  const depth = isFounder ? 0 : issuerDepth + 1
  if (depth >= MAX_CHAIN) return undefined
  return {
    peerKey: subject,
    owner,
    name,
    mayInvite: mayInvite || isFounder,
    invitedBy: issuer,
    isFounder,
    depth,
    certificate,
  }
}

/** Steps from the founder for everybody who may invite; a chain that is too long ends there. */
function inviterDepths(founder: PublicKey, certificates: SignedCertificate[]): Map<string, number> {
  const invited = Map.groupBy(
    certificates.filter(({ body }) => body.mayInvite),
    ({ body }) => toHex(body.issuer),
  )
  const depths = new Map([[toHex(founder), 0]])
  for (const [issuer, depth] of depths) {
    if (depth + 1 >= MAX_CHAIN) break
    for (const { body } of invited.get(issuer) ?? []) {
      const subject = toHex(body.subject)
      if (!depths.has(subject)) depths.set(subject, depth + 1)
    }
  }
  return depths
}

/** Of several certificates for one peer: the one that lets it invite, then the shorter chain, then the lower id. */
function isBetter(a: Member, b: Member): boolean {
  if (a.mayInvite !== b.mayInvite) return a.mayInvite
  if (a.depth !== b.depth) return a.depth < b.depth
  return Buffer.compare(a.certificate.id, b.certificate.id) < 0
}

const pair = (issuer: PublicKey, subject: PublicKey): string => `${toHex(issuer)} ${toHex(subject)}`

function inOrder<Item>(items: ReadonlyMap<string, Item>): Item[] {
  return [...items].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item)
}
