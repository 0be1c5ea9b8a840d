import { once } from 'node:events'
import type { CID } from 'multiformats/cid'
import { realFiles } from '../disk/files.ts'
import { type GlasError, isGlasError, toGlasError } from '../glas/errors.ts'
import { type PublicKey, peerIdText, sameBytes } from '../glas/keys.ts'
import { type Address, addressText, isLoopback, parseAddress, toMultiaddr } from './address.ts'
import { CatchUp, type CatchUpPorts } from './catch-up.ts'
import type { DeltaRequest, SentDelta } from './delta-messages.ts'
import { type BlockFetch, fetchBlocks } from './fetch-blocks.ts'
import { fetchDelta } from './fetch-delta.ts'
import { type HolderPorts, Holders } from './holders.ts'
import { decodeInviteLine } from './invite-line.ts'
import { LineRates } from './line-rates.ts'
import { LivePeers, type TapsPort } from './live.ts'
import { openPeer, type Peer, type PeerOptions, type PeerPorts } from './peer.ts'
import { dialPublic } from './public-dial.ts'
import { PublicSource } from './public-source.ts'
import { Bandwidth, type BandwidthLimits } from './rate-limit.ts'
import { RebuildBudget } from './rebuild-budget.ts'
import { type BlockShelf, serveBlocks } from './serve-blocks.ts'
import { type DeltaShelf, serveDeltas } from './serve-deltas.ts'

/** What the network asks of the rest of PintGlas: stock, index and the use cases come in here. */
export interface NetworkPorts {
  shelf: BlockShelf
  /** Bytes of images that have to be made before this block can be read: what a peer that asks for it pays for. */
  coldBytes(cid: CID): Promise<number>
  deltas: DeltaShelf
  publicBlocks: PeerPorts['blocks']
  index: CatchUpPorts
  /** An entry that came by gossip: `forward` when it is good and new. */
  receiveEntry: PeerPorts['receive']['entry']
  holding: HolderPorts['shelf']
  taps: TapsPort
  signGrant: PeerPorts['signGrant']
  /** Something that the user should know, and that stops nothing. */
  onNotice(error: GlasError): void
}

/** How often a peer broke a rule since the start, by error code. */
export type Violations = Map<string, Map<string, number>>

/** Peers whose violations are counted one by one; keys cost nothing, so there is an end to it. */
const MAX_COUNTED_PEERS = 1000

/**
 * Everything that goes over the line, put together: who is there (`peer`), who holds what (`holders`), which images
 * run (`live`), and the index kept equal to that of the others.
 */
export class Network {
  readonly peer: Peer
  readonly holders: Holders
  readonly live: LivePeers
  readonly violations: Violations
  readonly #rates = new LineRates()
  /** What may be sent and got in a second. */
  readonly bandwidth: Bandwidth
  readonly #catchUp: CatchUp
  readonly #stopServing: () => Promise<void>
  /** Members that came lately and are being asked what they hold, and which images run there. */
  readonly #asked = new Set<Promise<unknown>>()

  constructor(
    peer: Peer,
    parts: { holders: Holders; live: LivePeers; catchUp: CatchUp; violations: Violations; bandwidth: Bandwidth },
    stopServing: () => Promise<void>,
  ) {
    this.peer = peer
    this.holders = parts.holders
    this.live = parts.live
    this.violations = parts.violations
    this.bandwidth = parts.bandwidth
    this.#catchUp = parts.catchUp
    this.#stopServing = stopServing
  }

