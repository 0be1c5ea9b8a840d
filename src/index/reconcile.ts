/**
 * How two peers find out, in few bytes, which entries each of them lacks: they compare fingerprints of ranges of their
 * sorted keys, cut those that differ, and list the ids where little is left. A pure conversation: messages go in and
 * come out, in strict turns; carrying them, and keeping the entries, is the caller's. Described in docs/protocols.md.
 */
import { GlasError } from '../glas/errors.ts'
import {
  decodeMessage,
  encodeMessage,
  fingerprintOf,
  MAX_MESSAGE_BYTES,
  MAX_MESSAGE_ENTRIES,
  MAX_MESSAGE_IDS,
  MAX_MESSAGE_RANGES,
  type Message,
  type Said,
} from './messages.ts'
import { type EntryKey, idOfKey, type KeyRange, type RangeSummary } from './ordered-keys.ts'
import { common, piecesOf, type Scope, withGrants } from './scope.ts'

/** Parts that a range which differs is cut in: more cost bytes, fewer cost turns. */
const SPLIT_PARTS = 12
/** A range with so few keys of ours is listed: an id has twice the bytes of a fingerprint. */
const MAX_LIST_KEYS = 8
/** Turns in one session, both sides: more than a gigabyte of entries. What is left then is for the next session. */
const MAX_SESSION_MESSAGES = 8192
/** Turns in a row that say that something differs without showing what. Honest peers need one a level: 8 at most. */
const MAX_FRUITLESS_MESSAGES = 32
/** Entries that were listed and then not sent. One may have lost its place meanwhile; many are a lie. */
const MAX_BROKEN_PROMISES = 64
/** Upper bounds of what one item takes in a message, to leave room for entries. */
const SAID_BYTES = 72
const ID_BYTES = 35
const ENVELOPE_BYTES = 16 * 1024

/** The set, as far as a conversation about it needs it. */
export interface Reconcilable {
  has(id: string): boolean
  get(id: string): { bytes: Uint8Array } | undefined
  keysIn(range: KeyRange): Iterable<EntryKey>
  summary(range: KeyRange): RangeSummary
  split(range: KeyRange, parts: number): KeyRange[]
}

export interface Turn {
  /** To be sent; undefined when the other side knows already that nothing follows. */
  reply: Uint8Array | undefined
  /** Not verified: to be added before the next message is taken in. */
  entries: Uint8Array[]
  done: boolean
}

export class Session {
  readonly #set: Reconcilable
  readonly #role: 'first' | 'second'
  /** What this side wants; once the other side has spoken, what both want. */
  #scope: Scope
  /** Between these bounds the other side may speak of ranges: those of the fingerprints that we sent last. */
  #open: KeyRange | undefined
  readonly #queue: string[] = []
  readonly #queued = new Set<string>()
  readonly #asked = new Set<string>()
  #outstanding = 0
  #broken = 0
  #fruitless = 0
  #hasHeard = false
  #hasSpoken = false
  #saidFinal = false
  #isDone = false
  readonly stats = { messages: 0, sentEntries: 0, receivedEntries: 0 }

  /** The side that is `first` speaks first. Grants are in every scope. */
  constructor(set: Reconcilable, role: 'first' | 'second', scope: Scope) {
    this.#set = set
    this.#role = role
    this.#scope = withGrants(scope)
    this.#open = role === 'second' ? { lower: '', upper: undefined } : undefined
  }

