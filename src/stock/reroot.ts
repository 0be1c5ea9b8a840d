/**
 * Replaces bases that no pin holds any more but that deltas stand on: the newest image of those that do takes the place
 * of such a base, and the others become deltas on it, where all of it then takes less room. The new frames are
 * acknowledged before a sweep takes the old ones, so that a crash at any moment leaves either, or both.
 */
import type { CID } from 'multiformats/cid'
import type { Blocks } from './blocks.ts'
import { cidOf, cidOfDigest, DAG_PB_CODE, keyOf } from './cid.ts'
import { encodeStored } from './codec.ts'
import { FIXED_BYTES, type ImageDelta, type ImageShape, leavesOfImage, nodesOf } from './delta-frame.ts'
import type { DeltaPlace } from './delta-rows.ts'
import type { DerivedBlocks } from './derived-blocks.ts'
import { FRAME_HEADER_BYTES, MAX_DELTA_BYTES } from './frame.ts'
import type { ImageDeltas } from './image-deltas.ts'
import type { Lease } from './leases.ts'
import { type Marked, mark } from './mark.ts'
import type { Pins } from './pins.ts'
import type { Places } from './places.ts'
import { walk } from './walk.ts'

/** Less than this part of what base and deltas take is not worth writing them anew. */
const LEAST_SAVED_SHARE = 1 / 16

export interface RerootParts {
  blocks: Blocks
  derived: DerivedBlocks
  places: Places
  pins: Pins
  images: ImageDeltas
  commit(): Promise<void>
}

export interface RerootOptions {
  signal?: AbortSignal | undefined
  /** Told after each image that was compared, of how many. */
  onImage?: ((done: number, total: number) => void) | undefined
}

/** A base that only deltas need, and all that stands on it, directly or not. */
interface IdleBase {
  root: CID
  /** What it stands on itself; undefined for a keyframe. */
  below: CID | undefined
  /** What goes when nothing stands on it any more. */
  ownBytes: number
  /** In the order in which they were written. */
  standing: DeltaPlace[]
}

/** How an idle base is done without. */
interface Plan {
  /** Stored as blocks, or by the first of `deltas`, which are not yet written. */
  newest: { root: CID; shape: ImageShape; bytes: Uint8Array }
  isKeyframe: boolean
  deltas: ImageDelta[]
}

/** Gives the number of bases that nothing stands on any more; the next sweep takes them. */
export async function reroot(parts: RerootParts, lease: Lease, options: RerootOptions = {}): Promise<number> {
  const marked: Marked = { keys: new Set(), seen: new Set() }
  await mark(parts, marked, options.signal)
  const isHeld = (key: string) => marked.keys.has(key)
  const tried = new Set<string>()
  let replaced = 0
  for (;;) {
    const base = await nextIdleBase(parts, isHeld, tried)
    if (base === undefined) return replaced
    tried.add(keyOf(base.root))
    const plan = await planFor(parts, base, isHeld, { lease, ...options })
    if (plan === undefined) continue
    await carryOut(parts, plan)
    replaced++
  }
}

/** Keyframes first: what stands on a delta that stands on one may move along with it. */
async function nextIdleBase(
  parts: RerootParts,
  isHeld: (key: string) => boolean,
  tried: ReadonlySet<string>,
): Promise<IdleBase | undefined> {
  const all = parts.places.deltas.all()
  const deltas = new Map(all.map((delta) => [keyOf(delta.root), delta]))
  const bases = new Map(all.map(({ base }) => [keyOf(base), base]))
  const idle = [...bases].filter(([key]) => !isHeld(key) && !tried.has(key))
  const [key, root] = idle.find(([one]) => !deltas.has(one)) ?? idle[0] ?? []
  if (key === undefined || root === undefined) return undefined
  const above = new Set([key])
  // Deltas on deltas may have been written before those, when these were written anew.
  for (let size = 0; size !== above.size; ) {
    size = above.size
    for (const one of all) if (above.has(keyOf(one.base))) above.add(keyOf(one.root))
  }
  above.delete(key)
  const own = deltas.get(key)
  return {
    root,
    below: own?.base,
    ownBytes: own === undefined ? await storedBytesOf(parts, root, isHeld) : bytesOf(own),
    standing: all.filter((one) => above.has(keyOf(one.root))),
  }
}

const bytesOf = (delta: DeltaPlace): number => FRAME_HEADER_BYTES + delta.storedLength

async function storedBytesOf(
  { blocks, places }: RerootParts,
  root: CID,
  isHeld: (key: string) => boolean,
): Promise<number> {
  let bytes = 0
  for await (const cid of walk(blocks, [root], new Set(), () => {})) {
    if (!isHeld(keyOf(cid))) bytes += FRAME_HEADER_BYTES + (places.find(cid)?.storedLength ?? 0)
  }
  return bytes
}

