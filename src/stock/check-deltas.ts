/** Rebuilds images from their deltas to see whether that can still be done. */
import type { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import type { CheckParts, Finding } from './check.ts'
import { cidOfDigest, keyOf, RAW_CODE } from './cid.ts'
import type { DeltaPlace } from './delta-rows.ts'

/** What is derived and not stored, of images that cannot be rebuilt from their deltas. Each image is rebuilt once. */
export async function notDerivable(parts: CheckParts, signal: AbortSignal | undefined): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const delta of parts.places.deltas.all()) {
    signal?.throwIfAborted()
    if (await isDerivable(parts, delta)) continue
    const hasNodes = await parts.derived.frame(delta).then(
      () => true,
      () => false,
    )
    for (const { code, digest } of parts.places.deltas.blocksOf(delta.root)) {
      const cid = cidOfDigest(code, digest)
      // Nodes need no base; and what is stored as well was read already.
      if ((hasNodes && code !== RAW_CODE) || parts.places.find(cid) !== undefined) continue
      findings.push({ cid, what: 'damaged', pinnedBy: [], image: delta.root })
    }
  }
  return findings
}

/** Those of the findings whose image can still not be rebuilt. */
export async function stillNotDerivable(
  parts: CheckParts,
  findings: readonly Finding[],
  signal: AbortSignal | undefined,
): Promise<Finding[]> {
  const derivable = new Map<string, boolean>()
  for (const image of imagesOf(findings)) {
    signal?.throwIfAborted()
    const delta = parts.places.deltas.ofRoot(image)
    derivable.set(keyOf(image), delta !== undefined && (await isDerivable(parts, delta)))
  }
  return findings.filter(({ image }) => image !== undefined && !derivable.get(keyOf(image)))
}

/** What a delta that has lost its base is still good for; then nothing needs it, and a sweep takes it away. */
export async function storeNodes(parts: CheckParts, lost: readonly Finding[]): Promise<void> {
  for (const image of imagesOf(lost)) {
    for (const { code, digest } of parts.places.deltas.blocksOf(image)) {
      const cid = cidOfDigest(code, digest)
      if (code === RAW_CODE || parts.places.find(cid) !== undefined) continue
      const bytes = await parts.blocks.get(cid).catch(() => undefined)
      if (bytes !== undefined) await parts.blocks.replace(cid, bytes)
    }
  }
}

function imagesOf(findings: readonly Finding[]): CID[] {
  const images = findings.flatMap(({ image }) => image ?? [])
  return [...new Map(images.map((image) => [keyOf(image), image])).values()]
}

async function isDerivable({ derived }: CheckParts, delta: DeltaPlace): Promise<boolean> {
  try {
    await derived.rebuild(delta)
    return true
  } catch (error) {
    if (error instanceof GlasError && error.code === 'BlockMismatch') return false
    // Gone since: a sweep took it.
    if (error instanceof GlasError && error.code === 'BlockMissing') return true
    if (error instanceof Error && 'syscall' in error) return false
    throw error
  }
}
