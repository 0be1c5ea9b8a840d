import { toHex } from '../glas/keys.ts'

/**
 * Names an entry and gives its place: 32 hex digits of the glas-id (zeros for grants and revocations, which so come
 * before everything that needs them), then 64 of the entry id. The order of the texts is the order of the bytes.
 */
export type EntryKey = string

export const KEY_BYTES = 48
const GLAS_ID_CHARS = 32
/** Where the keys of grants and revocations stand. */
export const NO_GLAS = '0'.repeat(GLAS_ID_CHARS)

const SUM_MASK = (1n << 256n) - 1n
/** Keys in one bucket: small enough to insert and to sum up, large enough that a big set has few of them. */
const MAX_BUCKET_KEYS = 512

export function entryKey(glasId: string, id: Uint8Array): EntryKey {
  return glasId + toHex(id)
}

export function idOfKey(key: EntryKey): string {
  return key.slice(GLAS_ID_CHARS)
}

/** From `lower` (a key or the beginning of one) up to, not including, `upper`; undefined is the end of all keys. */
export interface KeyRange {
  lower: string
  upper: string | undefined
}

export interface RangeSummary {
  count: number
  /** Sum of the entry ids, as 256-bit integers, modulo 2^256. */
  sum: bigint
}

interface Bucket {
  keys: EntryKey[]
  ids: bigint[]
  sum: bigint
}

/** Sorted keys that are counted and summed over any range without walking through it: buckets keep their own sums. */
export class OrderedKeys {
  #buckets: Bucket[] = [{ keys: [], ids: [], sum: 0n }]
  #size = 0

  get size(): number {
    return this.#size
  }

  /** False when it was there. */
  add(key: EntryKey): boolean {
    const index = this.#bucketOf(key)
    const bucket = this.#buckets[index] as Bucket
    const place = placeOf(bucket.keys, key)
    if (bucket.keys[place] === key) return false
    const id = BigInt(`0x${idOfKey(key)}`)
    bucket.keys.splice(place, 0, key)
    bucket.ids.splice(place, 0, id)
    bucket.sum = (bucket.sum + id) & SUM_MASK
    this.#size++
    if (bucket.keys.length > MAX_BUCKET_KEYS) this.#buckets.splice(index, 1, ...halves(bucket))
    return true
  }

  /** False when it was not there. */
  delete(key: EntryKey): boolean {
    const index = this.#bucketOf(key)
    const bucket = this.#buckets[index] as Bucket
    const place = placeOf(bucket.keys, key)
    if (bucket.keys[place] !== key) return false
    bucket.keys.splice(place, 1)
    const [id = 0n] = bucket.ids.splice(place, 1)
    bucket.sum = (bucket.sum - id) & SUM_MASK
    this.#size--
    if (bucket.keys.length === 0 && this.#buckets.length > 1) this.#buckets.splice(index, 1)
    return true
  }

  summary(range: KeyRange): RangeSummary {
    let count = 0
    let sum = 0n
    for (const { bucket, from, to } of this.#pieces(range)) {
      count += to - from
      if (to - from === bucket.keys.length) sum += bucket.sum
      else for (let index = from; index < to; index++) sum += bucket.ids[index] as bigint
    }
    return { count, sum: sum & SUM_MASK }
  }

  *keys(range: KeyRange): Generator<EntryKey> {
    for (const { bucket, from, to } of this.#pieces(range)) yield* bucket.keys.slice(from, to)
  }

  /**
   * Cuts a range in at most `parts` parts of nearly the same number of keys. Bounds between them are as short as they
   * can be. One part, the range itself, when it has fewer than two keys.
   */
  split(range: KeyRange, parts: number): KeyRange[] {
    const keys = this.#evenly(range, parts)
    const bounds = keys.map(({ before, key }) => shortestBetween(before, key))
    const lowers = [range.lower, ...bounds]
    return lowers.map((lower, index) => ({ lower, upper: index < bounds.length ? bounds[index] : range.upper }))
  }

  /** The keys, each with the one before it, that begin the second part and those after it. */
  #evenly(range: KeyRange, parts: number): { before: EntryKey; key: EntryKey }[] {
    const pieces = [...this.#pieces(range)]
    const count = pieces.reduce((sum, { from, to }) => sum + to - from, 0)
    const found: { before: EntryKey; key: EntryKey }[] = []
    let seen = 0
    let before = ''
    let part = 1
    for (const { bucket, from, to } of pieces) {
      for (; part < parts; part++) {
        const rank = Math.floor((part * count) / parts)
        if (rank >= seen + to - from) break
        const key = bucket.keys[from + rank - seen] as EntryKey
        const previous = rank > seen ? (bucket.keys[from + rank - seen - 1] as EntryKey) : before
        if (previous !== '' && found.at(-1)?.key !== key) found.push({ before: previous, key })
      }
      seen += to - from
      before = bucket.keys[to - 1] ?? before
    }
    return found
  }

  *#pieces(range: KeyRange): Generator<{ bucket: Bucket; from: number; to: number }> {
    const { lower, upper } = range
    for (let index = this.#bucketOf(lower); index < this.#buckets.length; index++) {
      const bucket = this.#buckets[index] as Bucket
      const first = bucket.keys[0]
      if (first === undefined || (upper !== undefined && first >= upper)) return
      const from = first >= lower ? 0 : placeOf(bucket.keys, lower)
      const last = bucket.keys[bucket.keys.length - 1] as EntryKey
      const to = upper === undefined || last < upper ? bucket.keys.length : placeOf(bucket.keys, upper)
      if (from < to) yield { bucket, from, to }
    }
  }

  /** The last bucket that begins at or before `key`; the first one when none does. */
  #bucketOf(key: string): number {
    let low = 0
    let high = this.#buckets.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#buckets[middle]?.keys[0] as string) <= key) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** Index of the first key that is not before `key`. */
function placeOf(keys: readonly EntryKey[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((keys[middle] as string) < key) low = middle + 1
    else high = middle
  }
  return low
}

function halves(bucket: Bucket): [Bucket, Bucket] {
  const middle = bucket.keys.length >> 1
  const ids = bucket.ids.splice(middle)
  const keys = bucket.keys.splice(middle)
  const sum = ids.reduce((total, id) => total + id, 0n) & SUM_MASK
  return [
    { ...bucket, sum: (bucket.sum - sum) & SUM_MASK },
    { keys, ids, sum },
  ]
}

/** The shortest beginning of `key`, in whole bytes, that `before` comes before. */
function shortestBetween(before: EntryKey, key: EntryKey): string {
  let chars = 2
  while (before.slice(0, chars) === key.slice(0, chars)) chars += 2
  return key.slice(0, chars)
}
