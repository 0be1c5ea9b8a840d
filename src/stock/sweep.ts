/**
 * Mark and sweep. Marked is what hangs on a pin or is held by a lease; everything else leaves the catalogue in one
 * step in which nothing else can run, so that a block which somebody needs from then on is simply written again. Then
 * packs that hold nothing live are dropped, and those with much waste are rewritten: copies first, acknowledged by a
 * commit, and only the next commit drops the old pack. A crash between any two steps leaves either copy, or both.
 */
import type { Ledger } from '../disk/ledger.ts'
import { GlasError } from '../glas/errors.ts'
import { type Blocks, PACKS } from './blocks.ts'
import { cidOfDigest, digestKey, keyOf } from './cid.ts'
import { endOfDelta } from './delta-places.ts'
import type { DeltaPlace } from './delta-rows.ts'
import type { DerivedBlocks } from './derived-blocks.ts'
import type { Leases } from './leases.ts'
import { type Marked, mark } from './mark.ts'
import { type BlocksOfBases, blocksOfBases, neededDeltas } from './needed-deltas.ts'
import type { PackReader } from './pack.ts'
import type { Pins } from './pins.ts'
import { endOf, type Places } from './places.ts'
import type { CompleteNodes } from './walk.ts'

/** A pack is rewritten when more than this share of it is dead: rewriting costs the other share in reading and writing. */
export const MAX_DEAD_SHARE = 0.25
/** Every writer begins a pack of its own: more small ones than this are put together, for there should be few files. */
export const MAX_SMALL_PACKS = 16
const SMALL_PACK_BYTES = 16 * 1024 * 1024
/** Copies that are acknowledged at once: bounds what a crash makes to be done again. */
const COPIES_PER_COMMIT = 4096

export interface SweepReport {
  /** Blocks that left the stock. */
  removedBlocks: number
  /** By which the packs became smaller. */
  freedBytes: number
  removedPacks: number
  rewrittenPacks: number
  /** Deltas that are left, and blocks that no pin holds but the deltas that stand on them, with their bytes. */
  deltas: number
  baseBlocks: number
  baseBytes: number
}

export interface SweepParts {
  blocks: Blocks
  derived: DerivedBlocks
  places: Places
  reader: PackReader
  pins: Pins
  leases: Leases
  ledger: Ledger
  complete: CompleteNodes
  /** Acknowledges everything so far. */
  commit(): Promise<void>
}

interface PackUse {
  pack: string
  bytes: number
  liveBytes: number
}

export interface SweepOptions {
  signal?: AbortSignal | undefined
  /** Packs of which a larger share is dead are rewritten; MAX_DEAD_SHARE where not given. */
  maxDeadShare?: number
}

/** Throws BlockMissing or BlockMismatch, and removes nothing, where a pinned version is not whole: see `check`. */
export async function sweep(parts: SweepParts, options: SweepOptions = {}): Promise<SweepReport> {
  const { leases, ledger } = parts
  leases.beginSweep()
  try {
    const before = packBytes(ledger)
    await parts.blocks.seal()
    await parts.commit()
    await parts.places.ready()
    const marked: Marked = { keys: new Set(), seen: new Set() }
    await mark(parts, marked, options.signal)
    const bases = await blocksOfBases(parts)
    const { packs, ...counts } = condemn(parts, marked, bases)
    const victims = chooseVictims(packs, options.maxDeadShare ?? MAX_DEAD_SHARE)
    let removedPacks = 0
    let rewrittenPacks = 0
    for (const victim of victims) {
      options.signal?.throwIfAborted()
      if (!(await rewrite(parts, victim))) continue
      if (victim.liveBytes === 0) removedPacks++
      else rewrittenPacks++
    }
    await parts.commit()
    return { ...counts, removedPacks, rewrittenPacks, freedBytes: Math.max(0, before - packBytes(ledger)) }
  } finally {
    leases.endSweep()
  }
}

function packBytes(ledger: Ledger): number {
  let bytes = 0
  for (const [name, size] of ledger.files) if (name.startsWith(`${PACKS}/`)) bytes += size
  return bytes
}

