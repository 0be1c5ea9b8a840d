import type { Connection } from '@libp2p/interface'
import { GlasError } from '../glas/errors.ts'
import { type PublicKey, peerIdText, sameBytes, toHex } from '../glas/keys.ts'
import { fromMultiaddr, isLoopback } from './address.ts'
import type { AddressBook } from './address-book.ts'
import type { MemberAddresses } from './hello-messages.ts'
import type { HomeSwarm } from './home-swarm.ts'
import { MAX_HELLO_MEMBERS, WANTED_MEMBERS } from './limits.ts'
import type { Node } from './node.ts'
import type { Target } from './reconnect.ts'

/** Where the members of the swarm can be reached: learned from themselves and from each other, and told to others. */
export class Whereabouts {
  readonly #node: Node
  readonly #swarm: HomeSwarm
  readonly #book: AddressBook

  constructor(node: Node, swarm: HomeSwarm, book: AddressBook) {
    this.#node = node
    this.#swarm = swarm
    this.#book = book
  }

  /** What a member may be told of the others. Loopback addresses mean something on the same machine only. */
  toTell(peerKey: PublicKey): MemberAddresses[] {
    const isNear = this.#isNear(peerKey)
    return this.#book
      .known()
      .filter((member) => this.#isOther(member.peerKey) && !sameBytes(member.peerKey, peerKey))
      .map(({ peerKey: key, addresses }) => ({
        peerKey: key,
        addresses: isNear ? addresses : addresses.filter((address) => !isLoopback(address)),
      }))
      .filter(({ addresses }) => addresses.length > 0)
      .slice(-MAX_HELLO_MEMBERS)
  }

  /** What a member said of others; of strangers nothing is kept. True when it is of use. */
  hear(members: readonly MemberAddresses[]): boolean {
    const others = members.filter(({ peerKey }) => this.#isOther(peerKey))
    for (const member of others) this.#book.hear(member)
    return others.length > 0
  }

  /** What identify told of a connected member: its own addresses. */
  async learnFrom(peerKey: PublicKey): Promise<void> {
    const connection = this.#connection(peerKey)
    if (connection === undefined) return
    const peer = await this.#node.libp2p.peerStore.get(connection.remotePeer).catch(() => undefined)
    const own = (peer?.addresses ?? []).flatMap(({ multiaddr }) => fromMultiaddr(multiaddr) ?? [])
    this.#book.confirm(peerKey, this.#isNear(peerKey) ? own : own.filter((address) => !isLoopback(address)))
  }

  /** Dials a member at its known addresses. PeerUnreachable, TimedOut, Interrupted. */
  async dial(peerKey: PublicKey, options: { signal?: AbortSignal }): Promise<void> {
    const peerId = peerIdText(peerKey)
    const addresses = this.#book.addressesOf(peerKey).map((address) => ({ ...address, peerId }))
    if (addresses.length === 0) {
      const message = `No address of ${this.nameOf(peerKey)} is known. Add one with \`pintglas peers add host:port\`.`
      throw new GlasError('PeerUnreachable', message, { retryable: false })
    }
    await this.#node.dial(addresses, options)
  }

  /** The members to be connected with, as many as are wanted. */
  targets(connect: (peerKey: PublicKey, signal: AbortSignal) => Promise<void>): Target[] {
    if (this.#node.members.up().length >= WANTED_MEMBERS) return []
    return this.#book
      .known()
      .filter(({ peerKey, addresses }) => this.#isOther(peerKey) && addresses.length > 0)
      .map(({ peerKey }) => ({
        name: toHex(peerKey),
        isConnected: () => this.#connection(peerKey) !== undefined,
        connect: (signal) => connect(peerKey, signal),
      }))
  }

  nameOf(peerKey: PublicKey): string {
    return this.#swarm.membership.member(peerKey)?.name ?? peerIdText(peerKey)
  }

  #isOther(peerKey: PublicKey): boolean {
    return this.#swarm.membership.isMember(peerKey) && !sameBytes(peerKey, this.#swarm.identity.peer.publicKey)
  }

  #connection(peerKey: PublicKey): Connection | undefined {
    return this.#node.connectionsWith(peerKey)[0]
  }

  /** On the same machine, as far as the connection tells. */
  #isNear(peerKey: PublicKey): boolean {
    const connection = this.#connection(peerKey)
    const address = connection === undefined ? undefined : fromMultiaddr(connection.remoteAddr)
    return address !== undefined && isLoopback(address)
  }
}
