/**
 * Blocks of public directories from IPFS nodes, over Bitswap. It asks the nodes that were named, and whoever else is
 * connected; nobody is looked for. Bitswap says nothing when it loses a want, and loses many when there are more of
 * them than go over the line in time: so few are in flight, fewer after each loss, and each is asked for again.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { DirectoryStats, FileStats, RawStats } from '@helia/unixfs'
import type { CID } from 'multiformats/cid'
import { GlasError, isGlasError, toGlasError } from '../glas/errors.ts'

/** Wants in flight at first, and at most: four of 1 MiB fill a line of 20 MB/s; more of them help small files alone. */
const FIRST_WANTS = 4
const MAX_WANTS = 16
/** One more want is in flight after so many blocks. */
const WIDEN_AFTER_BLOCKS = 8
/** Of a block that somebody is likely to have. Helia gives a message up after 10 s: it will not come after 12 s. */
const PATIENT: Pace = { tries: 4, timeoutMs: 12_000, pauseMs: 500 }
/** Of the first blocks, where the most likely reason for silence is that nobody has them. */
const FIRST: Pace = { tries: 2, timeoutMs: 6_000, pauseMs: 500 }
/** Of a path, the nodes of sharded directories included: a hash leads down eight levels in each of its directories. */
const MAX_PATH_BLOCKS = 1024

/** How often a block is asked for, how long each time, and how long in between: helia has to forget the old want. */
export interface Pace {
  tries: number
  timeoutMs: number
  pauseMs: number
}

/** Where blocks come from. */
export interface PublicNode {
  fetchPublic(cid: CID, options: { signal: AbortSignal }): Promise<Uint8Array>
  /** Drops the connections that were made for this and makes them anew; what could not be made is left out. */
  reconnect(signal: AbortSignal): Promise<void>
  /** Drops them. */
  close(): void
}

export interface PublicEntry {
  /** Of what the path led to. */
  cid: CID
  kind: 'file' | 'directory'
}

export class PublicSource {
  readonly #node: PublicNode
  readonly #pace: Pace
  /** How many callers it serves at once; of their wants, fewer may be in flight by now. */
  readonly maxWants = MAX_WANTS
  #width = FIRST_WANTS
  #inFlight = 0
  #left: PromiseWithResolvers<void> = Promise.withResolvers()
  /** Blocks so far. */
  #came = 0
  #reconnecting: Promise<void> | undefined
  /** Connections made anew since the last block: as many as a block has tries, and all are given up. */
  #silentRounds = 0

  constructor(node: PublicNode, pace: Pace = PATIENT) {
    this.#node = node
    this.#pace = pace
  }

  /** How many wants may be in flight by now. */
  get width(): number {
    return this.#width
  }

  /** A block, its hash checked by helia. Throws NoProviders after several tries, and what `signal` is aborted with. */
  async block(cid: CID, { signal }: { signal: AbortSignal }): Promise<Uint8Array> {
    return this.#tryOften(cid, this.#pace, signal)
  }

  /**
   * Follows a path from a root and says what it leads to, reading nothing but the nodes on the way. `here` gives blocks
   * that need not be fetched, `keep` is given those that were. NameNotFound, UnknownFormat, NoProviders.
   */
  async find(
    root: CID,
    path: string,
    ports: { here(cid: CID): Promise<Uint8Array | undefined>; keep(cid: CID, bytes: Uint8Array): Promise<void> },
    { signal }: { signal: AbortSignal },
  ): Promise<PublicEntry> {
    const { unixfs } = await import('@helia/unixfs')
    let blocks = 0
    const read = async (link: CID): Promise<Uint8Array> => {
      if (++blocks > MAX_PATH_BLOCKS) throw tooLong(path)
      const cid = link.toV1()
      const present = await ports.here(cid)
      if (present !== undefined) return present
      const bytes = await this.#tryOften(cid, FIRST, signal)
      await ports.keep(cid, bytes)
      return bytes
    }
    const blockstore = readOnly(read)
    try {
      return entryOf(await unixfs({ blockstore }).stat(root, { path, signal }))
    } catch (error) {
      signal.throwIfAborted()
      throw findError(root, path, error)
    }
  }

