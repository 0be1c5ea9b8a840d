import { EventEmitter } from 'node:events'
import { join as joinPath } from 'node:path'
import type { FileLayer } from '../disk/files.ts'
import { GlasError } from '../glas/errors.ts'
import type { GlasId } from '../glas/glas-id.ts'
import { type PublicKey, peerIdText, sameBytes, toHex } from '../glas/keys.ts'
import { type Address, fromMultiaddr, isLoopback } from './address.ts'
import { type AddressBook, openAddressBook } from './address-book.ts'
import { Gossip, type GossipReceiver } from './gossip.ts'
import { Hello } from './hello.ts'
import type { MemberAddresses } from './hello-messages.ts'
import { type HomeIdentity, type HomeSwarm, openHomeSwarm } from './home-swarm.ts'
import { openInvites } from './invites.ts'
import { type InviteOptions, type Joined, Joining } from './join.ts'
import { MAX_HELLO_MEMBERS, WANTED_MEMBERS } from './limits.ts'
import { peerKeyFrom } from './live-members.ts'
import type { Added } from './membership.ts'
import { type Node, openNode } from './node.ts'
import { PermanentPeers } from './permanent-peers.ts'
import type { PublicBlocks } from './public-blocks.ts'
import { Reconnector, type Target } from './reconnect.ts'
import type { SshOptions } from './ssh.ts'
import type { Guard } from './streams.ts'

const SWARM_FILE = 'swarm.cbor'
const INVITES_FILE = 'invites.cbor'
const ADDRESSES_FILE = 'addresses.cbor'

/** What the network asks of the rest of PintGlas. */
export interface PeerPorts {
  blocks: PublicBlocks
  /** Signs a grant of this home's owner, for one glas or all of them, and puts it into the index. */
  signGrant(glasId: GlasId | null, grantee: PublicKey): Promise<Uint8Array>
  receive: { entry: GossipReceiver; claim: GossipReceiver }
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
  readonly #reconnector: Reconnector

  constructor(node: Node, swarm: HomeSwarm, parts: PeerParts, ports: PeerPorts) {
    super()
    this.setMaxListeners(0)
    this.node = node
    this.swarm = swarm
    this.#ports = ports
    this.#book = parts.book
    this.#hello = new Hello(node, swarm, { ...this.#addressPorts(), onViolation: ports.onViolation })
    this.#joining = new Joining(node, swarm, parts.invites, {
      ...this.#addressPorts(),
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
    this.#reconnector = new Reconnector(() => [...this.#permanent.targets(), ...this.#memberTargets()], {
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
  publish(kind: 'entry' | 'claim', bytes: Uint8Array): Promise<number> {
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
    return { peerKey, isMember: await this.#hello.greet(peerKey, options.signal) }
  }

  /** Connects with a member by what is known of its addresses. PeerUnreachable, also when it takes us for a stranger. */
  async reach(peerKey: PublicKey, options: { signal?: AbortSignal } = {}): Promise<void> {
    if (this.node.members.isUp(peerKey)) return
    const peerId = peerIdText(peerKey)
    const addresses = this.#book.addressesOf(peerKey).map((address) => ({ ...address, peerId }))
    if (addresses.length === 0) {
      throw new GlasError(
        'PeerUnreachable',
        `No address of ${this.#nameOf(peerKey)} is known. Add it: pintglas peers add.`,
      )
    }
    await this.node.dial(addresses, options)
    if (await this.#hello.greet(peerKey, options.signal)) return
    throw new GlasError('PeerUnreachable', `${this.#nameOf(peerKey)} does not take this home for a member.`)
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
    return this.#permanent.targets().map((target) => ({
      text: target.name,
      isConnected: target.isConnected(),
      error: this.#reconnector.lastError(target.name),
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
      void this.#learnFrom(peerKey)
      this.emit('member:up', peerKey)
    })
    members.on('down', (peerKey) => {
      this.emit('member:down', peerKey)
      this.#reconnector.look()
    })
    this.swarm.on('changed', () => this.emit('swarm'))
    this.swarm.on('adopted', () => {
      this.#gossip.follow(this.swarm.membership.swarm)
      this.emit('swarm')
    })
    libp2p.addEventListener('peer:discovery', ({ detail: { id, multiaddrs } }) => {
      const peerKey = peerKeyFrom(id)
      if (peerKey === undefined || !this.swarm.membership.isMember(peerKey)) return
      this.#book.hear({ peerKey, addresses: multiaddrs.flatMap((multiaddr) => fromMultiaddr(multiaddr) ?? []) })
      this.#reconnector.look()
    })
  }

  /** What identify told of the member: its own addresses. Loopback ones mean something on the same machine only. */
  async #learnFrom(peerKey: PublicKey): Promise<void> {
    const connection = this.#connectionWith(peerKey)
    if (connection === undefined) return
    try {
      const { addresses } = await this.node.libp2p.peerStore.get(connection.remotePeer)
      const own = addresses.flatMap(({ multiaddr }) => fromMultiaddr(multiaddr) ?? [])
      this.#book.confirm(peerKey, this.#isNear(peerKey) ? own : own.filter((address) => !isLoopback(address)))
    } catch {
      // It left before it was asked; nothing is lost.
    }
  }

  #addressPorts(): Pick<ConstructorParameters<typeof Hello>[2], 'addressesFor' | 'learn'> {
    return {
      addressesFor: (peerKey) => this.#addressesFor(peerKey),
      learn: (members) => {
        const known = members.filter((member) => this.#isOther(member.peerKey))
        for (const member of known) this.#book.hear(member)
        if (known.length > 0) this.#reconnector.look()
      },
    }
  }

  #addressesFor(peerKey: PublicKey): MemberAddresses[] {
    const isNear = this.#isNear(peerKey)
    return this.#book
      .known()
      .filter((member) => this.#isOther(member.peerKey) && !sameBytes(member.peerKey, peerKey))
      .slice(-MAX_HELLO_MEMBERS)
      .map(({ peerKey: key, addresses }) => ({
        peerKey: key,
        addresses: isNear ? addresses : addresses.filter((address) => !isLoopback(address)),
      }))
      .filter(({ addresses }) => addresses.length > 0)
  }

  #isOther(peerKey: PublicKey): boolean {
    return this.swarm.membership.isMember(peerKey) && !sameBytes(peerKey, this.swarm.identity.peer.publicKey)
  }

  #memberTargets(): Target[] {
    if (this.node.members.up().length >= WANTED_MEMBERS) return []
    return this.#book
      .known()
      .filter(({ peerKey, addresses }) => this.#isOther(peerKey) && addresses.length > 0)
      .map(({ peerKey }) => ({
        name: toHex(peerKey),
        isConnected: () => this.#connectionWith(peerKey) !== undefined,
        connect: (signal) => this.reach(peerKey, { signal }),
      }))
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

  #connectionWith(peerKey: PublicKey) {
    return this.node.connectionsWith(peerKey)[0]
  }

  /** On the same machine, as far as the connection tells. */
  #isNear(peerKey: PublicKey): boolean {
    const connection = this.#connectionWith(peerKey)
    const address = connection === undefined ? undefined : fromMultiaddr(connection.remoteAddr)
    return address !== undefined && isLoopback(address)
  }

  #nameOf(peerKey: PublicKey): string {
    return this.swarm.membership.member(peerKey)?.name ?? peerIdText(peerKey)
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
