import { noise } from '@chainsafe/libp2p-noise'
import { withBitswap } from '@helia/bitswap'
import { type HeliaWithLibp2p, withLibp2pLight } from '@helia/libp2p'
import type {
  CircuitRelayServerComponents,
  CircuitRelayService,
  CircuitRelayTransportComponents,
} from '@libp2p/circuit-relay-v2'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { type GossipSub, type GossipSubComponents, gossipsub } from '@libp2p/gossipsub'
import { type Identify, type IdentifyPush, identify, identifyPush } from '@libp2p/identify'
import type { Connection, ConnectionGater, Libp2p, PeerId, PrivateKey } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import { peerIdFromString } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createHeliaLight } from 'helia'
import type { CID } from 'multiformats/cid'
import { toGlasError } from '../glas/errors.ts'
import { type KeyPair, type PublicKey, peerIdText } from '../glas/keys.ts'
import { type Address, fromMultiaddr, isWildcard, toMultiaddr } from './address.ts'
import { dialError } from './dial-error.ts'
import { gossipOptions } from './gossip.ts'
import * as limits from './limits.ts'
import { LiveMembers, peerKeyFrom } from './live-members.ts'
import { MemberRegistrar } from './member-registrar.ts'
import { freeAddresses, type TakenPort, takenPorts } from './ports.ts'
import { type PublicBlocks, PublicBlockstore } from './public-blocks.ts'
import { isRelayed, Relay } from './relay.ts'
import { watchStrangers } from './strangers.ts'

/** mDNS under a name of our own: other libp2p programs neither hear of us nor we of them. */
const MDNS_SERVICE_TAG = '_pintglas._udp.local'
/** Somebody may take a port between the look whether it is free and the listening. */
const START_TRIES = 3

export interface NodeOptions {
  /** The peer key; its seed is the libp2p identity. */
  key: KeyPair
  /** Where to listen; none: this peer only dials. Port 0: any. */
  listen: readonly Address[]
  blocks: PublicBlocks
  /** Announce and look for peers on the local network. */
  mdns?: boolean
  /** When given, connections with any other peer are refused. Peer ids. */
  allowOnly?: ReadonlySet<string> | undefined
}

interface Services extends Record<string, unknown> {
  identify: Identify
  identifyPush: IdentifyPush
  gossip: GossipSub
  relay: CircuitRelayService
}

export type PeerLibp2p = Libp2p<Services>

/** What is decided while the node is made, and wanted from outside. */
interface Wiring {
  members: LiveMembers
  relay: Relay
  registrar?: MemberRegistrar
  /** Resolves when connections may come in: when every protocol has its handler. */
  admitted: PromiseWithResolvers<void>
}

/**
 * The libp2p node of this home: TCP, Noise, Yamux, identify, gossip and relays among members, Bitswap of public blocks.
 * It contacts nobody by itself: no bootstrap, DHT, public relay or HTTP router, no discovery but mDNS when switched on. What
 * helia and libp2p want to remember stays in memory.
 */
export class Node {
  readonly libp2p: PeerLibp2p
  readonly members: LiveMembers
  readonly peerId: string
  /** Ports that were in use, and what was taken in their place. */
  readonly takenPorts: TakenPort[]
  readonly #helia: HeliaWithLibp2p<Services>
  readonly #wiring: Wiring

  constructor(helia: HeliaWithLibp2p<Services>, wiring: Wiring, wanted: readonly Address[]) {
    this.#helia = helia
    this.#wiring = wiring
    this.libp2p = helia.libp2p
    this.members = wiring.members
    this.peerId = helia.libp2p.peerId.toString()
    this.takenPorts = takenPorts(wanted, this.addresses())
  }

  /** Connections that came in meanwhile were kept waiting. To be called when all protocols have their handlers. */
  admit(): void {
    this.#wiring.admitted.resolve()
  }

  /** Where others can dial this peer, each with its peer id. */
  addresses(): Address[] {
    return this.libp2p.getMultiaddrs().flatMap((multiaddr) => fromMultiaddr(multiaddr) ?? [])
  }

  /** Streams for gossip that were opened by strangers, and closed at once. */
  get refusedGossipStreams(): number {
    return this.#wiring.registrar?.refusedStreams ?? 0
  }

