/**
 * `/pintglas/join/1.0.0`: a home that was given an invitation becomes a member. It dials the inviter, whose key Noise
 * proves, shows the secret, and gets its certificate.
 */
import { decodeCanonical, encodeCanonical } from '../glas/canonical.ts'
import { MAX_MEMBER_NAME_BYTES } from '../glas/certificate.ts'
import { GlasError, isGlasError, toGlasError } from '../glas/errors.ts'
import { Fields } from '../glas/fields.ts'
import type { GlasId } from '../glas/glas-id.ts'
import { PUBLIC_KEY_BYTES, type PublicKey, peerIdText, sameBytes } from '../glas/keys.ts'
import type { Address } from './address.ts'
import type { Channel } from './channel.ts'
import { FailedTries } from './failed-tries.ts'
import { bytesList, decodeMembers, encodeMembers, type MemberAddresses } from './hello-messages.ts'
import type { HomeSwarm } from './home-swarm.ts'
import { decodeInviteLine, encodeInviteLine, SECRET_BYTES } from './invite-line.ts'
import type { GrantWish, Invite, Invites } from './invites.ts'
import * as limits from './limits.ts'
import type { Node } from './node.ts'
import { handle, open, type Protocol } from './streams.ts'

export const JOIN_PROTOCOL: Protocol = { id: '/pintglas/join/1.0.0', limits: limits.JOIN_LIMITS }

const MAX_GRANTS = 4

export interface JoinPorts {
  /** Signs, and publishes, a grant of this home's owner for the peer that joins. */
  signGrant(glasId: GlasId | null, grantee: PublicKey): Promise<Uint8Array>
  addressesFor(peerKey: PublicKey): MemberAddresses[]
  learn(members: MemberAddresses[]): void
  /** A new member is in: everybody should hear of it. */
  announce(certificate: Uint8Array): void
  onViolation(peerKey: PublicKey, error: GlasError): void
}

export interface InviteOptions {
  /** How long it can be used, a day where not given. */
  validMs?: number
  mayInvite?: boolean
  /** What the new member may publish of this home's owner. */
  grant?: GrantWish
  /** Where the inviter can be reached, where not its own idea of it. */
  addresses?: readonly Address[]
}

export interface Joined {
  inviter: PublicKey
  /** Signed grants for this home, to be put into the index. */
  grants: Uint8Array[]
}

interface JoinRequest {
  secret: Uint8Array
  owner: PublicKey
  name: string
}

interface JoinAnswer {
  chain: Uint8Array[]
  certificates: Uint8Array[]
  grants: Uint8Array[]
  members: MemberAddresses[]
}

