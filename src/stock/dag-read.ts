/**
 * Reading UnixFS DAGs, also those that other programs made: any leaf size and layout, leaves as dag-pb nodes, bytes
 * beside links, sharded directories. A DAG has no cycles, but a small one can unfold to any size (one leaf linked a
 * million times), so work is limited by what the caller expects, not by what the DAG says.
 */
import type { CID } from 'multiformats/cid'
import { GlasError, isGlasError } from '../glas/errors.ts'
import { cidOf, DAG_PB_CODE, RAW_CODE } from './cid.ts'
import { CODEC_RAW, type StoredBlock } from './codec.ts'
import { checkName } from './dag-directory.ts'
import { badNode, decodeUnixFs, type UnixFsNode } from './dag-node.ts'

/** 1024 links to a node give 2^40 leaves in four levels; trickle layouts and small fan-outs need some more. */
const MAX_FILE_DEPTH = 64
/** Files whose leaves are smaller than this on average exist only to make work. */
const MIN_MEAN_LEAF_BYTES = 1024
/** So many blocks a file may have whatever its size is. */
const FREE_FILE_BLOCKS = 65_536
/** Leaves that are read ahead: enough to keep the disk and the decompression busy at the same time. */
const READ_AHEAD_LEAVES = 4
/** A directory with more has no place in an image directory, and its list would fill the memory. */
export const MAX_DIRECTORY_ENTRIES = 1_000_000
/** Eight levels are used by a 64-bit hash; others may go on a little. */
const MAX_SHARD_DEPTH = 32
/** Shards hold at least two entries each, so more than this without any are there to make work. */
const FREE_SHARDS = 1024

export interface BlockReader {
  get(cid: CID): Promise<Uint8Array>
  /** Bytes of a block without reading it; undefined when it is not there. */
  sizeOf(cid: CID): Promise<number | undefined>
}

export type DirectoryEntry =
  | { kind: 'file'; name: string; cid: CID; sizeBytes: number }
  | { kind: 'directory'; name: string; cid: CID }
  | { kind: 'symlink'; name: string; cid: CID; target: string }

