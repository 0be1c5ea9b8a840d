/**
 * Pins: which records are kept, and why. A pin holds the record's block and everything below its links. Journal
 * records are one line of JSON, `{"pin":"<cid>","reason":"own"}` or `{"unpin":"<cid>","reason":"own"}`.
 */
import { CID } from 'multiformats/cid'
import type { Journal } from '../disk/journal.ts'
import { GlasError } from '../glas/errors.ts'
import { checkCid } from './cid.ts'

/** Reasons are words of ours, such as `own` or `follow:<rule>`. */
const MAX_REASON_CHARACTERS = 200
/** A record is kept for a handful of reasons: one's own, a user's wish, the rules that follow it. */
const MAX_REASONS = 64
/** More logs than this are put into one when the stock is opened: each costs a file and an open. */
const MAX_LOGS = 8
/** A journal with this many lines for each that still counts is written anew. */
const MAX_WASTE = 4
const SMALL_JOURNAL_LINES = 256

export interface Pin {
  cid: CID
  reasons: string[]
}

export class Pins {
  readonly #journal: Journal | undefined
  readonly #reasons = new Map<string, Set<string>>()
  /** Goes up with each change: a sweep looks at it to know whether what it marked is still all. */
  changes = 0

  private constructor(journal: Journal | undefined) {
    this.#journal = journal
  }

  /** For a writer: reads the journal and tidies it; the next commit of the ledger makes that last. */
  static async open(journal: Journal): Promise<Pins> {
    const pins = new Pins(journal)
    const lines = await pins.#replay(journal.records())
    const waste = lines > SMALL_JOURNAL_LINES + MAX_WASTE * pins.#reasons.size
    if (journal.fileCount > MAX_LOGS || waste) await journal.rewrite(pins.#lines())
    return pins
  }

  /** For a reader. */
  static async read(records: AsyncIterable<Uint8Array>): Promise<Pins> {
    const pins = new Pins(undefined)
    await pins.#replay(records)
    return pins
  }

  list(): Pin[] {
    return [...this.#reasons].map(([text, reasons]) => ({ cid: CID.parse(text), reasons: [...reasons] }))
  }

  reasons(cid: CID): string[] {
    return [...(this.#reasons.get(cid.toString()) ?? [])]
  }

  has(cid: CID): boolean {
    return this.#reasons.has(cid.toString())
  }

  /** In memory and in the journal's next flush. Pinning twice for one reason is one pin. */
  async pin(cid: CID, reason: string): Promise<void> {
    checkCid(cid)
    if (reason.length === 0 || reason.length > MAX_REASON_CHARACTERS) throw badReason(reason.length)
    const text = cid.toString()
    const reasons = this.#reasons.get(text) ?? new Set()
    if (reasons.has(reason)) return
    if (reasons.size >= MAX_REASONS) throw badReason(reason.length)
    await this.#writable().append(line('pin', text, reason))
    this.#apply('pin', text, reason)
  }

  /** Takes one reason away, or all of them; the record stays while any is left. */
  async unpin(cid: CID, reason?: string): Promise<void> {
    const text = cid.toString()
    const gone = this.reasons(cid).filter((one) => reason === undefined || one === reason)
    for (const one of gone) {
      await this.#writable().append(line('unpin', text, one))
      this.#apply('unpin', text, one)
    }
  }

  async flush(): Promise<void> {
    await this.#journal?.flush()
  }

  async close(): Promise<void> {
    await this.#journal?.close()
  }

  #writable(): Journal {
    if (this.#journal === undefined) throw new GlasError('NotAllowed', 'The stock was opened to read only.')
    return this.#journal
  }

  async #replay(records: AsyncIterable<Uint8Array>): Promise<number> {
    let lines = 0
    for await (const record of records) {
      const { op, cid, reason } = parseLine(record)
      this.#apply(op, cid, reason)
      lines++
    }
    return lines
  }

  #apply(op: 'pin' | 'unpin', cid: string, reason: string): void {
    this.changes++
    const reasons = this.#reasons.get(cid) ?? new Set()
    if (op === 'pin') reasons.add(reason)
    else reasons.delete(reason)
    if (reasons.size > 0) this.#reasons.set(cid, reasons)
    else this.#reasons.delete(cid)
  }

  *#lines(): Generator<Uint8Array, void> {
    for (const [cid, reasons] of this.#reasons) for (const reason of reasons) yield line('pin', cid, reason)
  }
}

function line(op: 'pin' | 'unpin', cid: string, reason: string): Uint8Array {
  return Buffer.from(JSON.stringify({ [op]: cid, reason }))
}

function parseLine(record: Uint8Array): { op: 'pin' | 'unpin'; cid: string; reason: string } {
  const value: unknown = JSON.parse(Buffer.from(record).toString('utf8'))
  if (typeof value === 'object' && value !== null) {
    const { pin, unpin, reason } = value as Record<string, unknown>
    if (typeof reason === 'string' && typeof pin === 'string') return { op: 'pin', cid: pin, reason }
    if (typeof reason === 'string' && typeof unpin === 'string') return { op: 'unpin', cid: unpin, reason }
  }
  throw new GlasError('UnknownFormat', 'The pins hold a line that this program does not know. Update it.')
}

function badReason(value: number): GlasError {
  return new GlasError('LimitExceeded', 'A record is pinned for too many reasons, or for one that is too long.', {
    data: { limit: MAX_REASON_CHARACTERS, value, unit: 'characters' },
  })
}
