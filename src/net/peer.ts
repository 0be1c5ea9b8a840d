import { EventEmitter } from 'node:events'
import { join as joinPath } from 'node:path'
import type { FileLayer } from '../disk/files.ts'
import { GlasError } from '../glas/errors.ts'
import type { GlasId } from '../glas/glas-id.ts'
import type { PublicKey } from '../glas/keys.ts'
import { type Address, fromMultiaddr } from './address.ts'
import { type AddressBook, openAddressBook } from './address-book.ts'
import { Gossip, type GossipReceiver } from './gossip.ts'
import { Hello } from './hello.ts'
import type { MemberAddresses } from './hello-messages.ts'
import { type HomeIdentity, type HomeSwarm, openHomeSwarm, SWARM_FILE } from './home-swarm.ts'
import { openInvites } from './invites.ts'
import { type InviteOptions, type Joined, Joining } from './join.ts'
import { RELAY_AFTER_MS } from './limits.ts'
import { peerKeyFrom } from './live-members.ts'
import type { Added } from './membership.ts'
import { type Node, openNode } from './node.ts'
import { PermanentPeers } from './permanent-peers.ts'
import type { PublicBlocks } from './public-blocks.ts'
import { Reconnector } from './reconnect.ts'
import { isSettledWithin } from './settled-within.ts'
import type { SshOptions } from './ssh.ts'
import type { Guard } from './streams.ts'
import { Whereabouts } from './whereabouts.ts'

const INVITES_FILE = 'invites.cbor'
const ADDRESSES_FILE = 'addresses.cbor'

/** What the network asks of the rest of PintGlas. */
export interface PeerPorts {
  blocks: PublicBlocks
  /** Signs a grant of this home's owner, for one glas or all of them, and puts it into the index. */
  signGrant(glasId: GlasId | null, grantee: PublicKey): Promise<Uint8Array>
  receive: { entry: GossipReceiver; claim: GossipReceiver; taps: GossipReceiver }
  /** A peer broke a rule: to be counted. */
  onViolation(peerKey: PublicKey, error: GlasError): void
  /** Something that the user should know, and that stops nothing. */
  onNotice(error: GlasError): void
}

export interface PeerOptions {
  files: FileLayer
  /** The home's folder for what is kept here; it must exist. */
  folder: string
  identity: HomeIdentity
  listen: readonly Address[]
  mdns?: boolean
  /** Peer ids; when given, nobody else may connect. */
  allowOnly?: readonly string[]
  ssh?: SshOptions
}

export interface Connected {
  peerKey: PublicKey
  isMember: boolean
}

/**
 * This home on the network: the node, the swarm, who is connected, and news among members. Emits `member:up` and
 * `member:down` with the peer key, and `swarm` when members came, went or changed.
 */
export class Peer extends EventEmitter<{ 'member:up': [PublicKey]; 'member:down': [PublicKey]; swarm: [] }> {
  readonly node: Node
  readonly swarm: HomeSwarm
  readonly #ports: PeerPorts
  readonly #book: AddressBook
  readonly #hello: Hello
  readonly #joining: Joining
  readonly #gossip: Gossip
  readonly #permanent: PermanentPeers
  readonly #whereabouts: Whereabouts
  readonly #reconnector: Reconnector

