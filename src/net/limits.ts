/**
 * What the node, membership, joining, gossip and reconnection allow, each with its unit and reason. The protocols that
 * move data keep their own beside them.
 */
import type { StreamLimits } from './channel.ts'

/** All connections together: a swarm of a few hundred peers, far below the usual 1024 open files. */
export const MAX_CONNECTIONS = 256
/** Connected peers that are no members. They fetch public blocks; the one that was first goes when a new one comes. */
export const MAX_STRANGERS = 64
/** Members that may be reached through this peer: each of them is connected with it. */
export const MAX_RELAY_PLACES = 256
/** A place is kept for so long, and renewed before. */
export const RELAY_PLACE_MS = 2 * 3600_000
/** Connections of others that go through one connection, in either direction: each may carry whole versions. */
export const MAX_RELAYED_STREAMS = 32
/** A member that does not answer at its own addresses is also looked for through others after so long. */
export const RELAY_AFTER_MS = 1_500
/** Members that are asked whether somebody can be reached through them. */
export const MAX_RELAYS_TRIED = 8
/** Inbound connections that are still in the handshake. */
export const MAX_PENDING_CONNECTIONS = 32
/** From one host in a second: everything that comes through ssh comes from 127.0.0.1. */
export const MAX_CONNECTIONS_PER_HOST_SECOND = 20
/** Dials at once: a start of a home that knows many members. */
export const MAX_PARALLEL_DIALS = 16
export const MAX_DIAL_QUEUE = 64
/** Addresses tried for one peer. */
export const MAX_ADDRESSES_PER_DIAL = 8
/** One dial, all addresses of a peer together; login nodes answer slowly. */
export const DIAL_TIMEOUT_MS = 15_000
/** One address of several. */
export const ADDRESS_DIAL_TIMEOUT_MS = 8_000
/** Noise and Yamux on a connection that comes in, and choosing the protocol of a stream. */
export const UPGRADE_TIMEOUT_MS = 10_000
/** Streams that one connection may have open in either direction, all protocols together. */
export const MAX_STREAMS_PER_CONNECTION = 256
/** A peer that blocks for a long computation is not gone: two pings may fail to come back for so long. */
export const PING_INTERVAL_MS = 20_000
export const MIN_PING_TIMEOUT_MS = 60_000
export const MAX_PING_TIMEOUT_MS = 120_000
/** Learned by identify: protocols and addresses of one peer. */
export const MAX_IDENTIFY_BYTES = 16 * 1024
/** Strangers are forgotten so long after they left: the registrar still looks them up while they go. */
export const FORGET_STRANGER_AFTER_MS = 10_000
/** mDNS queries; the first is sent at once. */
export const MDNS_INTERVAL_MS = 20_000

/** Bitswap streams, as one block is at most 2 MiB and its messages are read whole. */
export const MAX_BITSWAP_STREAMS_IN = 32
export const MAX_BITSWAP_STREAMS_OUT = 32
export const MAX_BITSWAP_MESSAGE_BYTES = 4 * 1024 * 1024
export const MAX_BITSWAP_WANTS = 1024

/** Certificates from the founder to a member. More means that invitations were handed on without end. */
export const MAX_CHAIN = 16
/** Certificates of one swarm, and removals: each is checked when it comes and when the home opens (0.1 ms). */
export const MAX_CERTIFICATES = 2048
export const MAX_REMOVALS = 2048
/** Certificates and removals whose issuer is not known yet; they are not stored, the oldest goes first. */
export const MAX_UNDECIDED = 256
/** The file of a swarm at its largest: both lists, about half a KiB each. */
export const MAX_SWARM_FILE_BYTES = 4 * 1024 * 1024

/** Invitations that are kept, used and expired ones included: they still explain themselves for a while. */
export const MAX_INVITES = 128
/** A used or expired invitation can say so for this long; then it is unknown. */
export const KEEP_INVITE_MS = 30 * 24 * 3600_000
export const DEFAULT_INVITE_MS = 24 * 3600_000
export const MAX_INVITE_MS = 30 * 24 * 3600_000
export const MAX_INVITES_FILE_BYTES = 1024 * 1024
/** An invitation is typed or pasted: a few addresses. */
export const MAX_INVITE_ADDRESSES = 6
export const MAX_INVITE_LINE_CHARS = 1024
/** Failed tries to join by one peer in the window; a secret of 16 bytes cannot be guessed, this bounds the work. */
export const MAX_FAILED_JOINS = 5
export const FAILED_JOIN_WINDOW_MS = 60_000
/** Hellos of one peer that proved nothing, in the window: each costs the checking of a chain (2 ms). */
export const MAX_FAILED_HELLOS = 10
export const FAILED_HELLO_WINDOW_MS = 60_000
/** Peers whose failed tries are remembered; the oldest goes first. */
export const MAX_FAILED_PEERS = 1024
/** Certificates, and members with addresses, that the answer to a join holds; the hello that follows brings the rest. */
export const MAX_JOIN_CERTIFICATES = 64
export const MAX_JOIN_MEMBERS = 32
/** Everything of a join: dialling, asking, storing. */
export const JOIN_TIMEOUT_MS = 30_000

