/**
 * Directories as UnixFS DAGs, profile `pintglas-1`: one dag-pb node with the links sorted by the bytes of their names,
 * or, where that node would have more than SHARD_OVER_BYTES, a hash trie (HAMT) of fan-out 256 over murmur3.
 */
import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import type { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import { cidOf, DAG_PB_CODE } from './cid.ts'
import type { BlockWriter } from './dag-file.ts'
import { buildTrie, FAN_OUT, HASH_CODE, type Trie } from './dag-trie.ts'
import type { Lease } from './leases.ts'

/** What IPFS programs agreed upon: the size of the whole node, not of its links alone. */
const SHARD_OVER_BYTES = 256 * 1024
/** Deeper directories than this have no place in an image directory, and every level is one of our recursion. */
export const MAX_DIRECTORY_DEPTH = 256
/** What Linux takes for a name and for a link's target. */
export const MAX_NAME_BYTES = 255
export const MAX_TARGET_BYTES = 4095

export type TreeEntry =
  | { kind: 'file'; cid: CID; totalBytes: number }
  | { kind: 'symlink'; target: string }
  | { kind: 'directory'; entries: ReadonlyMap<string, TreeEntry> }

export interface AddedDirectory {
  cid: CID
  /** Of all files and nodes below, shared ones counted each time: what a link to it says (Tsize). */
  totalBytes: number
  newBlocks: number
  newBytes: number
}

interface Link {
  name: string
  cid: CID
  totalBytes: number
}

/**
 * Takes a directory in whose files are in the stock already. Throws UnsafePath for a name that could not be placed
 * again, LimitExceeded for one that is too long or too deep. Blocks are durable after the next commit.
 */
export async function addDirectory(
  blocks: BlockWriter,
  entries: ReadonlyMap<string, TreeEntry>,
  options: { lease?: Lease | undefined } = {},
): Promise<AddedDirectory> {
  const builder = new DirectoryBuilder(blocks, options.lease)
  const { cid, totalBytes } = await builder.directory(entries, '', 0)
  return { cid, totalBytes, newBlocks: builder.newBlocks, newBytes: builder.newBytes }
}

class DirectoryBuilder {
  newBlocks = 0
  newBytes = 0
  readonly #blocks: BlockWriter
  readonly #lease: Lease | undefined

  constructor(blocks: BlockWriter, lease: Lease | undefined) {
    this.#blocks = blocks
    this.#lease = lease
  }

  async directory(entries: ReadonlyMap<string, TreeEntry>, name: string, depth: number): Promise<Link> {
    if (depth > MAX_DIRECTORY_DEPTH) throw tooMuch('directory depth', depth, MAX_DIRECTORY_DEPTH, 'levels')
    const links: Link[] = []
    for (const [childName, entry] of entries) {
      checkName(childName)
      links.push(await this.#entry(childName, entry, depth))
    }
    const bytes = encodeNode(new UnixFS({ type: 'directory' }), links)
    if (bytes.length <= SHARD_OVER_BYTES) return this.#node(name, bytes, links)
    const trie = buildTrie(links.map((link) => [link.name, link]))
    return { ...(await this.#shard(trie)), name }
  }

  async #entry(name: string, entry: TreeEntry, depth: number): Promise<Link> {
    if (entry.kind === 'file') return { name, cid: entry.cid, totalBytes: entry.totalBytes }
    if (entry.kind === 'directory') return this.directory(entry.entries, name, depth + 1)
    return this.#node(name, encodeNode(symlinkNode(entry.target), []), [])
  }

  async #shard(trie: Trie<Link>): Promise<Link> {
    const links: Link[] = []
    for (const [slot, child] of trie.slots) {
      const prefix = slot.toString(16).toUpperCase().padStart(2, '0')
      if ('slots' in child) links.push({ ...(await this.#shard(child)), name: prefix })
      else links.push({ ...child.value, name: prefix + child.name })
    }
    const unixfs = new UnixFS({
      type: 'hamt-sharded-directory',
      data: bitfield(trie.slots.keys()),
      fanout: BigInt(FAN_OUT),
      hashType: BigInt(HASH_CODE),
    })
    return this.#node('', encodeNode(unixfs, links), links)
  }

  async #node(name: string, bytes: Uint8Array, links: readonly Link[]): Promise<Link> {
    const cid = cidOf(DAG_PB_CODE, bytes)
    if (await this.#blocks.putVerified(cid, bytes, { lease: this.#lease })) {
      this.newBlocks++
      this.newBytes += bytes.length
    }
    return { name, cid, totalBytes: links.reduce((total, link) => total + link.totalBytes, bytes.length) }
  }
}

function encodeNode(unixfs: UnixFS, links: readonly Link[]): Uint8Array {
  const pbLinks = links.map(({ name, cid, totalBytes }) => ({ Name: name, Hash: cid, Tsize: totalBytes }))
  return dagPb.encode(dagPb.prepare({ Data: unixfs.marshal(), Links: pbLinks }))
}

function symlinkNode(target: string): UnixFS {
  const data = Buffer.from(target)
  if (!target.isWellFormed() || target.includes('\0') || target === '') throw unsafe(target, 'no target of a link')
  if (data.length > MAX_TARGET_BYTES) throw tooMuch('link target', data.length, MAX_TARGET_BYTES, 'bytes')
  return new UnixFS({ type: 'symlink', data })
}

/** Which slots are taken, bit 0 being the lowest of the last byte; without leading zero bytes. */
function bitfield(slots: Iterable<number>): Uint8Array {
  const bits = new Uint8Array(FAN_OUT / 8)
  for (const slot of slots) {
    const at = bits.length - 1 - (slot >> 3)
    bits[at] = (bits[at] ?? 0) | (1 << (slot & 7))
  }
  return bits.subarray(bits.findIndex((byte) => byte !== 0))
}

/** Throws for a name that could not be a single entry of a directory. The same rule holds when it is read again. */
export function checkName(name: string): void {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) throw unsafe(name, 'no name of a file')
  if (!name.isWellFormed()) throw unsafe(name, 'not Unicode')
  const bytes = Buffer.byteLength(name)
  if (bytes > MAX_NAME_BYTES) throw tooMuch('file name', bytes, MAX_NAME_BYTES, 'bytes')
}

function unsafe(name: string, why: string): GlasError {
  return new GlasError('UnsafePath', `The name ${JSON.stringify(name)} is ${why}. Rename it, and try again.`, {
    data: { name },
  })
}

function tooMuch(what: string, value: number, limit: number, unit: string): GlasError {
  return new GlasError('LimitExceeded', `The ${what} is ${value} ${unit}; at most ${limit} are possible.`, {
    data: { limit, value, unit },
  })
}
