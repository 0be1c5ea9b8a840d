import type { GossipSubComponents } from '@libp2p/gossipsub'
import type { Connection, PeerId, Stream, StreamHandler, Topology } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { GlasError } from '../glas/errors.ts'
import { type PublicKey, peerIdText, toHex } from '../glas/keys.ts'
import { REOPEN_GOSSIP_MS } from './limits.ts'
import { type LiveMembers, peerKeyFrom } from './live-members.ts'

type Registrar = GossipSubComponents['registrar']

/**
 * The registrar as gossipsub gets to see it: strangers do not exist. A peer appears when it is up as a member and
 * disappears when it leaves or is removed, so that gossipsub never knows its topics, sends it anything or reads from
 * it. (Scores would only make it unlikely: flood publishing and IWANT look at thresholds, and a new peer has none.)
 *
 * It also sees to it that the gossip with a member goes on: gossipsub opens one stream to each peer, once, over one of
 * perhaps several connections, and does not notice when the other end stops reading. Here every stream ends with a
 * reset when the peer disappears, and one that ended while the peer is up is opened again.
 */
export class MemberRegistrar implements Registrar {
  readonly #registrar: Registrar
  readonly #members: LiveMembers
  readonly #connectionsOf: (peerId: PeerId) => Connection[]
  readonly #topologies = new Map<string, Topology>()
  /** Gossip streams with each member, both directions. */
  readonly #streams = new Map<string, Set<Stream>>()
  readonly #reopening = new Map<string, NodeJS.Timeout>()
  #topologyCount = 0
  /** How often a stranger's stream was turned away. */
  refusedStreams = 0

  constructor({ registrar, connectionManager }: GossipSubComponents, members: LiveMembers) {
    this.#registrar = registrar
    this.#members = members
    this.#connectionsOf = (peerId) => connectionManager.getConnections(peerId)
    members.on('up', (peerKey) => this.#appear(peerKey))
    members.on('down', (peerKey) => this.#disappear(peerKey))
  }

  async handle(...[protocol, handler, options]: Parameters<Registrar['handle']>): Promise<void> {
    const guarded: StreamHandler = (stream, connection) => {
      const peerKey = peerKeyFrom(connection.remotePeer)
      if (peerKey !== undefined && this.#members.isMember(peerKey)) {
        this.#track(peerKey, stream)
        return handler(stream, this.#watched(connection, peerKey))
      }
      this.refusedStreams += 1
      stream.abort(new GlasError('NotAllowed', 'Gossip is for members.'))
    }
    await this.#registrar.handle(protocol, guarded, options)
  }

  /** Who speaks the protocol is of no interest: all members do. */
  async register(_protocol: string, topology: Topology): Promise<string> {
    this.#topologyCount += 1
    const id = `members-${this.#topologyCount}`
    this.#topologies.set(id, topology)
    return id
  }

  unregister(id: string): void {
    this.#topologies.delete(id)
    if (this.#topologies.size > 0) return
    for (const timer of this.#reopening.values()) clearTimeout(timer)
    this.#reopening.clear()
  }

  #appear(peerKey: PublicKey): void {
    const peerId = peerIdFromString(peerIdText(peerKey))
    const connection = this.#connectionsOf(peerId).find(({ status }) => status === 'open')
    if (connection === undefined) return
    const watched = this.#watched(connection, peerKey)
    for (const topology of this.#topologies.values()) void topology.onConnect?.(peerId, watched)
  }

  #disappear(peerKey: PublicKey): void {
    const key = toHex(peerKey)
    clearTimeout(this.#reopening.get(key))
    this.#reopening.delete(key)
    const peerId = peerIdFromString(peerIdText(peerKey))
    for (const topology of this.#topologies.values()) void topology.onDisconnect?.(peerId)
    const streams = this.#streams.get(key) ?? []
    this.#streams.delete(key)
    for (const stream of streams) stream.abort(new GlasError('Interrupted', 'The peer is no member any more.'))
  }

  /** The connection, with an eye on the stream that gossipsub opens on it. */
  #watched(connection: Connection, peerKey: PublicKey): Connection {
    const newStream: Connection['newStream'] = async (protocols, options) => {
      try {
        const stream = await connection.newStream(protocols, options)
        // Gossipsub would keep a stream that ended before it could listen for that.
        if (stream.status !== 'open') throw new GlasError('PeerUnreachable', 'The peer closed the stream at once.')
        this.#track(peerKey, stream)
        stream.addEventListener('close', () => this.#reopenSoon(peerKey))
        return stream
      } catch (error) {
        this.#reopenSoon(peerKey)
        throw error
      }
    }
    return new Proxy(connection, {
      get: (target, name) => (name === 'newStream' ? newStream : Reflect.get(target, name, target)),
    })
  }

  #track(peerKey: PublicKey, stream: Stream): void {
    const key = toHex(peerKey)
    const streams = this.#streams.get(key) ?? new Set()
    this.#streams.set(key, streams.add(stream))
    stream.addEventListener('close', () => streams.delete(stream))
  }

  #reopenSoon(peerKey: PublicKey): void {
    const key = toHex(peerKey)
    if (this.#reopening.has(key) || this.#topologies.size === 0) return
    const timer = setTimeout(() => {
      this.#reopening.delete(key)
      if (this.#members.isUp(peerKey)) this.#appear(peerKey)
    }, REOPEN_GOSSIP_MS)
    timer.unref()
    this.#reopening.set(key, timer)
  }

  unhandle(...[protocol, options]: Parameters<Registrar['unhandle']>): Promise<void> {
    return this.#registrar.unhandle(protocol, options)
  }

  getProtocols(): string[] {
    return this.#registrar.getProtocols()
  }

  getHandler(protocol: string): ReturnType<Registrar['getHandler']> {
    return this.#registrar.getHandler(protocol)
  }

  getTopologies(protocol: string): Topology[] {
    return this.#registrar.getTopologies(protocol)
  }

  use(...[protocol, middleware]: Parameters<Registrar['use']>): void {
    this.#registrar.use(protocol, middleware)
  }

  unuse(protocol: string): void {
    this.#registrar.unuse(protocol)
  }

  getMiddleware(protocol: string): ReturnType<Registrar['getMiddleware']> {
    return this.#registrar.getMiddleware(protocol)
  }
}