  /** Leaves the nodes that were dialled for this. */
  close(): void {
    this.#node.close()
  }

  async #tryOften(cid: CID, { tries, timeoutMs, pauseMs }: Pace, signal: AbortSignal): Promise<Uint8Array> {
    for (let tried = 1; ; tried++) {
      let came = this.#came
      try {
        const bytes = await this.#inTurn(timeoutMs, signal, (limited) => {
          came = this.#came
          return this.#node.fetchPublic(cid, { signal: limited })
        })
        this.#widen()
        return bytes
      } catch (cause) {
        signal.throwIfAborted()
        this.#narrow()
        if (tried >= tries || this.#silentRounds >= tries - 1) throw noProviders(cid, cause)
      }
      await pause(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted())
      if (this.#came === came) await this.#reconnect(signal)
    }
  }

  /** The time limit runs from when it is its turn: one that was lost goes to the end of the line. */
  async #inTurn<Result>(
    timeoutMs: number,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    while (this.#inFlight >= this.#width) {
      await this.#left.promise
      signal.throwIfAborted()
    }
    this.#inFlight++
    try {
      return await work(AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]))
    } finally {
      this.#inFlight--
      this.#left.resolve()
      this.#left = Promise.withResolvers()
    }
  }

  /**
   * When nothing at all came while a want was out: a new connection makes the other end forget what it believes to have
   * sent, and helia tells it all wants again. Done once for all that wait for it.
   */
  #reconnect(signal: AbortSignal): Promise<void> {
    if (this.#reconnecting === undefined) {
      this.#silentRounds++
      this.#reconnecting = this.#node.reconnect(signal).finally(() => {
        this.#reconnecting = undefined
      })
    }
    return this.#reconnecting
  }

  #widen(): void {
    this.#silentRounds = 0
    if (++this.#came % WIDEN_AFTER_BLOCKS === 0) this.#width = Math.min(MAX_WANTS, this.#width + 1)
  }

  #narrow(): void {
    this.#width = Math.max(1, Math.floor(this.#width / 2))
  }
}

type UnixFsBlocks = Parameters<typeof import('@helia/unixfs').unixfs>[0]['blockstore']

/** What @helia/unixfs needs of a blockstore to look at something; it never writes here. */
function readOnly(read: (cid: CID) => Promise<Uint8Array>): UnixFsBlocks {
  const refuse = (): never => {
    throw new GlasError('Internal', 'Looking at a public directory tried to write.')
  }
  return {
    async *get(cid) {
      yield await read(cid)
    },
    has: async () => true,
    put: refuse,
  } as UnixFsBlocks
}

/** A link is a file to it as well: neither is a directory. */
function entryOf({ cid, type }: FileStats | DirectoryStats | RawStats): PublicEntry {
  return { cid: cid.toV1(), kind: type === 'directory' ? 'directory' : 'file' }
}

/** In the words of @helia/unixfs and the exporter that it reads with. */
const NOT_THERE = ['DoesNotExistError', 'NotFoundError', 'NoPropError']

function findError(root: CID, path: string, cause: unknown): GlasError {
  if (isGlasError(cause)) return cause
  const name = cause instanceof Error ? cause.name : ''
  if (path !== '' && NOT_THERE.includes(name)) {
    return new GlasError('NameNotFound', `There is no "${path}" in ${root}.`, { cause, data: { path } })
  }
  if (name === 'AbortError' || name === 'TimeoutError') return toGlasError(cause)
  const message = `What lies at ${root}${path === '' ? '' : `/${path}`} is no directory of files: it cannot be imported.`
  return new GlasError('UnknownFormat', message, { cause })
}

function noProviders(cid: CID, cause: unknown): GlasError {
  const message = `Nobody who is connected sends the block ${cid}. Name an IPFS node that has it with --from.`
  return new GlasError('NoProviders', message, { cause, data: { cid: cid.toString() } })
}

function tooLong(path: string): GlasError {
  return new GlasError('LimitExceeded', `The way to "${path}" takes more than ${MAX_PATH_BLOCKS} blocks.`, {
    data: { limit: MAX_PATH_BLOCKS, unit: 'blocks' },
  })
}
