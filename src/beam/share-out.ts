/**
 * What of a version is asked of whom. Every holder takes from the same queue as much as its line holds, so a fast one
 * takes more (work stealing). No block is asked of two at a time; what one lacks or leaves behind goes to the others.
 */
import type { CID } from 'multiformats/cid'
import { type PublicKey, toHex } from '../glas/keys.ts'
import { walkKey } from '../stock/cid.ts'
import type { Wants } from '../stock/wants.ts'
import { type AskedAt, LineWindow } from './line-window.ts'

/** The next block is on its way while one is dealt with, however slow the line. */
const MIN_BLOCKS_AHEAD = 2
/** Asked of a member that had not got the last block that it was asked for, while others are at work. */
const PROBE_BLOCKS = 1
/** As many as one stream takes unanswered: MAX_REQUESTS_AHEAD requests of MAX_CIDS_PER_REQUEST. */
const MAX_BLOCKS_AHEAD = 4096
/** Bytes of a stored block are guessed from those before: the last sixteen or so. */
const MEAN_WEIGHT = 1 / 16
const FIRST_GUESS_BYTES = 512 * 1024
/** A request is sent when a quarter of the window is free: many blocks in one, where blocks are small. */
const ASK_BELOW = 3 / 4

/** What one holder was asked for and has not answered, in the order of asking. */
export class Share {
  readonly peerKey: PublicKey
  /** Whether it had the last block that it was asked for. */
  hadLast = true
  /** Whether there may be a block among those that others lack that it was not offered yet. */
  mayHelp = true
  answers = 0
  readonly #line = new LineWindow()
  readonly #unanswered = new Map<string, { cid: CID; asked: AskedAt }>()
  #meanBytes = FIRST_GUESS_BYTES
  #toAsk: CID[][] = []
  #isOver = false
  #wake = Promise.withResolvers<void>()

  constructor(peerKey: PublicKey) {
    this.peerKey = peerKey
  }

  get isIdle(): boolean {
    return this.#unanswered.size === 0
  }

  /** How many blocks more it may be asked for. */
  room(isAlone: boolean): number {
    if (this.#isOver) return 0
    const byLine = Math.ceil(this.#line.bytes / this.#meanBytes)
    const wanted = !this.hadLast && !isAlone ? PROBE_BLOCKS : Math.max(MIN_BLOCKS_AHEAD, byLine)
    const blocks = Math.min(wanted, MAX_BLOCKS_AHEAD)
    return this.#unanswered.size > blocks * ASK_BELOW ? 0 : blocks - this.#unanswered.size
  }

  ask(cids: CID[]): void {
    const nowMs = performance.now()
    for (const cid of cids) this.#unanswered.set(walkKey(cid), { cid, asked: this.#line.asking(nowMs) })
    this.#toAsk.push(cids)
    this.#ring()
  }

  /** `storedBytes` of the answer; undefined when the holder has not got the block, or does not give it. */
  answered(cid: CID, storedBytes: number | undefined): void {
    const nowMs = performance.now()
    const asked = this.#unanswered.get(walkKey(cid))?.asked
    this.#unanswered.delete(walkKey(cid))
    this.answers++
    this.hadLast = storedBytes !== undefined
    if (asked === undefined || storedBytes === undefined) return
    this.#line.answered(asked, storedBytes, nowMs)
    this.#meanBytes += (storedBytes - this.#meanBytes) * MEAN_WEIGHT
  }

  /** What to ask for, as it becomes known; ends with `end`. */
  async *batches(): AsyncGenerator<CID[]> {
    while (!this.#isOver) {
      const cids = this.#toAsk.shift()
      if (cids !== undefined) yield cids
      else await this.#wake.promise
    }
  }

  /** Nothing more is asked for; gives what was not answered. */
  end(): CID[] {
    this.#isOver = true
    this.#ring()
    const left = [...this.#unanswered.values()].map(({ cid }) => cid)
    this.#unanswered.clear()
    return left
  }

  #ring(): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }
}

export class ShareOut {
  readonly #wants: Wants
  readonly #shares = new Set<Share>()
  /** Who has not got a block that others may have: by block, peer keys in hex. */
  readonly #lackedBy = new Map<string, Set<string>>()
  /** Blocks that somebody lacks and nobody is being asked for. */
  #lacked: CID[] = []
  #dealing: Promise<void> | undefined
  #isDealtAgain = false

  constructor(wants: Wants) {
    this.#wants = wants
  }

  /** True when nobody is being asked for anything. */
  get isIdle(): boolean {
    return [...this.#shares].every((share) => share.isIdle)
  }

  join(peerKey: PublicKey): Share {
    const share = new Share(peerKey)
    this.#shares.add(share)
    return share
  }

  /** The holder is asked no more; what it did not answer goes to the others. */
  leave(share: Share): void {
    this.#shares.delete(share)
    for (const cid of share.end()) this.giveBack(cid)
  }

  /** The holder has not got the block: it is not asked for it again. */
  lacks(share: Share, cid: CID): void {
    const key = walkKey(cid)
    const lackedBy = this.#lackedBy.get(key) ?? new Set()
    this.#lackedBy.set(key, lackedBy.add(toHex(share.peerKey)))
    this.#offer(cid)
  }

  /** What did not come, or came wrong, is to be asked for again. */
  giveBack(cid: CID): void {
    if (this.#lackedBy.has(walkKey(cid))) this.#offer(cid)
    else this.#wants.giveBack(cid)
  }

  #offer(cid: CID): void {
    this.#lacked.push(cid)
    const lackedBy = this.#lackedBy.get(walkKey(cid))
    for (const share of this.#shares) share.mayHelp ||= lackedBy?.has(toHex(share.peerKey)) !== true
  }

  /** Gives every holder what there is room for on its line. Calls that come meanwhile make it look once more. */
  deal(): Promise<void> {
    this.#isDealtAgain = true
    this.#dealing ??= this.#dealAll().finally(() => {
      this.#dealing = undefined
    })
    return this.#dealing
  }

  async #dealAll(): Promise<void> {
    while (this.#isDealtAgain) {
      this.#isDealtAgain = false
      const isAlone = this.#shares.size === 1
      for (const share of this.#shares) {
        const room = share.room(isAlone)
        const cids = room === 0 ? [] : await this.#take(share, room)
        if (cids.length === 0) continue
        if (this.#shares.has(share)) share.ask(cids)
        else for (const cid of cids) this.giveBack(cid)
      }
    }
  }

  async #take(share: Share, max: number): Promise<CID[]> {
    const others = share.mayHelp ? this.#takeLacked(toHex(share.peerKey), max) : []
    share.mayHelp &&= others.length === max
    return others.length === max ? others : [...others, ...(await this.#wants.next(max - others.length))]
  }

  #takeLacked(peerKey: string, max: number): CID[] {
    const taken: CID[] = []
    this.#lacked = this.#lacked.filter((cid) => {
      if (taken.length === max || this.#lackedBy.get(walkKey(cid))?.has(peerKey)) return true
      taken.push(cid)
      return false
    })
    return taken
  }
}