/** Undefined where it would not save enough. The lease keeps what the plan is about. */
async function planFor(
  parts: RerootParts,
  { below, ownBytes, standing }: IdleBase,
  isHeld: (key: string) => boolean,
  options: RerootOptions & { lease: Lease },
): Promise<Plan | undefined> {
  keepAll(parts, options.lease, standing)
  const held = standing.filter((delta) => isHeld(keyOf(delta.root))).reverse()
  const [last, ...others] = held
  if (last === undefined) return undefined
  const oldBytes = standing.reduce((sum, delta) => sum + bytesOf(delta), ownBytes)
  let roomBytes = Math.floor(oldBytes * (1 - LEAST_SAVED_SHARE))
  const { derived } = parts
  const newest = { root: last.root, shape: await derived.frame(last), bytes: await derived.image(last.root) }
  if (below === undefined) roomBytes -= await bytesAsBlocks(newest.bytes, newest.shape.leafBytes, roomBytes)
  const pairs = others.map((image) => ({ image, base: newest.root }))
  if (below !== undefined) pairs.unshift({ image: last, base: below })
  const deltas = await makeAll(parts, pairs, roomBytes, options)
  return deltas === undefined ? undefined : { newest, isKeyframe: below === undefined, deltas }
}

/** Deltas that take no more than `roomBytes` together, which bounds the memory for them; undefined where they would. */
async function makeAll(
  { derived, images }: RerootParts,
  pairs: ReadonlyArray<{ image: DeltaPlace; base: CID }>,
  roomBytes: number,
  { signal, onImage }: RerootOptions,
): Promise<ImageDelta[] | undefined> {
  const made: ImageDelta[] = []
  let leftBytes = roomBytes
  let known: { root: CID; bytes: Uint8Array } | undefined
  for (const { image, base } of pairs) {
    signal?.throwIfAborted()
    const old = await derived.frame(image)
    const overhead = FRAME_HEADER_BYTES + FIXED_BYTES + old.digests.length
    const mostBytes = Math.min(leftBytes, MAX_DELTA_BYTES) - overhead
    if (mostBytes <= 0) return undefined
    if (known === undefined || !known.root.equals(base)) known = { root: base, bytes: await derived.image(base) }
    const job = { base: known.bytes, image: await derived.image(image.root), mostBytes }
    const encoded = await images.encode(job, signal)
    if (encoded.kind === 'unfit') return undefined
    made.push({ ...old, base, delta: encoded.bytes })
    leftBytes -= encoded.bytes.length + overhead
    onImage?.(made.length, pairs.length)
  }
  return leftBytes < 0 ? undefined : made
}

/** A delta that is kept keeps what it stands on. */
function keepAll({ places }: RerootParts, lease: Lease, deltas: readonly DeltaPlace[]): void {
  for (const { root } of deltas) {
    for (const { code, digest } of places.deltas.blocksOf(root)) lease.keep(cidOfDigest(code, digest))
  }
}

/** What the leaves take as blocks; no more than just above `mostBytes` is counted. */
async function bytesAsBlocks(bytes: Uint8Array, leafBytes: number, mostBytes: number): Promise<number> {
  let sum = 0
  for (let at = 0; at < bytes.length && sum <= mostBytes; at += leafBytes) {
    sum += FRAME_HEADER_BYTES + (await encodeStored(bytes.subarray(at, at + leafBytes))).stored.length
  }
  return sum
}

/** All of it is acknowledged at once: a crash before leaves the old layout, and one after it both, until the next sweep. */
async function carryOut({ blocks, places, commit }: RerootParts, { newest, isKeyframe, deltas }: Plan): Promise<void> {
  if (isKeyframe) await storeWhole({ blocks, places }, newest)
  for (const image of deltas) await blocks.putDelta(image)
  await commit()
  // Others stand on it now, and it on nobody.
  if (isKeyframe) places.catalogue.remove([], [newest.root])
}

/** The root last: whoever finds it may read the file from its blocks. */
async function storeWhole(
  { blocks, places }: Pick<RerootParts, 'blocks' | 'places'>,
  { shape, bytes }: Plan['newest'],
) {
  for (const { cid, at, sizeBytes } of leavesOfImage(shape)) {
    if (places.find(cid) === undefined) await blocks.replace(cid, Buffer.from(bytes.subarray(at, at + sizeBytes)))
  }
  for (const node of (await nodesOf(shape)).nodes) await blocks.replace(cidOf(DAG_PB_CODE, node), node)
}
