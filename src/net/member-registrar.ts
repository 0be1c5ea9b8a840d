import type { GossipSubComponents } from '@libp2p/gossipsub'
import type { Connection, Libp2pEvents, PeerId, StreamHandler, Topology } from '@libp2p/interface'
import { GlasError } from '../glas/errors.ts'
import { type PublicKey, toHex } from '../glas/keys.ts'
import { type LiveMembers, peerKeyFrom } from './live-members.ts'

type Registrar = GossipSubComponents['registrar']

export interface ConnectionEvents {
  addEventListener(type: 'connection:close', listener: (event: Libp2pEvents['connection:close']) => void): void
}

/**
 * The registrar as gossipsub gets to see it: strangers do not exist. A peer appears when it is up as a member and
 * disappears when it leaves or is removed, so that gossipsub never knows its topics, sends it anything or reads from
 * it. (Scores would only make it unlikely: flood publishing and IWANT look at thresholds, and a new peer has none.)
 */
export class MemberRegistrar implements Registrar {
  readonly #registrar: Registrar
  readonly #members: LiveMembers
  readonly #connectionsOf: (peerId: PeerId) => Connection[]
  readonly #topologies = new Set<Topology>()
  /** Connected peers that speak gossip, members or not. */
  readonly #present = new Map<string, PeerId>()
  /** How often a stranger's stream was turned away. */
  refusedStreams = 0

  constructor(components: GossipSubComponents & { events: ConnectionEvents }, members: LiveMembers) {
    this.#registrar = components.registrar
    this.#members = members
    this.#connectionsOf = (peerId) => components.connectionManager.getConnections(peerId)
    members.on('up', (peerKey) => this.#appear(peerKey))
    members.on('down', (peerKey) => this.#disappear(peerKey))
    // Of two connections to one peer the one that carried the gossip may close: it is taken up on the other.
    components.events.addEventListener('connection:close', ({ detail }) => {
      const peerKey = peerKeyFrom(detail.remotePeer)
      if (peerKey !== undefined && members.isUp(peerKey)) this.#appear(peerKey)
    })
  }

  async handle(...[protocol, handler, options]: Parameters<Registrar['handle']>): Promise<void> {
    const guarded: StreamHandler = (stream, connection) => {
      const peerKey = peerKeyFrom(connection.remotePeer)
      if (peerKey !== undefined && this.#members.isMember(peerKey)) return handler(stream, connection)
      this.refusedStreams += 1
      stream.abort(new GlasError('NotAllowed', 'Gossip is for members.'))
    }
    await this.#registrar.handle(protocol, guarded, options)
  }

  async register(protocol: string, topology: Topology): Promise<string> {
    this.#topologies.add(topology)
    return this.#registrar.register(protocol, {
      ...topology,
      onConnect: (peerId) => {
        const peerKey = peerKeyFrom(peerId)
        if (peerKey === undefined) return
        this.#present.set(toHex(peerKey), peerId)
        if (this.#members.isUp(peerKey)) this.#appear(peerKey)
      },
      onDisconnect: (peerId) => {
        const peerKey = peerKeyFrom(peerId)
        if (peerKey === undefined) return
        this.#disappear(peerKey)
        this.#present.delete(toHex(peerKey))
      },
    })
  }

  #appear(peerKey: PublicKey): void {
    const peerId = this.#present.get(toHex(peerKey))
    if (peerId === undefined) return
    const connection = this.#connectionsOf(peerId).find(({ status }) => status === 'open')
    if (connection === undefined) return
    for (const topology of this.#topologies) void topology.onConnect?.(peerId, connection)
  }

  #disappear(peerKey: PublicKey): void {
    const peerId = this.#present.get(toHex(peerKey))
    if (peerId === undefined) return
    for (const topology of this.#topologies) void topology.onDisconnect?.(peerId)
  }

  unhandle(...[protocol, options]: Parameters<Registrar['unhandle']>): Promise<void> {
    return this.#registrar.unhandle(protocol, options)
  }

  unregister(id: string): void {
    this.#registrar.unregister(id)
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
