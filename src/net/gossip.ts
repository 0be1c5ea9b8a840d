import { type GossipsubOpts, type Message, StrictNoSign, TopicValidatorResult } from '@libp2p/gossipsub'
import type { PeerId } from '@libp2p/interface'
import { decodeCanonical, encodeCanonical } from '../glas/canonical.ts'
import type { SwarmId } from '../glas/certificate.ts'
import { GlasError, toGlasError } from '../glas/errors.ts'
import { Fields } from '../glas/fields.ts'
import { type PublicKey, toHex } from '../glas/keys.ts'
import * as limits from './limits.ts'
import { peerKeyFrom } from './live-members.ts'
import type { Node } from './node.ts'

/** What travels: an entry, a list of holder claims, one of taps, a certificate or a removal; all signed in themselves. */
export type GossipKind = 'entry' | 'claim' | 'taps' | 'certificate' | 'removal'
const KINDS: readonly string[] = ['entry', 'claim', 'taps', 'certificate', 'removal'] satisfies GossipKind[]
const MAX_KIND_BYTES = 16

/**
 * Takes in one message and says whether it is worth passing on. What it throws counts against the peer that sent it,
 * and is not passed on.
 */
export type GossipReceiver = (bytes: Uint8Array, from: PublicKey) => Promise<'forward' | 'drop'>

export interface GossipPorts {
  receive: Record<GossipKind, GossipReceiver>
  onViolation(peerKey: PublicKey, error: GlasError): void
}

/** Messages are not signed by gossipsub: what they hold is, and who passed something on is nobody's business. */
export function gossipOptions(): Partial<GossipsubOpts> {
  return {
    globalSignaturePolicy: StrictNoSign,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    fallbackToFloodsub: false,
    emitSelf: false,
    doPX: false,
    // One message after the other: a peer that floods waits for its own messages to be dealt with.
    awaitRpcHandler: true,
    awaitRpcMessageHandler: true,
    seenTTL: limits.GOSSIP_SEEN_MS,
    maxInboundDataLength: limits.MAX_GOSSIP_RPC_BYTES,
    maxOutboundBufferSize: limits.MAX_GOSSIP_UNSENT_BYTES,
    maxTopicBytesPerPeer: limits.MAX_GOSSIP_TOPIC_BYTES,
    dataTransform: { inboundTransform: refuseOthers, outboundTransform: (_topic, data) => data },
  }
}

const TOPIC_PREFIX = '/pintglas/swarm/1.0.0/'

export const topicOf = (swarm: SwarmId): string => `${TOPIC_PREFIX}${swarm}`

/** Runs before a message is remembered anywhere: other topics and large messages leave no trace. */
function refuseOthers(topic: string, data: Uint8Array): Uint8Array {
  if (!topic.startsWith(TOPIC_PREFIX)) throw new Error('a topic that nobody follows')
  if (data.byteLength > limits.MAX_GOSSIP_BYTES) throw new Error('a message that is too long')
  return data
}

/**
 * News among the members of one swarm. Delivery is not certain (a peer may be away, or lose messages when it is slow):
 * catch-up brings what was missed.
 */
export class Gossip {
  readonly #node: Node
  readonly #ports: GossipPorts
  readonly #minutes = new Map<string, { endsMs: number; messages: number }>()
  #topic: string | undefined

  constructor(node: Node, ports: GossipPorts) {
    this.#node = node
    this.#ports = ports
    node.members.on('down', (peerKey) => this.#minutes.delete(toHex(peerKey)))
  }

  /** Follows the topic of `swarm` and no other. */
  follow(swarm: SwarmId): void {
    const gossip = this.#node.libp2p.services.gossip
    if (this.#topic !== undefined) {
      gossip.unsubscribe(this.#topic)
      gossip.topicValidators.delete(this.#topic)
    }
    this.#topic = topicOf(swarm)
    gossip.topicValidators.set(this.#topic, (peerId, message) => this.#judge(peerId, message))
    gossip.subscribe(this.#topic)
  }

  /** Sends to the members that are connected; gives their number. */
  async publish(kind: GossipKind, bytes: Uint8Array): Promise<number> {
    if (this.#topic === undefined) throw new GlasError('NotRunning', 'The peer follows no swarm yet.')
    const message = encodeCanonical({ kind, bytes })
    if (message.byteLength > limits.MAX_GOSSIP_BYTES) throw tooLong(message.byteLength)
    const { recipients } = await this.#node.libp2p.services.gossip.publish(this.#topic, message)
    return recipients.length
  }

  async #judge(peerId: PeerId, message: Message): Promise<TopicValidatorResult> {
    const from = peerKeyFrom(peerId)
    if (from === undefined || !this.#node.members.isMember(from)) return TopicValidatorResult.Ignore
    try {
      this.#count(from)
      const { kind, bytes } = decodeGossip(message.data)
      const verdict = await this.#ports.receive[kind](bytes, from)
      return verdict === 'forward' ? TopicValidatorResult.Accept : TopicValidatorResult.Ignore
    } catch (cause) {
      this.#ports.onViolation(from, toGlasError(cause))
      return TopicValidatorResult.Ignore
    }
  }

  /** A minute starts with the first message after the last one ended. */
  #count(from: PublicKey): void {
    const key = toHex(from)
    const nowMs = performance.now()
    const minute = this.#minutes.get(key)
    if (minute === undefined || minute.endsMs < nowMs) {
      this.#minutes.set(key, { endsMs: nowMs + 60_000, messages: 1 })
      return
    }
    minute.messages += 1
    if (minute.messages <= limits.MAX_GOSSIP_PER_MINUTE) return
    throw new GlasError(
      'LimitExceeded',
      `A peer sent more than ${limits.MAX_GOSSIP_PER_MINUTE} messages in a minute.`,
      {
        data: { limit: limits.MAX_GOSSIP_PER_MINUTE, unit: 'messages a minute' },
      },
    )
  }
}

/** Canonical dag-cbor of `{bytes, kind}`; BadMessage or LimitExceeded for anything else. */
export function decodeGossip(data: Uint8Array): { kind: GossipKind; bytes: Uint8Array } {
  const what = 'The gossip message'
  const fields = new Fields(decodeCanonical(data, limits.MAX_GOSSIP_BYTES, 'BadMessage', what), 'BadMessage', what)
  const kind = fields.text('kind', MAX_KIND_BYTES)
  const bytes = fields.raw('bytes')
  if (!KINDS.includes(kind)) throw fields.bad('kind', KINDS.join(', '))
  if (!(bytes instanceof Uint8Array)) throw fields.bad('bytes', 'bytes')
  return { kind: kind as GossipKind, bytes }
}

function tooLong(value: number): GlasError {
  const limit = limits.MAX_GOSSIP_BYTES
  return new GlasError('LimitExceeded', `A message of ${value} bytes is too long to spread; ${limit} are allowed.`, {
    data: { limit, value, unit: 'bytes' },
  })
}
