import { once } from 'node:events'
import type { CID } from 'multiformats/cid'
import { realFiles } from '../disk/files.ts'
import { type GlasError, toGlasError } from '../glas/errors.ts'
import { type PublicKey, peerIdText, sameBytes } from '../glas/keys.ts'
import { type Address, addressText, parseAddress } from './address.ts'
import { CatchUp, type CatchUpPorts } from './catch-up.ts'
import type { DeltaRequest, SentDelta } from './delta-messages.ts'
import { type BlockFetch, fetchBlocks } from './fetch-blocks.ts'
import { fetchDelta } from './fetch-delta.ts'
import { type HolderPorts, Holders } from './holders.ts'
import { LineRates } from './line-rates.ts'
import { openPeer, type Peer, type PeerOptions, type PeerPorts } from './peer.ts'
import { dialPublic } from './public-dial.ts'
import { PublicSource } from './public-source.ts'
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
  signGrant: PeerPorts['signGrant']
  /** Something that the user should know, and that stops nothing. */
  onNotice(error: GlasError): void
}

/** How often a peer broke a rule since the start, by error code. */
export type Violations = Map<string, Map<string, number>>

/** Peers whose violations are counted one by one; keys cost nothing, so there is an end to it. */
const MAX_COUNTED_PEERS = 1000

/**
 * Everything that goes over the line, put together: who is there (`peer`), who holds what (`holders`), and the index
 * kept equal to that of the others.
 */
export class Network {
  readonly peer: Peer
  readonly holders: Holders
  readonly violations: Violations
  readonly #rates = new LineRates()
  readonly #catchUp: CatchUp
  readonly #stopServing: () => Promise<void>
  /** Members that came lately and are being asked what they hold. */
  readonly #claimsAsked = new Set<Promise<void>>()

  constructor(
    peer: Peer,
    parts: { holders: Holders; catchUp: CatchUp; violations: Violations },
    stopServing: () => Promise<void>,
  ) {
    this.peer = peer
    this.holders = parts.holders
    this.violations = parts.violations
    this.#catchUp = parts.catchUp
    this.#stopServing = stopServing
  }

  /** A member came: keeps the index equal to its, and asks what it holds. */
  memberUp(peerKey: PublicKey): void {
    this.#catchUp.memberUp(peerKey)
    const asked = this.holders.memberUp(peerKey).finally(() => this.#claimsAsked.delete(asked))
    this.#claimsAsked.add(asked)
  }

  memberDown(peerKey: PublicKey): void {
    this.#catchUp.memberDown(peerKey)
  }

  /** Where others reach this peer, as host:port#peerId. */
  addresses(): string[] {
    return this.peer.addresses().map(addressText)
  }

  /** Throws InvalidName. */
  parseAddress(text: string): Address {
    return parseAddress(text)
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
    await Promise.allSettled(this.#claimsAsked)
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
    return this.#rates.measured(
      peerKey,
      fetchBlocks(this.peer.node.libp2p, peerKey, batches, { ...options, onViolation }),
    )
  }

  /** What makes an image of one that is here, from one holder; see `fetchDelta`. */
  fetchDelta(
    peerKey: PublicKey,
    wanted: Omit<DeltaRequest, 'bytesPerSecond'>,
    options: { signal: AbortSignal; maxImageBytes: number },
  ): Promise<SentDelta[] | string> {
    const request = { ...wanted, bytesPerSecond: this.#rates.of(peerKey) }
    const onViolation = (key: PublicKey, error: GlasError) => countViolation(this.violations, key, error)
    return fetchDelta(this.peer.node.libp2p, peerKey, request, { ...options, onViolation })
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
    await this.holders.stop()
    await this.#stopServing()
    await this.peer.close()
  }
}

/** Where to listen is given as people write it. */
export type NetworkOptions = Omit<PeerOptions, 'files' | 'listen'> & { listen: readonly string[] }

export async function openNetwork(options: NetworkOptions, ports: NetworkPorts): Promise<Network> {
  const violations: Violations = new Map()
  const onViolation = (peerKey: PublicKey, error: GlasError) => countViolation(violations, peerKey, error)
  const received: { claim?: Holders } = {}
  const listen = options.listen.map(parseAddress)
  const peer = await openPeer(
    { ...options, files: realFiles, listen },
    {
      blocks: ports.publicBlocks,
      signGrant: ports.signGrant,
      receive: {
        entry: ports.receiveEntry,
        claim: async (bytes) => (await received.claim?.receiveClaim(bytes)) ?? 'drop',
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
    const holders = new Holders({
      libp2p,
      key: options.identity.peer,
      guard,
      isMember: (peerKey) => peer.swarm.membership.isMember(peerKey),
      publish: (claim) => peer.publish('claim', claim),
      shelf: ports.holding,
      rebuilds,
    })
    received.claim = holders
    await peer.prepare()
    const shelf = rebuilds.over(ports.shelf)
    const stops = [await serveBlocks(libp2p, shelf, guard), await serveDeltas(libp2p, ports.deltas, guard)]
    const stopServing = async () => {
      rebuilds.stop()
      for (const stop of stops) await stop()
    }
    await catchUp.start()
    await holders.start()
    const network = new Network(peer, { holders, catchUp, violations }, stopServing)
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