  /**
   * Connects to the peer at one of `addresses`; all of them with the same peer id, or one without any. Gives the key of
   * the peer that answered. PeerUnreachable, TimedOut or Interrupted.
   */
  async dial(addresses: readonly Address[], options: { signal?: AbortSignal } = {}): Promise<PublicKey> {
    const limit = AbortSignal.timeout(limits.DIAL_TIMEOUT_MS)
    const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit])
    let remote: PeerId
    try {
      const connection = await this.libp2p.dial(addresses.map(toMultiaddr), { signal })
      remote = connection.remotePeer
    } catch (cause) {
      if (options.signal?.aborted) throw toGlasError(options.signal.reason)
      throw dialError(addresses, cause)
    }
    const peerKey = peerKeyFrom(remote)
    if (peerKey === undefined) throw dialError(addresses, new Error('not a PintGlas peer'))
    return peerKey
  }

  /**
   * Connects to the peer through members that both are connected with, whichever of them works first. Cheap where none
   * knows it. PeerUnreachable, TimedOut or Interrupted.
   */
  async dialThroughMembers(peerKey: PublicKey, options: { signal?: AbortSignal } = {}): Promise<void> {
    const isDirect = (relay: PublicKey) => this.connectionsWith(relay).some(({ remoteAddr }) => !isRelayed(remoteAddr))
    const relays = this.members.up().filter(isDirect).slice(0, limits.MAX_RELAYS_TRIED)
    if (relays.length === 0) throw dialError([], new Error('no member to go through'))
    const limit = AbortSignal.timeout(limits.DIAL_TIMEOUT_MS)
    const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit])
    try {
      await this.libp2p.dial(
        relays.map((relay) => this.#wiring.relay.address(relay, peerKey)),
        { signal },
      )
    } catch (cause) {
      if (options.signal?.aborted) throw toGlasError(options.signal.reason)
      throw dialError([], cause)
    }
  }

  /** Has members that cannot dial this peer reach it through that one, as long as the connection lasts. */
  async keepPlaceAt(peerKey: PublicKey): Promise<void> {
    const isUp = this.members.isUp(peerKey) && this.connectionsWith(peerKey).length > 0
    if (isUp) await this.#wiring.relay.keepPlace(peerKey)
  }

  connectionsWith(peerKey: PublicKey): Connection[] {
    return this.libp2p.getConnections(peerIdFromString(peerIdText(peerKey)))
  }

  /** Drops every connection with a peer, and with them all streams. */
  disconnect(peerKey: PublicKey, reason: Error): void {
    for (const connection of this.connectionsWith(peerKey)) connection.abort(reason)
  }

  /**
   * A block that anybody may have, over Bitswap from whoever is connected, its hash checked. It is not stored: that is
   * the caller's to do. Waits until somebody has it, so give a signal.
   */
  async fetchPublic(cid: CID, options: { signal: AbortSignal }): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    try {
      for await (const part of this.#helia.blockstore.get(cid, options)) parts.push(part)
    } catch (cause) {
      throw toGlasError(options.signal.aborted ? options.signal.reason : cause)
    }
    return parts.length === 1 ? parts[0]! : new Uint8Array(Buffer.concat(parts))
  }

  async close(): Promise<void> {
    this.admit()
    await this.#helia.stop()
  }
}

/** Starts a node. Connections that come in wait until `admit` is called. */
export async function openNode(options: NodeOptions): Promise<Node> {
  for (let tries = 1; ; tries++) {
    const members = new LiveMembers()
    const wiring: Wiring = { members, relay: new Relay(members), admitted: Promise.withResolvers() }
    const listen = await freeAddresses(options.listen)
    const helia = await createNode(options, listen, wiring)
    try {
      await helia.start()
    } catch (cause) {
      await helia.stop().catch(() => {})
      if (tries < START_TRIES && isListenError(cause)) continue
      throw toGlasError(cause)
    }
    watchStrangers(helia.libp2p, wiring.members)
    return new Node(helia, wiring, options.listen)
  }
}

const isListenError = (cause: unknown): boolean =>
  cause instanceof Error && cause.name === 'UnsupportedListenAddressesError'

