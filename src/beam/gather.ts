/**
 * Gets what is missing of a version from all who hold it at once. Each block is verified and stored while the next
 * ones come; what came is made durable now and then, so that it need not come again after a crash.
 */
import type { CID } from 'multiformats/cid'
import { GlasError, toGlasError } from '../glas/errors.ts'
import { type PublicKey, peerIdText } from '../glas/keys.ts'
import type { BlockFetch, FetchedBlock } from '../net/fetch-blocks.ts'
import type { Network } from '../net/network.ts'
import { RAW_CODE } from '../stock/cid.ts'
import { ByteWindow } from '../stock/gate.ts'
import type { Wants } from '../stock/wants.ts'
import { isLie, mayTryAnother, noProviders } from './holder-errors.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'
import { type Share, ShareOut } from './share-out.ts'
import { fromWire } from './wire-block.ts'

/** Holders that are asked at once: more streams make no line faster, and each costs memory at both ends. */
const MAX_HOLDERS_AT_ONCE = 8
/** Blocks, uncompressed, that are being verified and stored; while there are more, nothing is read from the line. */
const INTAKE_BYTES = 8 * 1024 * 1024
/** How often to look for holders that came, and for those that stall. */
const LOOK_EVERY_MS = 250
/** A holder that owes blocks and sends no byte for so long loses its share to the others. */
const HOLDER_STALL_MS = 15_000
/** The same for one that finishes no block for so long while another has nothing left to do. */
const HOLDER_SLOW_MS = 5_000
/** What has arrived is made durable each time so much has come, or so long has gone by. */
const COMMIT_EVERY_BYTES = 64 * 1024 * 1024
const COMMIT_EVERY_MS = 500

export interface Missing {
  cid: CID
  wants: Wants
  /** For the progress. */
  totalBytes: number
}

/** Gives the ids of the peers that sent good blocks. Throws NoProviders when nobody has the rest, and what the stock throws. */
export async function gather(parts: Parts, missing: Missing, options: CallOptions): Promise<string[]> {
  const network = await parts.network()
  await network.anyoneUp(options.signal)
  const gathering = new Gathering(parts, network, missing, options)
  return gathering.run()
}

interface AtWork {
  share: Share
  fetch: BlockFetch
  /** To take its share away. */
  stop: AbortController
  /** It is this end that does not go on: the disk, or a limit of rate. */
  isHeldUp: boolean
  receivedBytes: number
  answers: number
  /** Looks at it, one after the other, that found no byte more, and no answer more. */
  silentLooks: number
  answerlessLooks: number
}

class Gathering {
  readonly #parts: Parts
  readonly #network: Network
  readonly #missing: Missing
  readonly #options: CallOptions
  readonly #shares: ShareOut
  readonly #intake = new ByteWindow(INTAKE_BYTES)
  readonly #atWork = new Map<string, AtWork>()
  readonly #running = new Set<Promise<void>>()
  /** Peers that lost their place. */
  readonly #gone = new Set<string>()
  readonly #senders = new Set<string>()
  #takenIn = 0
  #failure: { error: unknown } | undefined
  #isEverybodyTried = false
  #isOver = false
  #wake = Promise.withResolvers<void>()
  #isCommitting = false
  #durable = { bytes: 0, atMs: performance.now() }

  constructor(parts: Parts, network: Network, missing: Missing, options: CallOptions) {
    this.#parts = parts
    this.#network = network
    this.#missing = missing
    this.#options = options
    this.#shares = new ShareOut(missing.wants)
  }