/** Everything of a hello on one connection. */
export const HELLO_TIMEOUT_MS = 20_000
/** Tries of a hello on one connection, with a pause between them. */
export const HELLO_TRIES = 3
export const HELLO_PAUSE_MS = 2_000
/** Certificates, removals and addresses go in pages below the message limit. */
export const HELLO_PAGE_ITEMS = 32
/** Members whose addresses one hello passes on. */
export const MAX_HELLO_MEMBERS = 128

/** Two messages each way, then pages; a page is 32 certificates of 1 KiB, or 32 members with 8 addresses of 300. */
export const HELLO_LIMITS: StreamLimits = {
  maxStreamsPerPeer: 2,
  // Nobody has proved anything yet: strangers must not be able to take those of members.
  maxStreams: 2 * MAX_CONNECTIONS,
  maxMessageBytes: 96 * 1024,
  maxMessages: 2 + Math.ceil((MAX_CERTIFICATES + MAX_REMOVALS) / HELLO_PAGE_ITEMS) + 4,
  maxUnreadBytes: 256 * 1024,
  idleTimeoutMs: 10_000,
  messageTimeoutMs: 10_000,
}

/** One question, one answer: a chain of 17, 64 other certificates, 32 members with their addresses. */
export const JOIN_LIMITS: StreamLimits = {
  maxStreamsPerPeer: 2,
  maxStreams: 2 * MAX_STRANGERS,
  maxMessageBytes: 192 * 1024,
  maxMessages: 2,
  maxUnreadBytes: 512 * 1024,
  idleTimeoutMs: 15_000,
  messageTimeoutMs: 15_000,
}

/** Members whose addresses are kept, and addresses for each; the ones that worked longest ago go first. */
export const MAX_KNOWN_PEERS = 1024
export const MAX_KNOWN_ADDRESSES = 8
/** `peers add`. */
export const MAX_PERMANENT_PEERS = 64
export const MAX_ADDRESS_CHARS = 300
export const MAX_ADDRESS_FILE_BYTES = 4 * 1024 * 1024
/** Learned addresses are written together: they are a convenience. */
export const SAVE_ADDRESSES_AFTER_MS = 1_000

/** Reconnecting: doubled after each failure from the first to the last, with a quarter of it left to chance. */
export const FIRST_RETRY_MS = 1_000
export const LAST_RETRY_MS = 5 * 60_000
/** Members that a home tries to be connected with; the others come to it, or are met when they are needed. */
export const WANTED_MEMBERS = 48
/** Reconnections at once. */
export const MAX_RECONNECTS = 4
/** One try of a permanent peer, ssh included. */
export const RECONNECT_TIMEOUT_MS = 45_000

/** One gossip message: an entry has 2 KiB, a list of claims some more. */
export const MAX_GOSSIP_BYTES = 64 * 1024
/** What goes through one gossip stream at once: several messages and control. */
export const MAX_GOSSIP_RPC_BYTES = 1024 * 1024
/** Waiting to be sent to one peer; a peer that does not read loses gossip, and catches up later. */
export const MAX_GOSSIP_UNSENT_BYTES = 4 * 1024 * 1024
/** Messages from one peer in a minute that are looked at; it also passes on what others said. */
export const MAX_GOSSIP_PER_MINUTE = 3_000
/** Topics of one peer: there is one, and another for a moment when a home changes its swarm. */
export const MAX_GOSSIP_TOPIC_BYTES = 8 * 1024
export const GOSSIP_SEEN_MS = 120_000
/** A gossip stream that ended while its member is up is opened again so long after. */
export const REOPEN_GOSSIP_MS = 500

/** Answer of `pintglas id --json` over ssh. */
export const MAX_SSH_ANSWER_BYTES = 64 * 1024
/** What is kept of ssh's own messages to explain a failure. */
export const MAX_SSH_ERROR_BYTES = 4 * 1024
/** ssh to a login node, with a slow directory service behind it. */
export const SSH_TIMEOUT_MS = 30_000
/** ssh processes of one tunnel: the connection, and another while the first one dies. */
export const MAX_SSH_CONNECTIONS = 4
/** How long an ssh process may take to end before it is killed. */
export const SSH_STOP_MS = 2_000
