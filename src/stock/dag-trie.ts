/**
 * The hash trie behind large directories (HAMT): an entry lies in the slot that the next 8 bits of its name's hash
 * give, one level further down where two names share a slot. The shape depends on the names alone, not on their order.
 */
import { murmur364 } from '@multiformats/murmur3'
import { GlasError } from '../glas/errors.ts'

export const FAN_OUT = 256
/** murmur3-x64-64 in the table of multicodecs. */
export const HASH_CODE = 0x22
const HASH_BYTES = 8

export interface TrieEntry<T> {
  name: string
  value: T
}

/** Slot 0 to 255 -> entry or the next level, in the order of slots. */
export interface Trie<T> {
  slots: Map<number, TrieEntry<T> | Trie<T>>
}

interface Hashed<T> extends TrieEntry<T> {
  hash: Uint8Array
}

/** The names must differ. */
export function buildTrie<T>(entries: ReadonlyArray<[name: string, value: T]>): Trie<T> {
  return buildLevel(
    entries.map(([name, value]) => ({ name, value, hash: hashOf(name) })),
    0,
  )
}

function hashOf(name: string): Uint8Array {
  const hash = murmur364.encode(Buffer.from(name))
  if (hash instanceof Uint8Array) return hash
  throw new Error('murmur3 is expected to answer at once')
}

function buildLevel<T>(entries: ReadonlyArray<Hashed<T>>, level: number): Trie<T> {
  const bySlot = new Map<number, Array<Hashed<T>>>()
  for (const entry of entries) {
    const slot = slotAt(entry.hash, level)
    const group = bySlot.get(slot)
    if (group === undefined) bySlot.set(slot, [entry])
    else group.push(entry)
  }
  const trie: Trie<T> = { slots: new Map() }
  for (const [slot, group] of [...bySlot].sort(([a], [b]) => a - b)) {
    const [first] = group
    trie.slots.set(slot, group.length === 1 && first !== undefined ? first : buildLevel(group, level + 1))
  }
  return trie
}

/** One byte of the hash for each level: eight levels, after which names that still share a slot are the same to it. */
function slotAt(hash: Uint8Array, level: number): number {
  const slot = hash[level]
  if (slot !== undefined) return slot
  throw new GlasError('LimitExceeded', 'Two names of a large directory have the same hash. Rename one of them.', {
    data: { limit: HASH_BYTES, value: level, unit: 'levels' },
  })
}
