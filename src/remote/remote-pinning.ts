/** What an IPFS service can be asked for, whatever it speaks: to keep a copy of what is public. */

export const KINDS = ['pinning-service', 'kubo', 'cluster'] as const
export type RemoteKind = (typeof KINDS)[number]

/** One service, as its user named it. */
export interface Remote {
  name: string
  kind: RemoteKind
  /** Without a slash at the end. */
  url: string
  /** Empty where it takes none. Never shown. */
  token: string
}

/** `queued` and `pinning` are on the way; `failed` says why in `info`. */
export type RemoteState = 'queued' | 'pinning' | 'pinned' | 'failed'

export interface RemotePin {
  cid: string
  name: string
  state: RemoteState
  info: string
}

export interface WantedPin {
  cid: string
  /** What people see there. */
  name: string
  /** Multiaddrs that the blocks can be fetched from. */
  origins: string[]
}

export interface PlacedPin {
  state: RemoteState
  info: string
  /** Multiaddrs of the service that fetches, to connect to: it may not reach this peer. */
  delegates: string[]
}

/** All throw RemoteRefused, PeerUnreachable, TimedOut, or BadMessage for an answer that makes no sense. */
export interface RemotePinning {
  /** May be said twice. */
  add(pin: WantedPin, signal: AbortSignal): Promise<PlacedPin>
  /** Everything that is kept there for this user, what is no version of a glas included. */
  list(signal: AbortSignal): AsyncGenerator<RemotePin, void>
  /** Undefined when it is not kept there. */
  find(cid: string, signal: AbortSignal): Promise<RemotePin | undefined>
  /** False when it was not kept there. */
  remove(cid: string, signal: AbortSignal): Promise<boolean>
}