  constructor(node: Node, swarm: HomeSwarm, parts: PeerParts, ports: PeerPorts) {
    super()
    this.setMaxListeners(0)
    this.node = node
    this.swarm = swarm
    this.#ports = ports
    this.#book = parts.book
    this.#whereabouts = new Whereabouts(node, swarm, parts.book)
    const addressPorts = {
      addressesFor: (peerKey: PublicKey) => this.#whereabouts.toTell(peerKey),
      learn: (members: MemberAddresses[]) => {
        if (this.#whereabouts.hear(members)) this.#reconnector.look()
      },
    }
    this.#hello = new Hello(node, swarm, { ...addressPorts, onViolation: ports.onViolation })
    this.#joining = new Joining(node, swarm, parts.invites, {
      ...addressPorts,
      signGrant: ports.signGrant,
      announce: (certificate) => this.#announce('certificate', certificate),
      onViolation: ports.onViolation,
    })
    this.#gossip = new Gossip(node, {
      receive: {
        ...ports.receive,
        certificate: (bytes, from) => this.#receive({ certificates: [bytes], removals: [] }, from),
        removal: (bytes, from) => this.#receive({ certificates: [], removals: [bytes] }, from),
      },
      onViolation: ports.onViolation,
    })
    this.#permanent = new PermanentPeers(node, parts.book, parts.ssh)
    const memberTargets = () => this.#whereabouts.targets((peerKey, signal) => this.reach(peerKey, { signal }))
    const permanentTargets = () => this.#permanent.targets((text, signal) => this.connect(text, { signal }))
    this.#reconnector = new Reconnector(() => [...permanentTargets(), ...memberTargets()], {
      onFailure: (target, error) => this.#permanent.has(target.name) && ports.onNotice(error),
    })
  }

  /**
   * Registers the protocols of membership and watches connections. Others register theirs between this and `start`.
   */
  async prepare(): Promise<void> {
    await this.#hello.start()
    await this.#joining.start()
    this.#gossip.follow(this.swarm.membership.swarm)
    this.#watch()
    for (const { wanted, got } of this.node.takenPorts) {
      const message = `The port ${wanted.port} is in use; this peer listens on ${got.port}. Others find it when it calls.`
      this.#ports.onNotice(new GlasError('InvalidConfig', message, { data: { wanted: wanted.port, got: got.port } }))
    }
  }

  /** Lets others in, and connects with permanent peers and known members. */
  start(): void {
    this.node.admit()
    this.#reconnector.look()
  }

  /** For protocols of members only. */
  guard(onFailure: (peerKey: PublicKey, error: GlasError) => void): Guard {
    return {
      allow: (peerKey) => this.node.members.isMember(peerKey),
      onViolation: (peerKey, error) => this.#ports.onViolation(peerKey, error),
      onFailure,
    }
  }

  addresses(): Address[] {
    return this.node.addresses()
  }

  /** Tells the members that are connected; gives their number. Those that are away catch up later. */
  publish(kind: 'entry' | 'claim' | 'taps', bytes: Uint8Array): Promise<number> {
    return this.#gossip.publish(kind, bytes)
  }

  invite(options: InviteOptions = {}): Promise<string> {
    return this.#joining.invite(options)
  }

  /** Becomes a member, and returns when the inviter is connected as one. */
  async join(line: string, options: { leave?: boolean; signal?: AbortSignal } = {}): Promise<Joined> {
    const joined = await this.#joining.join(line, options)
    await this.#hello.greet(joined.inviter)
    this.#reconnector.look()
    return joined
  }

  /** Takes a member out, here at once and elsewhere as the news spreads. */
  async remove(peerKey: PublicKey, options: { withInvited?: boolean } = {}): Promise<Added> {
    const added = await this.swarm.remove(peerKey, options)
    this.#book.forget(peerKey)
    for (const { bytes } of added.certificates) this.#announce('certificate', bytes)
    for (const { bytes } of added.removals) this.#announce('removal', bytes)
    return added
  }

  /** Connects once, to `host:port`, `host:port#peerId` or `ssh://user@host`, and waits for the hello. */
  async connect(text: string, options: { signal?: AbortSignal } = {}): Promise<Connected> {
    const peerKey = await this.#permanent.connect(text, options.signal)
    const isMember = await this.#hello.greet(peerKey, options.signal)
    this.#permanent.keepPlaces()
    return { peerKey, isMember }
  }

  /**
   * Connects with a member by what is known of its addresses, or else through another member. PeerUnreachable, also
   * when it takes us for a stranger.
   */
  async reach(peerKey: PublicKey, options: { signal?: AbortSignal } = {}): Promise<void> {
    if (this.node.members.isUp(peerKey)) return
    const direct = this.#whereabouts.dial(peerKey, options)
    await Promise.any([direct, this.#reachThroughMembers(peerKey, direct, options)]).catch(() => direct)
    if (await this.#hello.greet(peerKey, options.signal)) return
    throw new GlasError('PeerUnreachable', `${this.#whereabouts.nameOf(peerKey)} does not take this home for a member.`)
  }

  async #reachThroughMembers(
    peerKey: PublicKey,
    direct: Promise<unknown>,
    options: { signal?: AbortSignal },
  ): Promise<void> {
    await isSettledWithin(direct, RELAY_AFTER_MS)
    if (this.node.connectionsWith(peerKey).length === 0) await this.node.dialThroughMembers(peerKey, options)
  }

  /** Resolves when everybody who is wanted was reached or could not be. */
  settled(signal: AbortSignal): Promise<void> {
    return this.#reconnector.settled(signal)
  }

  /** Kept connected from now on, and after each start. */
  async addPermanent(text: string): Promise<void> {
    await this.#permanent.add(text)
    this.#reconnector.look()
  }

  async removePermanent(text: string): Promise<boolean> {
    return this.#permanent.remove(text)
  }

  /** What the user added, whether it is connected, and if not, why. */
  permanent(): Array<{ text: string; isConnected: boolean; error: GlasError | undefined }> {
    return this.#book.permanent().map((text) => ({
      text,
      isConnected: this.#permanent.isConnected(text),
      error: this.#reconnector.lastError(text),
    }))
  }

  async close(): Promise<void> {
    await this.#reconnector.stop()
    await this.#hello.stop()
    await this.#joining.stop()
    await this.node.close()
    await this.#permanent.close()
    await this.#book.close()
  }

  #watch(): void {
    const { libp2p, members } = this.node
    members.on('up', (peerKey) => {
      void this.#whereabouts.learnFrom(peerKey)
      this.#permanent.keepPlaces()
      this.emit('member:up', peerKey)
    })
    members.on('down', (peerKey) => this.emit('member:down', peerKey))
    libp2p.addEventListener('peer:disconnect', () => this.#reconnector.look())
    this.swarm.on('changed', () => this.emit('swarm'))
    this.swarm.on('adopted', () => {
      this.#gossip.follow(this.swarm.membership.swarm)
      this.emit('swarm')
    })
    libp2p.addEventListener('peer:discovery', ({ detail: { id, multiaddrs } }) => {
      const peerKey = peerKeyFrom(id)
      if (peerKey === undefined) return
      const addresses = multiaddrs.flatMap((multiaddr) => fromMultiaddr(multiaddr) ?? [])
      if (this.#whereabouts.hear([{ peerKey, addresses }])) this.#reconnector.look()
    })
  }

  async #receive(
    news: { certificates: Uint8Array[]; removals: Uint8Array[] },
    from: PublicKey,
  ): Promise<'forward' | 'drop'> {
    const { added, refused } = await this.swarm.merge(news)
    for (const error of refused) this.#ports.onViolation(from, error)
    return added.certificates.length + added.removals.length > 0 ? 'forward' : 'drop'
  }

  #announce(kind: 'certificate' | 'removal', bytes: Uint8Array): void {
    this.#gossip.publish(kind, bytes).catch(() => {
      // Whoever missed it hears of it in the next hello.
    })
  }
}

interface PeerParts {
  book: AddressBook
  invites: Awaited<ReturnType<typeof openInvites>>
  ssh: SshOptions | undefined
}

/** Opens what the home keeps, and starts the node. Nobody gets in before `prepare` and `start`. */
export async function openPeer(options: PeerOptions, ports: PeerPorts): Promise<Peer> {
  const { files, folder, identity } = options
  const swarm = await openHomeSwarm(files, joinPath(folder, SWARM_FILE), identity)
  const book = await openAddressBook(files, joinPath(folder, ADDRESSES_FILE))
  const invites = await openInvites(files, joinPath(folder, INVITES_FILE))
  const allowOnly = options.allowOnly === undefined ? undefined : new Set(options.allowOnly)
  const node = await openNode({
    key: identity.peer,
    listen: options.listen,
    blocks: ports.blocks,
    mdns: options.mdns ?? false,
    allowOnly,
  })
  return new Peer(node, swarm, { book, invites, ssh: options.ssh }, ports)
}