/** Must not wait for anything between looking and removing. */
function condemn(
  parts: SweepParts,
  marked: Marked,
  bases: BlocksOfBases,
): Pick<SweepReport, 'removedBlocks' | 'deltas' | 'baseBlocks' | 'baseBytes'> & { packs: PackUse[] } {
  const { places, leases, ledger } = parts
  const { deltas } = places.catalogue
  const isHeld = (key: string) => marked.keys.has(key) || leases.holds(key)
  const needed = neededDeltas(deltas, isHeld, bases)
  const liveBytes = new Map<string, number>()
  const addLive = (pack: string, bytes: number) => liveBytes.set(pack, (liveBytes.get(pack) ?? 0) + bytes)
  const dead: Uint8Array[] = []
  let baseBlocks = 0
  let baseBytes = 0
  for (const { digest, place } of places.catalogue.rows()) {
    const key = digestKey(digest)
    const held = isHeld(key)
    if (held || needed.baseKeys.has(key)) addLive(place.pack, endOf(place) - place.offset)
    else dead.push(digest)
    if (held || !needed.baseKeys.has(key)) continue
    baseBlocks++
    baseBytes += place.storedLength
  }
  const deadDeltas = deltas.all().filter((delta) => {
    if (needed.roots.has(keyOf(delta.root))) addLive(delta.pack, endOfDelta(delta) - delta.offset)
    return !needed.roots.has(keyOf(delta.root))
  })
  const before = places.catalogue.totals().blocks
  places.catalogue.remove(
    dead,
    deadDeltas.map(({ root }) => root),
  )
  parts.complete.clear()
  const packs = [...ledger.files]
    .filter(([name]) => name.startsWith(`${PACKS}/`) && !parts.blocks.isOpen(name))
    .map(([pack, bytes]) => ({ pack, bytes, liveBytes: liveBytes.get(pack) ?? 0 }))
  const removedBlocks = before - places.catalogue.totals().blocks
  return { removedBlocks, deltas: needed.roots.size, baseBlocks, baseBytes, packs }
}

function chooseVictims(packs: PackUse[], maxDeadShare: number): PackUse[] {
  const small = packs.filter((pack) => pack.liveBytes < SMALL_PACK_BYTES)
  const merge = small.length > MAX_SMALL_PACKS
  return packs.filter(
    (pack) =>
      pack.liveBytes === 0 ||
      1 - pack.liveBytes / pack.bytes > maxDeadShare ||
      (merge && pack.liveBytes < SMALL_PACK_BYTES),
  )
}

/** False when the pack stays, because a live block in it is damaged: the other blocks are then in both places. */
async function rewrite(parts: SweepParts, { pack }: PackUse): Promise<boolean> {
  let copied = 0
  for (const { digest, place } of parts.places.catalogue.blocksIn(pack)) {
    const cid = cidOfDigest(place.code, digest)
    // It may have moved, or gone, since.
    if (parts.places.find(cid)?.pack !== pack) continue
    try {
      await parts.blocks.copy(cid)
    } catch (error) {
      if (error instanceof GlasError && error.code === 'BlockMismatch') continue
      throw error
    }
    if (++copied % COPIES_PER_COMMIT === 0) await parts.commit()
  }
  for (const delta of parts.places.catalogue.deltas.inPack(pack)) {
    if (parts.places.deltas.ofRoot(delta.root)?.pack !== pack) continue
    if (await copyDelta(parts, delta)) copied++
  }
  if (copied > 0) await parts.commit()
  const { deltas } = parts.places.catalogue
  if (parts.places.catalogue.blocksIn(pack).length + deltas.inPack(pack).length > 0) return false
  await parts.reader.forget(pack)
  parts.ledger.drop(pack)
  await parts.commit()
  parts.places.catalogue.removePacks([pack])
  return true
}

/** False for a delta that is damaged. Its blocks stay where they are looked for, and only its place changes. */
async function copyDelta({ blocks, derived }: SweepParts, delta: DeltaPlace): Promise<boolean> {
  try {
    await blocks.putDelta(await derived.frame(delta))
    return true
  } catch (error) {
    if (error instanceof GlasError && error.code === 'BlockMismatch') return false
    throw error
  }
}
