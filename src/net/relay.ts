import {
  type CircuitRelayServerComponents,
  type CircuitRelayService,
  type CircuitRelayTransportComponents,
  circuitRelayServer,
  circuitRelayTransport,
} from '@libp2p/circuit-relay-v2'
import type { PeerId, StreamHandler, Transport } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { GlasError } from '../glas/errors.ts'
import { type PublicKey, peerIdText } from '../glas/keys.ts'
import * as limits from './limits.ts'
import { type LiveMembers, peerKeyFrom } from './live-members.ts'

/** The transport's own list of places; not in the type that its factory gives, but readable in its class. */
interface Reservations {
  hasReservation(peerId: PeerId): boolean
  addRelay(peerId: PeerId, type: 'configured'): Promise<unknown>
}

/**
 * Connections between two members that cannot dial each other, through a third one that both are connected with:
 * libp2p's circuit relay, for members alone. Nobody is looked for and nothing is advertised: a peer keeps a place with
 * its permanent peers, and whoever wants to reach it asks the members that it is connected with. What goes through is
 * encrypted from end to end, and the hello is said as on any connection.
 */
export class Relay {
  readonly #members: LiveMembers
  #reservations: Reservations | undefined

  constructor(members: LiveMembers) {
    this.#members = members
  }

  /** For the list of transports of a node. */
  transport(components: CircuitRelayTransportComponents): Transport {
    const transport = circuitRelayTransport({
      maxInboundStopStreams: limits.MAX_RELAYED_STREAMS,
      maxOutboundStopStreams: limits.MAX_RELAYED_STREAMS,
    })(this.#forMembers(components)) as Transport & { reservationStore: Reservations }
    this.#reservations = transport.reservationStore
    return transport
  }

  /** For the services of a node that connects others. */
  server(components: CircuitRelayServerComponents): CircuitRelayService {
    return circuitRelayServer({
      hopTimeout: limits.UPGRADE_TIMEOUT_MS,
      maxInboundHopStreams: limits.MAX_RELAYED_STREAMS,
      maxOutboundHopStreams: limits.MAX_RELAYED_STREAMS,
      maxOutboundStopStreams: limits.MAX_RELAYED_STREAMS,
      reservations: {
        maxReservations: limits.MAX_RELAY_PLACES,
        reservationTtl: limits.RELAY_PLACE_MS,
        // The usual limit of 128 KiB is for strangers.
        applyDefaultLimit: false,
      },
    })(this.#forMembers(components))
  }

  /** Makes this peer reachable through a member that it is connected with. Cheap where it is so already. */
  async keepPlace(peerKey: PublicKey): Promise<void> {
    const peerId = peerIdFromString(peerIdText(peerKey))
    if (this.#reservations?.hasReservation(peerId) !== false) return
    await this.#reservations.addRelay(peerId, 'configured')
  }

  /** Where `target` may be reached through `relay`. */
  address(relay: PublicKey, target: PublicKey): Multiaddr {
    return multiaddr(`/p2p/${peerIdText(relay)}/p2p-circuit/p2p/${peerIdText(target)}`)
  }

  /** True for addresses that lead through a member that is up, and for no others: they may be a stranger's words. */
  mayDial(address: Multiaddr): boolean {
    const [empty, p2p, relay = '', circuit, again, target, ...rest] = address.toString().split('/')
    const isForm = empty === '' && p2p === 'p2p' && circuit === 'p2p-circuit' && again === 'p2p' && rest.length === 0
    return isForm && target !== undefined && isRelayed(address) && this.#isUp(relay)
  }

  #isUp(peerId: string): boolean {
    const peerKey = peerKeyFrom(peerIdFromString(peerId))
    return peerKey !== undefined && this.#members.isUp(peerKey)
  }

  /** The same components, whose protocols turn strangers away before a byte is read. */
  #forMembers<Components extends CircuitRelayServerComponents | CircuitRelayTransportComponents>(
    components: Components,
  ): Components {
    const { registrar } = components
    const handle: typeof registrar.handle = (protocol, handler, options) => {
      const guarded: StreamHandler = (stream, connection) => {
        const peerKey = peerKeyFrom(connection.remotePeer)
        if (peerKey !== undefined && this.#members.isMember(peerKey)) return handler(stream, connection)
        stream.abort(new GlasError('NotAllowed', 'Only members are connected with each other.'))
      }
      return registrar.handle(protocol, guarded, options)
    }
    const guardedRegistrar = new Proxy(registrar, {
      get: (target, name) => (name === 'handle' ? handle : bound(target, name)),
    })
    return new Proxy(components, {
      get: (target, name) => (name === 'registrar' ? guardedRegistrar : Reflect.get(target, name, target)),
    })
  }
}

export function isRelayed(address: Multiaddr): boolean {
  return address.toString().includes('/p2p-circuit')
}

/** Methods must not meet the proxy as `this`: they have private fields. */
function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name, target)
  return typeof value === 'function' ? value.bind(target) : value
}
