import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { sha256 } from '../../../src/glas/hash.ts'
import { toHex } from '../../../src/glas/keys.ts'
import { MAX_MESSAGE_BYTES } from '../../../src/index/messages.ts'
import { entryKey, idOfKey, type KeyRange, OrderedKeys } from '../../../src/index/ordered-keys.ts'
import { type Reconcilable, Session } from '../../../src/index/reconcile.ts'
import { EVERYTHING, everythingBut, onlyThese, type Scope } from '../../../src/index/scope.ts'
import { EntrySet } from '../../../src/index/set.ts'
import { test } from '../../harness.ts'
import { ownWriter, recordOf } from './fixture.ts'

/** Bytes of a typical version entry. */
const ENTRY_BYTES = 480

/** A set of made-up entries: as many as wanted, without signing them. An entry is its number, padded. */
class Numbers implements Reconcilable {
  readonly #keys = new OrderedKeys()
  readonly #bytes = new Map<string, Uint8Array>()

  constructor(numbers: Iterable<number>) {
    for (const number of numbers) {
      const { key, bytes } = madeOf(number)
      this.#put(key, bytes)
    }
  }

  add(bytes: Uint8Array): void {
    this.#put(keyOf(bytes), bytes)
  }

  #put(key: string, bytes: Uint8Array): void {
    if (this.#keys.add(key)) this.#bytes.set(idOfKey(key), bytes)
  }

  get size(): number {
    return this.#keys.size
  }

  has(id: string): boolean {
    return this.#bytes.has(id)
  }

  get(id: string): { bytes: Uint8Array } | undefined {
    const bytes = this.#bytes.get(id)
    return bytes === undefined ? undefined : { bytes }
  }

  keysIn(range: KeyRange) {
    return this.#keys.keys(range)
  }

  summary(range: KeyRange) {
    return this.#keys.summary(range)
  }

  split(range: KeyRange, parts: number) {
    return this.#keys.split(range, parts)
  }
}

/** Made once: hashing is what takes the time here. */
const made = new Map<number, { bytes: Uint8Array; key: string }>()

function madeOf(number: number): { bytes: Uint8Array; key: string } {
  const known = made.get(number)
  if (known !== undefined) return known
  const bytes = bytesOf(number)
  const one = { bytes, key: keyOf(bytes) }
  made.set(number, one)
  return one
}

function bytesOf(number: number): Uint8Array {
  const bytes = new Uint8Array(ENTRY_BYTES)
  new DataView(bytes.buffer).setUint32(0, number)
  return bytes
}

const GLASES = Array.from({ length: 101 }, (_, n) => {
  return n === 0 ? '0'.repeat(32) : toHex(sha256(Buffer.from(`glas ${n}`))).slice(0, 32)
})

/** A hundred glases, and a few entries that are of none. */
function glasOf(number: number): string {
  return GLASES[number % 101] as string
}

function keyOf(bytes: Uint8Array): string {
  return entryKey(glasOf(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)), sha256(bytes))
}

interface Costs {
  turns: number
  bytes: number
  entries: number
}

type Side = Reconcilable & { add(bytes: Uint8Array): void }

/** Lets two sets talk until both are done. */
function converse(a: Side, b: Side, scopeA: Scope = EVERYTHING, scopeB: Scope = EVERYTHING): Costs {
  const sessions = [new Session(a, 'first', scopeA), new Session(b, 'second', scopeB)] as const
  const sides = [a, b]
  const done = [false, false]
  const costs: Costs = { turns: 0, bytes: 0, entries: 0 }
  let message: Uint8Array | undefined = sessions[0].first()
  for (let to = 1; message !== undefined; to = 1 - to) {
    costs.turns++
    costs.bytes += message.length
    assert.ok(message.length <= MAX_MESSAGE_BYTES, `a message of ${message.length} bytes`)
    const turn = (sessions[to] as Session).receive(message)
    for (const bytes of turn.entries) sides[to]?.add(bytes.slice())
    costs.entries += turn.entries.length
    done[to] = turn.done
    message = turn.reply
  }
  assert.equal(done, [true, true], 'both know that they are done')
  return costs
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)

test('whatever two peers have, afterwards both have all of it', () => {
  const numbers = fc.uniqueArray(fc.nat({ max: 5000 }), { maxLength: 400 })
  fc.assert(
    fc.property(numbers, numbers, numbers, (both, onlyA, onlyB) => {
      const [a, b] = [new Numbers([...both, ...onlyA]), new Numbers([...both, ...onlyB])]
      converse(a, b)
      const union = new Set([...both, ...onlyA, ...onlyB]).size
      assert.equal([a.size, b.size], [union, union])
    }),
    { seed: 30, numRuns: 150 },
  )
})

