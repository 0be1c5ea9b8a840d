/**
 * Which of the deltas in the packs count: those whose frames are good and whose bases are wholly here. A sweep may have
 * taken the base of a delta that nobody needed, and left the frame of that delta in a pack with others.
 */
import type { CID } from 'multiformats/cid'
import type { Place } from './catalogue.ts'
import { keyOf, RAW_CODE } from './cid.ts'
import { decodeStored } from './codec.ts'
import { type DerivedBlock, decodeDeltaFrame, derivedBlocks, type ImageDelta } from './delta-frame.ts'
import type { DeltaPlace } from './delta-rows.ts'
import { linksOf } from './links.ts'
import { type PackReader, readFrame } from './pack.ts'

/** Where a frame lies, by its header alone. */
export interface FoundDelta {
  pack: string
  offset: number
  storedLength: number
}

export interface Admission {
  reader: PackReader
  /** Blocks that are stored. */
  find(cid: CID): Place | undefined
  isAdmitted(root: CID): boolean
  admit(place: DeltaPlace, blocks: readonly DerivedBlock[]): void
}

/**
 * In the order of the packs; deltas on deltas after those that they stand on. Of two of one image the later one counts,
 * and blocks that are stored as a whole count before any: else images that took each other's place when bases were
 * replaced could stand on each other.
 */
export async function admitDeltas(admission: Admission, found: readonly FoundDelta[]): Promise<void> {
  let waiting = found.map((place, order) => ({ ...place, order }))
  const whole = new Set<string>()
  const admitted = new Map<string, number>()
  for (let before = -1; before !== waiting.length; ) {
    before = waiting.length
    const later: typeof waiting = []
    for (const { order, ...place } of waiting) {
      const image = await readDelta(admission.reader, place)
      if (image === undefined || (admitted.get(keyOf(image.root)) ?? -1) > order) continue
      if (await isStored(admission, image.root)) continue
      const { root, base, sizeBytes, leafBytes } = image
      const key = keyOf(base)
      if (!whole.has(key) && !admission.isAdmitted(base) && !(await isStored(admission, base))) {
        later.push({ order, ...place })
        continue
      }
      whole.add(key)
      admitted.set(keyOf(root), order)
      admission.admit({ root, base, ...place, sizeBytes, leafBytes }, await derivedBlocks(image))
    }
    waiting = later
  }
}

/** Undefined where the frame is damaged. */
export async function readDelta(reader: PackReader, place: FoundDelta): Promise<ImageDelta | undefined> {
  const frame = await readFrame(reader, place)
  return frame === undefined ? undefined : decodeDeltaFrame(frame.header, frame.stored)
}

/** Whether every block of a file is stored. Reads its nodes, not its leaves. */
async function isStored({ reader, find }: Admission, root: CID): Promise<boolean> {
  const waiting = [root]
  for (let cid = waiting.pop(); cid !== undefined; cid = waiting.pop()) {
    const place = find(cid)
    if (place === undefined) return false
    if (cid.code === RAW_CODE) continue
    const node = await readNode(reader, place)
    if (node === undefined) return false
    waiting.push(...linksOf(cid, node))
  }
  return true
}

async function readNode(reader: PackReader, place: Place): Promise<Uint8Array | undefined> {
  const frame = await readFrame(reader, place)
  if (frame === undefined) return undefined
  const { codec, rawLength } = frame.header
  return decodeStored({ codec, rawLength, stored: frame.stored })
}