  /** The message that begins a session: once, by the side that is first. */
  first(): Uint8Array {
    if (this.#role !== 'first' || this.#hasSpoken) throw new GlasError('Internal', 'It is not our turn.')
    const answer = new Answer(this.#set)
    for (const range of this.#scope) {
      if (answer.isFull) {
        answer.fingerprint({ lower: range.lower, upper: this.#scope.at(-1)?.upper })
        break
      }
      answer.expand(range, this.#scope)
    }
    const bytes = this.#speak(answer, [])
    this.#open = { lower: '', upper: undefined } // their scope may cut our lists, too, into other ranges
    return bytes
  }

  /** Takes in one message and gives the answer. Throws BadMessage or LimitExceeded: then the session is over. */
  receive(bytes: Uint8Array): Turn {
    if (this.#isDone || (this.#role === 'first' && !this.#hasSpoken)) throw bad('comes out of turn')
    this.#countMessage()
    const message = decodeMessage(bytes)
    this.#hearScope(message)
    this.stats.receivedEntries += message.entries.length
    this.#checkPromises(message)
    const ranges = message.ranges.filter(({ kind }) => kind !== 'skip')
    this.#checkSpan(ranges)
    for (const id of message.want) this.#enqueue(id)
    const { answer, want, found } = this.#answer(ranges)
    const isFruitless = ranges.length > 0 && found + message.entries.length === 0
    this.#fruitless = isFruitless ? this.#fruitless + 1 : 0
    if (this.#fruitless > MAX_FRUITLESS_MESSAGES) throw bad('says again and again that something differs, but not what')
    return this.#turn(message, ranges, answer, want)
  }

  #turn(message: Message, ranges: Said[], answer: Answer, want: string[]): Turn {
    const { entries } = message
    const heardFinal = ranges.length === 0 && message.want.length === 0 && !message.more
    if (heardFinal && this.#saidFinal) {
      this.#isDone = true
      return { reply: undefined, entries, done: true }
    }
    const reply = this.#speak(answer, want)
    this.#isDone = heardFinal && this.#saidFinal
    return { reply, entries, done: this.#isDone }
  }

  #countMessage(): void {
    if (++this.stats.messages <= MAX_SESSION_MESSAGES) return
    throw new GlasError('LimitExceeded', `Comparing indexes took more than ${MAX_SESSION_MESSAGES} messages.`, {
      retryable: true,
      data: { limit: MAX_SESSION_MESSAGES, unit: 'messages' },
    })
  }

  #hearScope({ scope }: Message): void {
    if ((scope !== undefined) === this.#hasHeard) throw bad('must give its scope once, at the beginning')
    this.#hasHeard = true
    if (scope !== undefined) this.#scope = common(this.#scope, withGrants(scope))
  }

  /** What was asked for comes with the next messages, up to the one that says that no more follow. */
  #checkPromises({ entries, more }: Message): void {
    if (more && entries.length === 0) throw bad('promises more entries and has none')
    this.#outstanding = Math.max(0, this.#outstanding - entries.length)
    if (more) return
    this.#broken += this.#outstanding
    this.#outstanding = 0
    if (this.#broken > MAX_BROKEN_PROMISES) throw bad('lists entries that are not there')
  }

  #checkSpan(ranges: Said[]): void {
    const [first] = ranges
    const last = ranges.at(-1)
    if (first === undefined || last === undefined) return
    const { lower, upper } = this.#open ?? { lower: '', upper: '' }
    const isInside = first.lower >= lower && (upper === undefined || (last.upper !== undefined && last.upper <= upper))
    if (!isInside) throw bad('speaks of ranges that were not in question')
  }

  #enqueue(id: string): number {
    if (this.#queued.has(id) || !this.#set.has(id)) return 0
    this.#queued.add(id)
    this.#queue.push(id)
    return 1
  }

  /** `found`: entries that one side has and the other has not. */
  #answer(ranges: Said[]): { answer: Answer; want: string[]; found: number } {
    const answer = new Answer(this.#set)
    const want: string[] = []
    let found = 0
    for (const said of ranges) {
      if (said.kind === 'list' && isWithin(said, this.#scope)) found += this.#compareList(said, want)
      else if (answer.isFull) {
        answer.fingerprint({ lower: said.lower, upper: ranges.at(-1)?.upper })
        break
      } else if (said.kind !== 'fingerprint' || !this.#isSame(said)) answer.expand(said, this.#scope)
    }
    return { answer, want, found }
  }

  #isSame(said: Said & { kind: 'fingerprint' }): boolean {
    if (!isWithin(said, this.#scope)) return false
    return Buffer.compare(fingerprintOf(this.#set.summary(said)), said.fingerprint) === 0
  }

  #compareList(said: Said & { kind: 'list' }, want: string[]): number {
    const theirs = new Set(said.ids)
    let found = 0
    for (const key of this.#set.keysIn(said)) {
      if (!theirs.has(idOfKey(key))) found += this.#enqueue(idOfKey(key))
    }
    for (const id of theirs) {
      if (this.#set.has(id) || this.#asked.has(id)) continue
      this.#asked.add(id)
      want.push(id)
      found++
    }
    return found
  }

  #speak(answer: Answer, want: string[]): Uint8Array {
    this.#countMessage()
    const roomBytes = MAX_MESSAGE_BYTES - ENVELOPE_BYTES - answer.sizeBytes - want.length * ID_BYTES
    const entries = this.#takeEntries(roomBytes)
    const scope = this.#hasSpoken ? undefined : this.#scope
    const more = this.#queue.length > 0
    this.#hasSpoken = true
    this.#open = answer.span
    this.#outstanding += want.length
    this.#saidFinal = answer.ranges.length === 0 && want.length === 0 && !more
    return encodeMessage({ scope, ranges: answer.ranges, want, entries, more })
  }

  #takeEntries(roomBytes: number): Uint8Array[] {
    const entries: Uint8Array[] = []
    let takenBytes = 0
    let taken = 0
    for (const id of this.#queue) {
      const bytes = this.#set.get(id)?.bytes
      if (entries.length >= MAX_MESSAGE_ENTRIES || takenBytes + (bytes?.length ?? 0) > roomBytes) break
      taken++
      if (bytes === undefined) continue
      entries.push(bytes)
      takenBytes += bytes.length + 3
    }
    this.#queue.splice(0, taken)
    this.stats.sentEntries += entries.length
    return entries
  }
}

/** What one message says of ranges, in ascending order, with what lies between them skipped. */
class Answer {
  readonly #set: Reconcilable
  readonly ranges: Said[] = []
  #listedIds = 0
  #end: string | undefined = ''
  /** From the first fingerprint to the last: what the other side may answer about. */
  span: KeyRange | undefined

  constructor(set: Reconcilable) {
    this.#set = set
  }

  get isFull(): boolean {
    const isCrowded = this.ranges.length + 2 * SPLIT_PARTS + 2 > MAX_MESSAGE_RANGES
    return isCrowded || this.#listedIds + MAX_LIST_KEYS > MAX_MESSAGE_IDS
  }

  get sizeBytes(): number {
    return this.ranges.length * SAID_BYTES + this.#listedIds * ID_BYTES
  }

  /** Says more of a range that differs, as far as it is in the scope: its ids, or fingerprints of its parts. */
  expand(range: KeyRange, scope: Scope): void {
    for (const piece of piecesOf(range, scope)) {
      if (this.isFull) {
        this.fingerprint({ lower: piece.lower, upper: range.upper })
        return
      }
      if (this.#set.summary(piece).count <= MAX_LIST_KEYS) this.#list(piece)
      else for (const part of this.#set.split(piece, SPLIT_PARTS)) this.fingerprint(part)
    }
  }

  #list(range: KeyRange): void {
    const ids = [...this.#set.keysIn(range)].map(idOfKey)
    this.#listedIds += ids.length
    this.#say({ ...range, kind: 'list', ids })
  }

  fingerprint(range: KeyRange): void {
    this.#say({ ...range, kind: 'fingerprint', fingerprint: fingerprintOf(this.#set.summary(range)) })
    this.span = { lower: this.span?.lower ?? range.lower, upper: range.upper }
  }

  #say(said: Said): void {
    if (this.#end !== undefined && said.lower > this.#end) {
      this.ranges.push({ lower: this.#end, upper: said.lower, kind: 'skip' })
    }
    this.ranges.push(said)
    this.#end = said.upper
  }
}

function isWithin(range: KeyRange, scope: Scope): boolean {
  const [piece, ...others] = piecesOf(range, scope)
  return others.length === 0 && piece?.lower === range.lower && piece.upper === range.upper
}

function bad(what: string): GlasError {
  return new GlasError('BadMessage', `The other peer's message about its index ${what}.`)
}
