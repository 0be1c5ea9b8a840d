import type { CID } from 'multiformats/cid'
import { type CodeChange, firstChunkAt, parseChanges } from '../image/changes-file.ts'
import type { FilePair } from './changed-files.ts'
import type { Parts } from './parts.ts'

/** What was written behind the end of a `.changes` file since the version before. */
export interface ChangesTail {
  path: string
  /** Bytes that were added. */
  size: number
  changes: CodeChange[]
  /** Only the end of what was added was read, or only the last of the changes are here. */
  truncated: boolean
}

/** Of what was added only the end is read: some ten thousand methods. */
const MAX_TAIL_BYTES = 1024 * 1024

type Reading = Pick<Parts['stock'], 'leavesOf' | 'sizeOf' | 'get'>

/**
 * Reads what a `.changes` file has gained. Undefined where it was not just added to: a condensed or exchanged file
 * says nothing about what was done since.
 */
export async function changesTail(stock: Reading, { path, now, before }: FilePair): Promise<ChangesTail | undefined> {
  const leaves = await leavesWithPlace(stock, now)
  if (leaves === undefined || !(await isBeginning(stock, before, leaves))) return undefined
  const startByte = Math.max(before.sizeBytes, now.sizeBytes - MAX_TAIL_BYTES)
  const text = await textFrom(stock, leaves, startByte)
  const isCut = startByte > before.sizeBytes
  const { changes, hasMore } = parseChanges(isCut ? text.slice(firstChunkAt(text)) : text)
  return { path, size: now.sizeBytes - before.sizeBytes, changes, truncated: isCut || hasMore }
}

interface PlacedLeaf {
  cid: CID
  startByte: number
  sizeBytes: number
}

/** Undefined for a file that other programs laid out with bytes beside its leaves. */
async function leavesWithPlace(stock: Reading, file: FilePair['now']): Promise<PlacedLeaf[] | undefined> {
  const leaves: PlacedLeaf[] = []
  let startByte = 0
  for await (const cid of stock.leavesOf(file.cid, file.sizeBytes)) {
    const sizeBytes = (await stock.sizeOf(cid)) ?? (await stock.get(cid)).length
    leaves.push({ cid, startByte, sizeBytes })
    startByte += sizeBytes
  }
  return startByte === file.sizeBytes ? leaves : undefined
}

/** Leaves have one size but for the last: that one is compared byte by byte. */
async function isBeginning(stock: Reading, before: FilePair['before'], now: readonly PlacedLeaf[]): Promise<boolean> {
  const leaves = await leavesWithPlace(stock, before)
  if (leaves === undefined || leaves.length > now.length) return false
  const last = leaves.at(-1)
  if (last === undefined) return true
  const place = leaves.length - 1
  if (!leaves.slice(0, -1).every(({ cid }, index) => now[index]?.cid.equals(cid))) return false
  const other = now[place] as PlacedLeaf
  if (other.cid.equals(last.cid)) return true
  const bytes = await stock.get(other.cid)
  return Buffer.compare(bytes.subarray(0, last.sizeBytes), await stock.get(last.cid)) === 0
}

async function textFrom(stock: Reading, leaves: readonly PlacedLeaf[], startByte: number): Promise<string> {
  const pieces: Uint8Array[] = []
  for (const leaf of leaves) {
    if (leaf.startByte + leaf.sizeBytes <= startByte) continue
    pieces.push((await stock.get(leaf.cid)).subarray(Math.max(0, startByte - leaf.startByte)))
  }
  return Buffer.concat(pieces).toString('utf8')
}
