/** Makes a stock small: what a sweep frees, bases that nothing but deltas needs, and nearly all waste in the packs. */
import type { ImageDeltas } from './image-deltas.ts'
import type { Lease } from './leases.ts'
import type { PackSource } from './places.ts'
import { type RerootOptions, type RerootParts, reroot } from './reroot.ts'
import type { SweepOptions, SweepReport } from './sweep.ts'

/** Packs are rewritten for this share of waste already: who asks for it has the time. */
const MAX_DEAD_SHARE = 1 / 64

export interface RepackParts extends Omit<RerootParts, 'images'> {
  /** Undefined where no deltas can be made: then no base is replaced. */
  images: ImageDeltas | undefined
  source: Pick<PackSource, 'packs'>
  lease(): Lease
  sweep(options: SweepOptions): Promise<SweepReport>
}

export interface RepackReport extends SweepReport {
  /** Bases that other images took the place of. */
  replacedBases: number
}

/** Safe beside pushes and pulls, and safe to stop at any time. */
export async function repack(parts: RepackParts, options: RerootOptions = {}): Promise<RepackReport> {
  const { images, source } = parts
  const { signal } = options
  const oldBytes = packBytes(source.packs())
  const before = await parts.sweep({ signal })
  const lease = parts.lease()
  let replacedBases = 0
  try {
    if (images !== undefined) replacedBases = await reroot({ ...parts, images }, lease, options)
  } finally {
    lease.release()
  }
  const after = await parts.sweep({ signal, maxDeadShare: MAX_DEAD_SHARE })
  return {
    ...after,
    replacedBases,
    removedBlocks: before.removedBlocks + after.removedBlocks,
    removedPacks: before.removedPacks + after.removedPacks,
    rewrittenPacks: before.rewrittenPacks + after.rewrittenPacks,
    freedBytes: Math.max(0, oldBytes - packBytes(source.packs())),
  }
}

function packBytes(packs: ReadonlyMap<string, number>): number {
  return [...packs.values()].reduce((sum, bytes) => sum + bytes, 0)
}