  async run(): Promise<string[]> {
    const { signal } = this.#options
    const look = setInterval(() => this.#lookAround(), LOOK_EVERY_MS)
    const ring = () => this.#ring()
    signal.addEventListener('abort', ring, { once: true })
    void this.#waitForEverybody()
    try {
      while (!(await this.#missing.wants.isDone())) {
        signal.throwIfAborted()
        if (this.#failure !== undefined) throw this.#failure.error
        const woken = this.#wake.promise
        const isNobodyElse = this.#isEverybodyTried
        this.#recruit()
        await this.#shares.deal()
        const isAtRest = this.#shares.isIdle && this.#takenIn === 0 && this.#failure === undefined
        if (isNobodyElse && isAtRest) throw noProviders(this.#missing.cid, this.#network)
        await woken
      }
      return [...this.#senders]
    } finally {
      signal.removeEventListener('abort', ring)
      clearInterval(look)
      this.#isOver = true
      for (const { stop } of this.#atWork.values()) stop.abort(new GlasError('Interrupted', 'The fetch is over.'))
      await Promise.all(this.#running)
      await this.#intake.drain()
    }
  }

  async #waitForEverybody(): Promise<void> {
    await this.#network.settled(this.#options.signal).catch(() => {})
    this.#isEverybodyTried = true
    this.#ring()
  }

  /** Members that are up, the likeliest first; those that have nothing of it say so at once. */
  #recruit(): void {
    for (const peerKey of this.#network.likelyHolders(this.#missing.cid)) {
      if (this.#atWork.size >= MAX_HOLDERS_AT_ONCE) return
      const peer = peerIdText(peerKey)
      if (this.#gone.has(peer) || this.#atWork.has(peer)) continue
      const work = this.#fetchFrom(peer, peerKey).finally(() => this.#running.delete(work))
      this.#running.add(work)
    }
  }

  /** Never rejects: what ends everything is kept in `#failure`. */
  async #fetchFrom(peer: string, peerKey: PublicKey): Promise<void> {
    const stop = new AbortController()
    const signal = AbortSignal.any([this.#options.signal, stop.signal])
    const share = this.#shares.join(peerKey)
    const fetch = this.#network.fetchBlocks(peerKey, share.batches(), { signal })
    const still = { receivedBytes: 0, answers: 0, silentLooks: 0, answerlessLooks: 0 }
    const work: AtWork = { share, fetch, stop, isHeldUp: false, ...still }
    this.#atWork.set(peer, work)
    try {
      for await (const answer of fetch) {
        work.isHeldUp = true
        await this.#take(peer, work, answer)
        work.isHeldUp = false
      }
    } catch (error) {
      this.#lost(peer, stop.signal.aborted ? stop.signal.reason : error)
    } finally {
      this.#gone.add(peer)
      this.#atWork.delete(peer)
      this.#shares.leave(share)
      this.#ring()
    }
  }

  #lost(peer: string, error: unknown): void {
    if (this.#isOver || this.#options.signal.aborted) return
    if (mayTryAnother(error)) this.#options.onMessage(`${peer}: ${toGlasError(error).message}`)
    else this.#fail(error)
  }

  async #take(peer: string, { share, fetch }: AtWork, answer: FetchedBlock): Promise<void> {
    if (answer.status === 'found') {
      share.answered(answer.cid, answer.bytes.length)
      await this.#intake.add(answer.rawLength, this.#store(peer, fetch, answer))
    } else {
      share.answered(answer.cid, undefined)
      this.#shares.lacks(share, answer.cid)
    }
    await this.#deal()
    if (this.#shares.isIdle) this.#ring()
  }

  /** Never rejects. A block that is not what its hash says costs its sender its place, and is asked for elsewhere. */
  async #store(peer: string, fetch: BlockFetch, answer: FetchedBlock & { status: 'found' }): Promise<void> {
    this.#takenIn++
    try {
      await this.#missing.wants.arrivedStored(answer.cid, fromWire(answer))
      this.#senders.add(peer)
      this.#arrived()
      if (answer.cid.code !== RAW_CODE) void this.#deal()
    } catch (error) {
      this.#shares.giveBack(answer.cid)
      if (isLie(error)) fetch.reportBad(answer.cid)
      else this.#fail(error)
    } finally {
      this.#takenIn--
      if (this.#takenIn === 0 && this.#shares.isIdle) this.#ring()
    }
  }

  async #deal(): Promise<void> {
    await this.#shares.deal().catch((error: unknown) => this.#fail(error))
  }

  #arrived(): void {
    const { wants, totalBytes } = this.#missing
    const { arrivedBytes, presentBytes } = wants.counts
    this.#options.onProgress({ phase: 'fetching', doneBytes: presentBytes + arrivedBytes, totalBytes })
    const { bytes, atMs } = this.#durable
    const nowMs = performance.now()
    const isDue = arrivedBytes - bytes >= COMMIT_EVERY_BYTES || nowMs - atMs >= COMMIT_EVERY_MS
    if (isDue && !this.#isCommitting) void this.#commit(arrivedBytes)
  }

  /** Beside the fetching: the disk writes while the line goes on. */
  async #commit(bytes: number): Promise<void> {
    this.#isCommitting = true
    try {
      await this.#parts.stock.commit()
      this.#durable = { bytes, atMs: performance.now() }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#isCommitting = false
    }
  }

  /** Counts looks and not time, so that a machine that slept for a while blames nobody. */
  #lookAround(): void {
    const works = [...this.#atWork.values()]
    const isSomebodyFree = works.some(({ share }) => share.isIdle && share.hadLast)
    for (const work of works) {
      countLook(work)
      if (works.length === 1) continue
      if (work.silentLooks * LOOK_EVERY_MS >= HOLDER_STALL_MS) work.stop.abort(tooSlow('sent nothing', HOLDER_STALL_MS))
      else if (isSomebodyFree && work.answerlessLooks * LOOK_EVERY_MS >= HOLDER_SLOW_MS) {
        work.stop.abort(tooSlow('sent no whole block', HOLDER_SLOW_MS))
      }
    }
    this.#ring()
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#ring()
  }

  #ring(): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }
}

function countLook(work: AtWork): void {
  const { share, fetch } = work
  const owes = !share.isIdle && !work.isHeldUp
  work.silentLooks = owes && fetch.receivedBytes === work.receivedBytes ? work.silentLooks + 1 : 0
  work.answerlessLooks = owes && share.answers === work.answers ? work.answerlessLooks + 1 : 0
  work.receivedBytes = fetch.receivedBytes
  work.answers = share.answers
}

function tooSlow(what: string, limitMs: number): GlasError {
  return new GlasError('TimedOut', `It ${what} for ${limitMs / 1000} s. Its share goes to the others.`)
}
