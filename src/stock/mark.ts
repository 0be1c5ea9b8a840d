/** What pins hold. */
import type { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import type { Blocks } from './blocks.ts'
import { keyOf, RAW_CODE } from './cid.ts'
import type { Pins } from './pins.ts'
import { walk } from './walk.ts'

export interface Marked {
  /** Of blocks, as the catalogue names them. */
  keys: Set<string>
  /** Walk keys: what has been walked already. */
  seen: Set<string>
}

/** Adds everything that a pin holds, until no pin has changed meanwhile. Throws BlockMissing for a node that is lost. */
export async function mark(
  { blocks, pins }: { blocks: Blocks; pins: Pins },
  marked: Marked,
  signal: AbortSignal | undefined,
): Promise<void> {
  let changes: number
  do {
    changes = pins.changes
    const roots = pins.list().map((pin) => pin.cid)
    for await (const cid of walk(blocks, roots, marked.seen, refuse)) {
      marked.keys.add(keyOf(cid))
      if (cid.code !== RAW_CODE) signal?.throwIfAborted()
    }
  } while (pins.changes !== changes)
}

/** A leaf that is lost takes nothing else with it; below a lost node there may be blocks that are still needed. */
function refuse(cid: CID): void {
  if (cid.code === RAW_CODE) return
  throw new GlasError(
    'BlockMissing',
    `The block ${cid} of a pinned version is missing, so nothing is removed. Run "pintglas check --repair" first.`,
    { data: { cid: cid.toString() } },
  )
}