/** Makes invitations, answers those who use them, and uses those of others. */
export class Joining {
  readonly #node: Node
  readonly #swarm: HomeSwarm
  readonly #invites: Invites
  readonly #ports: JoinPorts
  readonly #failed = new FailedTries(
    'invitations that are no good',
    limits.MAX_FAILED_JOINS,
    limits.FAILED_JOIN_WINDOW_MS,
  )
  #stop: () => Promise<void> = async () => {}

  constructor(node: Node, swarm: HomeSwarm, invites: Invites, ports: JoinPorts) {
    this.#node = node
    this.#swarm = swarm
    this.#invites = invites
    this.#ports = ports
  }

  async start(): Promise<void> {
    const guard = {
      allow: () => true,
      onViolation: (peerKey: PublicKey, error: GlasError) => this.#ports.onViolation(peerKey, error),
      onFailure: () => {},
    }
    this.#stop = await handle(this.#node.libp2p, JOIN_PROTOCOL, guard, (channel) => this.#answer(channel))
  }

  stop(): Promise<void> {
    return this.#stop()
  }

  /** One line of text that makes another machine a member, once. It can be used from the moment it is returned. */
  async invite(options: InviteOptions = {}): Promise<string> {
    this.#swarm.requireInviter()
    const addresses = options.addresses ?? this.#node.addresses()
    if (addresses.length === 0) {
      throw new GlasError(
        'NotRunning',
        'This peer listens nowhere, so nobody could use an invitation. Start the daemon.',
      )
    }
    const expiresMs = Date.now() + (options.validMs ?? limits.DEFAULT_INVITE_MS)
    const secret = await this.#invites.create({ expiresMs, mayInvite: options.mayInvite ?? false, wish: options.grant })
    return encodeInviteLine({ addresses: [...addresses], inviter: this.#swarm.identity.peer.publicKey, secret })
  }

  /**
   * Uses an invitation. Run again with the same line it does no harm. NotAllowed when the inviter refuses, or when this
   * home is in a swarm with others and is not told to `leave` it; PeerUnreachable, TimedOut.
   */
  async join(line: string, options: { leave?: boolean; signal?: AbortSignal } = {}): Promise<Joined> {
    const { addresses, inviter, secret } = decodeInviteLine(line)
    if (sameBytes(inviter, this.#swarm.identity.peer.publicKey)) {
      throw new GlasError('BadUsage', 'The invitation is for another machine: this one has made it.')
    }
    const isKnown = this.#swarm.membership.isMember(inviter)
    if (!isKnown) this.#swarm.requireFree(options)
    const limit = AbortSignal.timeout(limits.JOIN_TIMEOUT_MS)
    const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit])
    const peerId = peerIdText(inviter)
    await this.#node.dial(
      addresses.map((address) => ({ ...address, peerId })),
      { signal },
    )
    const answer = await this.#ask(inviter, secret, signal)
    await this.#swarm.adopt(answer.chain, { certificates: answer.certificates, removals: [] }, options)
    this.#ports.learn([{ peerKey: inviter, addresses }, ...answer.members])
    return { inviter, grants: answer.grants }
  }

  async #ask(inviter: PublicKey, secret: Uint8Array, signal: AbortSignal): Promise<JoinAnswer> {
    const { owner, name } = this.#swarm.identity
    const channel = await open(this.#node.libp2p, inviter, JOIN_PROTOCOL, { signal })
    try {
      await channel.write(encodeRequest({ secret, owner, name }))
      const answer = decodeAnswer(await channel.readNext())
      await channel.finish()
      return answer
    } catch (cause) {
      throw channel.abort(toGlasError(cause))
    }
  }

  /** The secret is used up before anything is signed; whatever fails after that, the same peer can ask again. */
  async #answer(channel: Channel): Promise<void> {
    const { peerKey } = channel
    this.#failed.check(peerKey)
    const request = decodeRequest(await channel.readNext())
    const invite = this.#findInvite(request.secret, peerKey)
    this.#swarm.requireInviter()
    await this.#invites.use(invite, peerKey)
    const grants = await this.#grantsOf(invite, peerKey)
    const certificate = await this.#swarm.issue(peerKey, request.owner, request.name, invite.mayInvite)
    this.#ports.announce(certificate.bytes)
    const { membership } = this.#swarm
    const certificates = membership.certificates().slice(0, limits.MAX_JOIN_CERTIFICATES)
    const members = this.#ports.addressesFor(peerKey).slice(0, limits.MAX_JOIN_MEMBERS)
    await channel.write(
      encodeAnswer({
        chain: membership.chainOf(peerKey).map(({ bytes }) => bytes),
        certificates: certificates.map(({ bytes }) => bytes),
        grants,
        members,
      }),
    )
  }

  #findInvite(secret: Uint8Array, peerKey: PublicKey): Invite {
    try {
      return this.#invites.find(secret, peerKey)
    } catch (error) {
      if (isGlasError(error, 'NotAllowed')) this.#failed.add(peerKey)
      throw error
    }
  }

  async #grantsOf(invite: Invite, peerKey: PublicKey): Promise<Uint8Array[]> {
    if (invite.wish === undefined) return []
    if (invite.grant === undefined) {
      await this.#invites.keepGrant(invite, await this.#ports.signGrant(invite.wish.glasId, peerKey))
    }
    return invite.grant === undefined ? [] : [invite.grant]
  }
}

export function encodeRequest({ secret, owner, name }: JoinRequest): Uint8Array {
  return encodeCanonical({ name, owner, secret })
}

export function decodeRequest(bytes: Uint8Array): JoinRequest {
  const fields = fieldsOf(bytes, 'The request to join')
  return {
    secret: fields.bytes('secret', SECRET_BYTES),
    owner: fields.bytes('owner', PUBLIC_KEY_BYTES),
    name: fields.text('name', MAX_MEMBER_NAME_BYTES),
  }
}

export function encodeAnswer({ chain, certificates, grants, members }: JoinAnswer): Uint8Array {
  return encodeCanonical({ chain, certificates, grants, members: encodeMembers(members) })
}

export function decodeAnswer(bytes: Uint8Array): JoinAnswer {
  const fields = fieldsOf(bytes, 'The answer to the request to join')
  return {
    chain: bytesList(fields, 'chain', limits.MAX_CHAIN + 1),
    certificates: bytesList(fields, 'certificates', limits.MAX_JOIN_CERTIFICATES),
    grants: bytesList(fields, 'grants', MAX_GRANTS),
    members: decodeMembers(fields, 'members', limits.MAX_JOIN_MEMBERS),
  }
}

function fieldsOf(bytes: Uint8Array, what: string): Fields {
  return new Fields(decodeCanonical(bytes, limits.JOIN_LIMITS.maxMessageBytes, 'BadMessage', what), 'BadMessage', what)
}
