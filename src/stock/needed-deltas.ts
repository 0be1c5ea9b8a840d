/** What a sweep has to know of deltas: which of them are needed, and what of their bases then is. */
import type { Blocks } from './blocks.ts'
import { digestKey, keyOf } from './cid.ts'
import type { DeltaRows } from './delta-rows.ts'
import type { Places } from './places.ts'
import { walk } from './walk.ts'

/** Key of a base's root -> keys of all its blocks. */
export type BlocksOfBases = ReadonlyMap<string, readonly string[]>

/**
 * Walks the bases of all deltas. One that is added after this has the base under its lease, for as long as the sweep
 * takes, and is not looked at.
 */
export async function blocksOfBases({ blocks, places }: { blocks: Blocks; places: Places }): Promise<BlocksOfBases> {
  const found = new Map<string, string[]>()
  for (const { base } of places.deltas.all()) {
    if (found.has(keyOf(base))) continue
    const keys: string[] = []
    for await (const cid of walk(blocks, [base], new Set(), () => {})) keys.push(keyOf(cid))
    found.set(keyOf(base), keys)
  }
  return found
}

/**
 * Deltas of which something is held that is not stored as well, directly or as the base of another one that is needed,
 * by the keys of their roots; and all that they stand on. A block that several deltas give holds one of them only.
 */
export function neededDeltas(
  deltas: DeltaRows,
  isHeld: (key: string) => boolean,
  bases: BlocksOfBases,
): { roots: Set<string>; baseKeys: Set<string> } {
  const derived = [...deltas.derived()].map(({ digest, root }) => ({ key: digestKey(digest), root: keyOf(root) }))
  const useful = new Set(derived.map(({ root }) => root))
  const all = new Map(deltas.all().map((delta) => [keyOf(delta.root), delta]))
  const roots = new Set<string>()
  const baseKeys = new Set<string>()
  const need = (root: string) => {
    for (let key = root; useful.has(key) && !roots.has(key); ) {
      const base = all.get(key)?.base
      if (base === undefined) return
      roots.add(key)
      key = keyOf(base)
      for (const blockKey of bases.get(key) ?? []) baseKeys.add(blockKey)
    }
  }
  for (const root of useful) if (isHeld(root)) need(root)
  const given = new Set(derived.filter(({ root }) => roots.has(root)).map(({ key }) => key))
  for (const { key, root } of derived) if (isHeld(key) && !given.has(key)) need(root)
  return { roots, baseKeys }
}