  /** A member came: keeps the index equal to its, and asks what it holds and which images run there. */
  memberUp(peerKey: PublicKey): void {
    this.#catchUp.memberUp(peerKey)
    for (const asking of [this.holders.memberUp(peerKey), this.live.memberUp(peerKey)]) {
      const asked = asking.finally(() => this.#asked.delete(asked))
      this.#asked.add(asked)
    }
  }

  memberDown(peerKey: PublicKey): void {
    this.#catchUp.memberDown(peerKey)
    this.live.memberDown(peerKey)
  }

  /** Where others reach this peer, as host:port#peerId. */
  addresses(): string[] {
    return this.peer.addresses().map(addressText)
  }

  /** The same as IPFS programs write it. */
  multiaddrs(): string[] {
    return this.peer.addresses().map((address) => toMultiaddr(address).toString())
  }

  /** Connects with an IPFS node at a multiaddr, if it answers, so that it can fetch what is public. */
  async meet(multiaddr: string, signal: AbortSignal): Promise<void> {
    try {
      await this.peer.node.dial([parseAddress(multiaddr)], { signal })
    } catch (error) {
      signal.throwIfAborted()
      if (!isGlasError(error)) throw error
    }
  }

  /** Throws InvalidName. */
  parseAddress(text: string): Address {
    return parseAddress(text)
  }

  /** Whether all addresses of an invitation are those of this machine for itself. */
  isForHereAlone(invitation: string): boolean {
    return decodeInviteLine(invitation).addresses.every(isLoopback)
  }

  /** Members that are connected, by key. */
  membersUp(): PublicKey[] {
    return this.peer.node.members.up()
  }

  /**
   * Resolves when everybody who is wanted was tried, and the index is equal to those of the members that answered. A
   * member that fails meanwhile is left out.
   */
  async settled(signal: AbortSignal): Promise<void> {
    await this.peer.settled(signal)
    await Promise.allSettled(this.membersUp().map((peerKey) => this.#catchUp.now(peerKey, { signal })))
    await Promise.allSettled(this.#asked)
    signal.throwIfAborted()
  }

  /** Resolves when the first member is up, or everybody who is wanted was tried. */
  async anyoneUp(signal: AbortSignal): Promise<void> {
    if (this.membersUp().length > 0) return
    const { members } = this.peer.node
    const over = new AbortController()
    try {
      await Promise.race([once(members, 'up', { signal: over.signal }), this.peer.settled(signal)])
    } finally {
      over.abort()
    }
  }

  /** Connects with a member by its addresses, or else as a permanent peer: that may be by ssh. PeerUnreachable. */
  async reach(peerKey: PublicKey, signal: AbortSignal): Promise<void> {
    try {
      await this.peer.reach(peerKey, { signal })
    } catch (error) {
      await this.peer.settled(signal)
      if (!this.peer.node.members.isUp(peerKey)) throw error
    }
  }

  catchUp(peerKey: PublicKey, signal: AbortSignal): Promise<void> {
    return this.#catchUp.now(peerKey, { signal })
  }

  /** Members that are connected: those that proved to hold the record, those that say so, and then all others. */
  likelyHolders(record: CID): PublicKey[] {
    const known = this.holders.holders(record)
    const rank = (peerKey: PublicKey) => {
      const holder = known.find((one) => sameBytes(one.peerKey, peerKey))
      if (holder === undefined) return 2
      return holder.proved ? 0 : 1
    }
    return this.membersUp().sort((a, b) => rank(a) - rank(b))
  }

  fetchBlocks(
    peerKey: PublicKey,
    batches: AsyncIterable<CID[]> | Iterable<CID[]>,
    options: { signal: AbortSignal },
  ): BlockFetch {
    const onViolation = (key: PublicKey, error: GlasError) => countViolation(this.violations, key, error)
    const fetch = fetchBlocks(this.peer.node.libp2p, peerKey, batches, {
      ...options,
      download: this.bandwidth.download,
      onViolation,
    })
    return this.#rates.measured(peerKey, fetch)
  }

  /** What makes an image of one that is here, from one holder; see `fetchDelta`. */
  fetchDelta(
    peerKey: PublicKey,
    wanted: Omit<DeltaRequest, 'bytesPerSecond'>,
    options: { signal: AbortSignal; maxImageBytes: number },
  ): Promise<SentDelta[] | string> {
    const request = { ...wanted, bytesPerSecond: this.#rates.of(peerKey) }
    const onViolation = (key: PublicKey, error: GlasError) => countViolation(this.violations, key, error)
    const { download } = this.bandwidth
    return fetchDelta(this.peer.node.libp2p, peerKey, request, { ...options, download, onViolation })
  }

  /** What came from a peer turned out to be false. */
  reportBad(peerKey: PublicKey, error: GlasError): void {
    countViolation(this.violations, peerKey, error)
  }

  /**
   * Public blocks of the IPFS nodes at `addresses`, or of whoever is connected where there are none. InvalidName,
   * NoProviders, PeerUnreachable.
   */
  async publicSource(
    addresses: readonly string[],
    options: { signal: AbortSignal; onNotice: (error: GlasError) => void },
  ): Promise<PublicSource> {
    return new PublicSource(await dialPublic(this.peer.node, addresses.map(parseAddress), options))
  }

  /** Tells the members that are connected of a new entry. */
  async announce(entry: Uint8Array): Promise<void> {
    await this.peer.publish('entry', entry)
  }

  /** Tells the members that these records are held here now, or no longer. Who misses it hears of it later. */
  claim(held: CID[], dropped: CID[] = []): void {
    this.holders.announce(held, dropped).catch(() => {})
  }

  async close(): Promise<void> {
    await this.#catchUp.stop()
    await this.live.stop()
    await this.holders.stop()
    await this.#stopServing()
    await this.peer.close()
  }
}

/** Where to listen is given as people write it. */
export type NetworkOptions = Omit<PeerOptions, 'files' | 'listen'> & {
  listen: readonly string[]
  limits: BandwidthLimits
}

export async function openNetwork(options: NetworkOptions, ports: NetworkPorts): Promise<Network> {
  const violations: Violations = new Map()
  const onViolation = (peerKey: PublicKey, error: GlasError) => countViolation(violations, peerKey, error)
  const received: { claim?: Holders; taps?: LivePeers } = {}
  const listen = options.listen.map(parseAddress)
  const peer = await openPeer(
    { ...options, files: realFiles, listen },
    {
      blocks: ports.publicBlocks,
      signGrant: ports.signGrant,
      receive: {
        entry: ports.receiveEntry,
        claim: async (bytes) => (await received.claim?.receiveClaim(bytes)) ?? 'drop',
        taps: async (bytes) => (await received.taps?.receive(bytes)) ?? 'drop',
      },
      onViolation,
      onNotice: ports.onNotice,
    },
  )
  try {
    const guard = peer.guard((_, error) => ports.onNotice(error))
    const { libp2p, members } = peer.node
    const catchUp = new CatchUp(libp2p, options.identity.peer.publicKey, ports.index, guard)
    const rebuilds = new RebuildBudget(ports.coldBytes)
    const shared = {
      libp2p,
      key: options.identity.peer,
      guard,
      isMember: (peerKey: PublicKey) => peer.swarm.membership.isMember(peerKey),
    }
    const holders = new Holders({
      ...shared,
      publish: (claim) => peer.publish('claim', claim),
      shelf: ports.holding,
      rebuilds,
    })
    const live = new LivePeers({
      ...shared,
      publish: (announcement) => peer.publish('taps', announcement),
      reach: (peerKey, signal) => peer.reach(peerKey, { signal }),
      taps: ports.taps,
    })
    received.claim = holders
    const bandwidth = new Bandwidth()
    bandwidth.limit(options.limits)
    received.taps = live
    await peer.prepare()
    const shelf = rebuilds.over(ports.shelf)
    const stops = [
      await serveBlocks(libp2p, shelf, guard, bandwidth.upload),
      await serveDeltas(libp2p, ports.deltas, guard, bandwidth.upload),
    ]
    const stopServing = async () => {
      rebuilds.stop()
      for (const stop of stops) await stop()
    }
    await catchUp.start()
    await holders.start()
    await live.start()
    const network = new Network(peer, { holders, live, catchUp, violations, bandwidth }, stopServing)
    members.on('up', (peerKey) => network.memberUp(peerKey))
    members.on('down', (peerKey) => network.memberDown(peerKey))
    peer.start()
    return network
  } catch (error) {
    await peer.close()
    throw toGlasError(error)
  }
}

function countViolation(violations: Violations, peerKey: PublicKey, error: GlasError): void {
  const peer = peerIdText(peerKey)
  if (!violations.has(peer) && violations.size >= MAX_COUNTED_PEERS) return
  const counts = violations.get(peer) ?? new Map<string, number>()
  counts.set(error.code, (counts.get(error.code) ?? 0) + 1)
  violations.set(peer, counts)
}