test('ten entries of difference in 100,000 cost few kilobytes and few turns', () => {
  const common = range(0, 100_000)
  const [a, b] = [new Numbers(common), new Numbers(common)]
  for (const number of range(200_000, 200_005)) a.add(bytesOf(number))
  for (const number of range(300_000, 300_005)) b.add(bytesOf(number))
  const costs = converse(a, b)
  const overheadBytes = costs.bytes - costs.entries * ENTRY_BYTES
  console.log(`10 of 100,000: ${costs.turns} turns, ${overheadBytes} bytes beside ${costs.entries} entries`)
  assert.is(a.size, 100_010)
  assert.is(b.size, 100_010)
  assert.is(costs.entries, 10)
  assert.ok(costs.turns <= 10, `${costs.turns} turns`)
  assert.ok(overheadBytes <= 13_000, `${overheadBytes} bytes`)
  const again = converse(a, b)
  assert.ok(again.turns <= 3 && again.bytes < 1000, `equal sets: ${again.turns} turns, ${again.bytes} bytes`)
})

test('one new version among 10,000 costs less than three kilobytes beside itself', () => {
  const [a, b] = [new Numbers(range(0, 10_000)), new Numbers(range(0, 10_000))]
  a.add(bytesOf(10_000))
  const costs = converse(a, b)
  console.log(`1 of 10,000: ${costs.turns} turns, ${costs.bytes - ENTRY_BYTES} bytes`)
  assert.ok(costs.bytes - ENTRY_BYTES < 3000, `${costs.bytes} bytes`)
})

test('a new peer gets everything in as many messages as it takes, without comparing anything twice', () => {
  const [full, empty] = [new Numbers(range(0, 20_000)), new Numbers([])]
  const costs = converse(empty, full)
  assert.is(empty.size, 20_000)
  assert.ok(costs.bytes < 20_000 * (ENTRY_BYTES + 8), `${costs.bytes} bytes`)
  const none = new Numbers([])
  converse(full, none)
  assert.is(none.size, 20_000, 'whoever speaks first')
})

test('two large sets that have little in common still meet, in bounded messages', () => {
  const [a, b] = [new Numbers(range(0, 20_000)), new Numbers(range(15_000, 35_000))]
  const costs = converse(a, b)
  console.log(`30,000 of 35,000 differ: ${costs.turns} turns, ${costs.bytes - costs.entries * ENTRY_BYTES} bytes`)
  assert.equal([a.size, b.size], [35_000, 35_000])
  assert.is(costs.entries, 30_000)
})

test('what one side does not want is neither compared nor sent, but grants always are', () => {
  const [a, b] = [new Numbers(range(0, 3000)), new Numbers([5])]
  const wanted = [glasOf(1), glasOf(7), glasOf(50)]
  converse(b, a, onlyThese(wanted), EVERYTHING)
  const expected = range(0, 3000).filter((number) => number % 101 === 0 || wanted.includes(glasOf(number)))
  assert.is(b.size, new Set([...expected, 5]).size)
  const [c, d] = [new Numbers(range(0, 3000)), new Numbers([5])]
  converse(c, d, EVERYTHING, onlyThese(wanted))
  assert.is(d.size, b.size)
})

test('any two scopes give both sides exactly what both want', () => {
  const glases = fc.subarray(range(1, 101).map(glasOf))
  const scope = fc.oneof(fc.constant(EVERYTHING), glases.map(onlyThese), glases.map(everythingBut))
  fc.assert(
    fc.property(scope, scope, fc.nat({ max: 2000 }), fc.nat({ max: 2000 }), (scopeA, scopeB, from, to) => {
      const numbers = [range(0, Math.max(from, 9)), range(Math.min(to, 1000), 2100)] as const
      const [a, b] = [new Numbers(numbers[0]), new Numbers(numbers[1])]
      converse(a, b, scopeA, scopeB)
      const inScope = (one: Scope, glas: string) =>
        one.some(({ lower, upper }) => glas >= lower && (!upper || glas < upper))
      const wanted = (number: number) => {
        const glas = glasOf(number)
        return number % 101 === 0 || (inScope(scopeA, glas) && inScope(scopeB, glas))
      }
      assert.is(a.size, new Set([...numbers[0], ...numbers[1].filter(wanted)]).size)
      assert.is(b.size, new Set([...numbers[1], ...numbers[0].filter(wanted)]).size)
    }),
    { seed: 31, numRuns: 60 },
  )
})

test('real sets of signed entries meet as well, grants first', () => {
  const ann = ownWriter('ann')
  const [a, b] = [new EntrySet(), new EntrySet()]
  for (let n = 1; n <= 40; n++) a.add(ann.version(n, [0, 0, n], recordOf(`${n}`)).bytes, 'here')
  a.add(ann.granted.bytes, 'here')
  const order: string[] = []
  const side = (set: EntrySet): Side => ({
    has: (id) => set.has(id),
    get: (id) => set.get(id),
    keysIn: (keys) => set.keysIn(keys),
    summary: (keys) => set.summary(keys),
    split: (keys, parts) => set.split(keys, parts),
    add: (bytes) => {
      const result = set.add(bytes, 'peer')
      order.push(result.outcome === 'added' ? result.entry.body.kind : result.outcome)
    },
  })
  converse(side(b), side(a))
  assert.is(b.size, 41)
  assert.is(order[0], 'grant')
})