export interface ReadFileOptions {
  /** Of the file, as the record or the directory says. One byte more is LimitExceeded. */
  expectedBytes: number
  signal?: AbortSignal | undefined
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The entries of a plain or sharded directory, in the order of its links. Throws BlockMissing for a block that is not
 * in the stock, UnknownFormat for one that is no directory, UnsafePath for a name that must not be placed or comes
 * twice. `sizeBytes` of a file in several blocks is what its root claims; `readFile` holds it to that.
 */
export async function readDirectory(
  blocks: BlockReader,
  cid: CID,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<DirectoryEntry[]> {
  const names = new Set<string>()
  const entries: DirectoryEntry[] = []
  for await (const { name, cid: child } of directoryLinks(blocks, cid)) {
    options.signal?.throwIfAborted()
    checkName(name)
    if (names.has(name)) throw new GlasError('UnsafePath', `The directory ${cid} has "${name}" twice.`)
    if (names.size >= MAX_DIRECTORY_ENTRIES) throw tooMuch('entries of a directory', MAX_DIRECTORY_ENTRIES, 'entries')
    names.add(name)
    entries.push(await entryOf(blocks, name, child))
  }
  return entries
}

/**
 * What a name in a directory links to, without looking at it; undefined for a name that is not there, and where a part
 * of the directory is not in the stock.
 */
export async function linkNamed(blocks: BlockReader, directory: CID, name: string): Promise<CID | undefined> {
  try {
    for await (const link of directoryLinks(blocks, directory)) if (link.name === name) return link.cid
  } catch (error) {
    if (!isGlasError(error, 'BlockMissing')) throw error
  }
  return undefined
}

async function entryOf(blocks: BlockReader, name: string, cid: CID): Promise<DirectoryEntry> {
  if (cid.code === RAW_CODE) {
    const sizeBytes = await blocks.sizeOf(cid)
    return { kind: 'file', name, cid, sizeBytes: sizeBytes ?? (await blocks.get(cid)).length }
  }
  const node = await unixFsNode(blocks, cid)
  if (node.kind === 'symlink') return { kind: 'symlink', name, cid, target: decodeText(node.data) }
  if (node.kind === 'file') return { kind: 'file', name, cid, sizeBytes: node.sizeBytes }
  return { kind: 'directory', name, cid }
}

async function* directoryLinks(blocks: BlockReader, root: CID): AsyncGenerator<{ name: string; cid: CID }, void> {
  const node = await unixFsNode(blocks, root)
  if (node.kind === 'directory') {
    for (const link of node.links) yield { name: decodeText(link.nameBytes), cid: link.cid }
    return
  }
  if (node.kind !== 'shard') throw badNode('it is no directory')
  yield* shardLinks(blocks, node)
}

async function* shardLinks(blocks: BlockReader, root: UnixFsNode): AsyncGenerator<{ name: string; cid: CID }, void> {
  const prefixLength = (root.fanOut - 1).toString(16).length
  const waiting = [{ node: root, depth: 0, next: 0 }]
  let shards = 1
  let entries = 0
  for (let top = waiting.at(-1); top !== undefined; top = waiting.at(-1)) {
    const link = top.node.links[top.next++]
    if (link === undefined) waiting.pop()
    else if (link.nameBytes.length > prefixLength) {
      entries++
      yield { name: decodeText(link.nameBytes.subarray(prefixLength)), cid: link.cid }
    } else {
      if (++shards > FREE_SHARDS + entries) throw tooMuch('shards of a directory', FREE_SHARDS + entries, 'blocks')
      if (top.depth >= MAX_SHARD_DEPTH) throw tooMuch('depth of a sharded directory', MAX_SHARD_DEPTH, 'levels')
      const node = await unixFsNode(blocks, link.cid)
      if (node.kind !== 'shard' || node.fanOut !== root.fanOut) throw badNode('it is no part of a sharded directory')
      waiting.push({ node, depth: top.depth + 1, next: 0 })
    }
  }
}

/**
 * The bytes of a file, in order, a leaf at a time; each piece is the caller's own. Throws LimitExceeded when there are
 * more bytes than expected or far too many blocks, UnknownFormat when there are fewer or it is no file.
 */
export async function* readFile(
  blocks: BlockReader,
  cid: CID,
  options: ReadFileOptions,
): AsyncGenerator<Uint8Array, void> {
  let left = options.expectedBytes
  const read = async (piece: Piece) => (piece instanceof Uint8Array ? piece : blocks.get(piece))
  for await (const bytes of readAhead(read, filePieces(blocks, cid, options.expectedBytes))) {
    options.signal?.throwIfAborted()
    left -= bytes.length
    if (left < 0) throw tooMuch(`size of the file ${cid}`, options.expectedBytes, 'bytes')
    if (bytes.length > 0) yield bytes
  }
  if (left > 0) throw badNode(`it has ${left} bytes less than expected`)
}

export interface KeptReader extends BlockReader {
  getKept(cid: CID): Promise<StoredBlock>
}

/** A part of a file as it is kept, and the CID that its bytes must have. */
export interface KeptPiece {
  cid: CID
  block: StoredBlock
}

/**
 * The same as `readFile`, for whoever decompresses and verifies by itself: each piece has exactly `rawLength` bytes, or
 * it is damaged.
 */
export async function* readKept(
  blocks: KeptReader,
  cid: CID,
  options: ReadFileOptions,
): AsyncGenerator<KeptPiece, void> {
  let left = options.expectedBytes
  const read = async (piece: Piece) => (piece instanceof Uint8Array ? keptBytes(piece) : keptLeaf(blocks, piece))
  for await (const piece of readAhead(read, filePieces(blocks, cid, options.expectedBytes))) {
    options.signal?.throwIfAborted()
    left -= piece.block.rawLength
    if (left < 0) throw tooMuch(`size of the file ${cid}`, options.expectedBytes, 'bytes')
    if (piece.block.rawLength > 0) yield piece
  }
  if (left > 0) throw badNode(`it has ${left} bytes less than expected`)
}

async function keptLeaf(blocks: KeptReader, cid: CID): Promise<KeptPiece> {
  return { cid, block: await blocks.getKept(cid) }
}

function keptBytes(bytes: Uint8Array): KeptPiece {
  return { cid: cidOf(RAW_CODE, bytes), block: { codec: CODEC_RAW, rawLength: bytes.length, stored: bytes } }
}

/** Bytes of a file: of a raw leaf as it is, else what its root claims, to which `readFile` holds it. */
export async function fileSize(blocks: BlockReader, cid: CID): Promise<number> {
  if (cid.code === RAW_CODE) return (await blocks.sizeOf(cid)) ?? (await blocks.get(cid)).length
  const node = await unixFsNode(blocks, cid)
  if (node.kind !== 'file') throw badNode('it is no file')
  return node.sizeBytes
}

/** The raw leaves of a file, in order, not read. `expectedBytes` bounds how many there may be. */
export async function* leavesOf(blocks: BlockReader, cid: CID, expectedBytes: number): AsyncGenerator<CID, void> {
  for await (const piece of filePieces(blocks, cid, expectedBytes)) if (!(piece instanceof Uint8Array)) yield piece
}

type Piece = CID | Uint8Array

/** The file's raw leaves, not yet read, and what lies inside its nodes, in order. */
async function* filePieces(blocks: BlockReader, root: CID, expectedBytes: number): AsyncGenerator<Piece, void> {
  const maxBlocks = FREE_FILE_BLOCKS + expectedBytes / MIN_MEAN_LEAF_BYTES
  const waiting = [{ links: [{ cid: root }], next: 0 }]
  let seen = 0
  for (let top = waiting.at(-1); top !== undefined; top = waiting.at(-1)) {
    const link = top.links[top.next++]
    if (link === undefined) {
      waiting.pop()
      continue
    }
    if (++seen > maxBlocks) throw tooMuch(`blocks of the file ${root}`, maxBlocks, 'blocks')
    if (link.cid.code === RAW_CODE) {
      yield link.cid
      continue
    }
    if (waiting.length > MAX_FILE_DEPTH) throw tooMuch(`depth of the file ${root}`, MAX_FILE_DEPTH, 'levels')
    const node = await unixFsNode(blocks, link.cid)
    if (node.kind !== 'file') throw badNode('it is no file')
    yield node.data
    waiting.push({ links: node.links, next: 0 })
  }
}

async function* readAhead<Read>(
  read: (piece: Piece) => Promise<Read>,
  pieces: AsyncGenerator<Piece, void>,
): AsyncGenerator<Read, void> {
  const reading: Array<Promise<Read>> = []
  try {
    for await (const piece of pieces) {
      const one = read(piece)
      // Its failure is met below, when its turn comes.
      one.catch(() => {})
      reading.push(one)
      if (reading.length > READ_AHEAD_LEAVES) yield (await reading.shift()) as Read
    }
    for (const one of reading.splice(0)) yield await one
  } finally {
    await Promise.allSettled(reading)
  }
}

async function unixFsNode(blocks: BlockReader, cid: CID): Promise<UnixFsNode> {
  if (cid.code !== DAG_PB_CODE) throw badNode('it is no file or directory')
  return decodeUnixFs(await blocks.get(cid))
}

function decodeText(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes)
  } catch (error) {
    throw new GlasError('UnsafePath', 'A name in the directory is not UTF-8.', { cause: error })
  }
}

function tooMuch(what: string, limit: number, unit: string): GlasError {
  return new GlasError('LimitExceeded', `The ${what} goes over ${limit} ${unit}. It is damaged or made to harm.`, {
    data: { limit, unit },
  })
}