async function createNode(
  options: NodeOptions,
  listen: readonly Address[],
  wiring: Wiring,
): Promise<HeliaWithLibp2p<Services>> {
  const privateKey: PrivateKey = await generateKeyPairFromSeed('Ed25519', options.key.seed)
  const helia = createHeliaLight({ blockstore: new PublicBlockstore(options.blocks) })
  const withLibp2p = withLibp2pLight<typeof helia, Services>(helia, {
    privateKey,
    addresses: { listen: listen.map((address) => toMultiaddr(address).toString()) },
    transports: [
      tcp({ maxConnections: limits.MAX_CONNECTIONS }),
      (components: CircuitRelayTransportComponents) => wiring.relay.transport(components),
    ],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        maxInboundStreams: limits.MAX_STREAMS_PER_CONNECTION,
        maxOutboundStreams: limits.MAX_STREAMS_PER_CONNECTION,
      }),
    ],
    connectionGater: gaterOf(options, wiring),
    connectionManager: {
      maxConnections: limits.MAX_CONNECTIONS,
      maxIncomingPendingConnections: limits.MAX_PENDING_CONNECTIONS,
      inboundConnectionThreshold: limits.MAX_CONNECTIONS_PER_HOST_SECOND,
      inboundUpgradeTimeout: limits.UPGRADE_TIMEOUT_MS,
      inboundStreamProtocolNegotiationTimeout: limits.UPGRADE_TIMEOUT_MS,
      outboundStreamProtocolNegotiationTimeout: limits.UPGRADE_TIMEOUT_MS,
      maxParallelDials: limits.MAX_PARALLEL_DIALS,
      maxDialQueueLength: limits.MAX_DIAL_QUEUE,
      maxPeerAddrsToDial: limits.MAX_ADDRESSES_PER_DIAL,
      dialTimeout: limits.DIAL_TIMEOUT_MS,
      addressDialTimeout: limits.ADDRESS_DIAL_TIMEOUT_MS,
      // Nothing that a peer says of its addresses is looked up, except names of hosts when they are dialled.
      resolvers: {},
    },
    connectionMonitor: {
      pingInterval: limits.PING_INTERVAL_MS,
      pingTimeout: { minTimeout: limits.MIN_PING_TIMEOUT_MS, maxTimeout: limits.MAX_PING_TIMEOUT_MS },
    },
    peerDiscovery: options.mdns ? [mdns({ serviceTag: MDNS_SERVICE_TAG, interval: limits.MDNS_INTERVAL_MS })] : [],
    services: {
      identify: identify({ maxMessageSize: limits.MAX_IDENTIFY_BYTES }),
      identifyPush: identifyPush({ maxMessageSize: limits.MAX_IDENTIFY_BYTES }),
      relay: (components: CircuitRelayServerComponents) => wiring.relay.server(components),
      gossip: (components: GossipSubComponents) => {
        wiring.registrar = new MemberRegistrar(components, wiring.members)
        const { privateKey, peerId, peerStore, connectionManager, logger } = components
        const registrar = wiring.registrar
        return gossipsub(gossipOptions())({ privateKey, peerId, peerStore, connectionManager, logger, registrar })
      },
    },
  })
  return withBitswap(withLibp2p, {
    maxInboundStreams: limits.MAX_BITSWAP_STREAMS_IN,
    maxOutboundStreams: limits.MAX_BITSWAP_STREAMS_OUT,
    maxIncomingMessageSize: limits.MAX_BITSWAP_MESSAGE_BYTES,
    maxWantlistSize: limits.MAX_BITSWAP_WANTS,
  })
}

/** Keeps early connections waiting, and strangers out where a list says who may come. Relays are members. */
function gaterOf({ allowOnly }: NodeOptions, wiring: Wiring): ConnectionGater {
  const isDenied = (peerId: PeerId) => allowOnly !== undefined && !allowOnly.has(peerId.toString())
  return {
    denyInboundConnection: async () => {
      await wiring.admitted.promise
      return false
    },
    denyInboundEncryptedConnection: isDenied,
    denyOutboundEncryptedConnection: isDenied,
    denyDialPeer: isDenied,
    denyDialMultiaddr: (address) => {
      if (isRelayed(address)) return !wiring.relay.mayDial(address)
      const dialled = fromMultiaddr(address)
      return dialled === undefined || isWildcard(dialled)
    },
  }
}
