/**
 * Reading dag-pb nodes (https://ipld.io/specs/codecs/dag-pb/spec/) and the UnixFS message within. A reader of our own
 * because names have to come out as the bytes they are: @ipld/dag-pb turns bytes that are not UTF-8 into U+FFFD and
 * drops a byte order mark at the beginning of a name.
 */
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import { checkCid } from './cid.ts'

export interface DagLink {
  /** Links of version 0, which older IPFS programs make, are given as version 1. */
  cid: CID
  nameBytes: Uint8Array
  /** Bytes of the whole DAG below, as the writer claims. */
  totalBytes: number
}

export interface DagNode {
  links: DagLink[]
  data: Uint8Array | undefined
}

const WIRE_VARINT = 0
const WIRE_BYTES = 2
/** Longer numbers than 2^53 have no meaning here. */
const MAX_VARINT_BYTES = 8
const NO_BYTES = new Uint8Array(0)

/** Throws UnknownFormat for bytes that are no dag-pb node, or that link to blocks which we do not keep. */
export function decodeNode(bytes: Uint8Array): DagNode {
  const reader = new FieldReader(bytes)
  const node: DagNode = { links: [], data: undefined }
  while (!reader.atEnd) {
    const { field, value } = reader.next()
    if (typeof value === 'number') throw badNode('a field is no bytes')
    if (field === 2) node.links.push(decodeLink(value))
    else if (field === 1 && node.data === undefined) node.data = value
    else throw badNode(`field ${field} does not belong there`)
  }
  return node
}

function decodeLink(bytes: Uint8Array): DagLink {
  const reader = new FieldReader(bytes)
  let hash: Uint8Array | undefined
  let nameBytes: Uint8Array = NO_BYTES
  let totalBytes = 0
  while (!reader.atEnd) {
    const { field, value } = reader.next()
    if (field === 1 && typeof value !== 'number') hash = value
    else if (field === 2 && typeof value !== 'number') nameBytes = value
    else if (field === 3 && typeof value === 'number') totalBytes = value
    else throw badNode(`field ${field} of a link does not belong there`)
  }
  if (hash === undefined) throw badNode('a link has no CID')
  return { cid: decodeCid(hash), nameBytes, totalBytes }
}

function decodeCid(bytes: Uint8Array): CID {
  let cid: CID
  try {
    cid = CID.decode(bytes).toV1()
  } catch (error) {
    throw badNode('a link is no CID', error)
  }
  checkCid(cid)
  return cid
}

/** Protocol buffers, as far as dag-pb uses them. Values are views into the bytes. */
class FieldReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  next(): { field: number; value: Uint8Array | number } {
    const key = this.#varint()
    const wire = key % 8
    const field = Math.floor(key / 8)
    if (wire === WIRE_VARINT) return { field, value: this.#varint() }
    if (wire !== WIRE_BYTES) throw badNode(`a field has the wire type ${wire}`)
    const length = this.#varint()
    const start = this.#at
    if (length > this.#bytes.length - start) throw badNode('a field is longer than the node')
    this.#at = start + length
    return { field, value: this.#bytes.subarray(start, this.#at) }
  }

  #varint(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw badNode('it ends inside a number')
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
    throw badNode('a number is too large')
  }
}

export interface UnixFsNode {
  links: DagLink[]
  kind: 'file' | 'directory' | 'shard' | 'symlink'
  /** Of a file: bytes before those of the links. Of a symlink: its target. */
  data: Uint8Array
  /** Of a file: its size, as the node claims. */
  sizeBytes: number
  /** Of a shard: into how many it branches. */
  fanOut: number
}

const KINDS: Record<string, UnixFsNode['kind'] | undefined> = {
  raw: 'file',
  file: 'file',
  directory: 'directory',
  'hamt-sharded-directory': 'shard',
  symlink: 'symlink',
}

/** A dag-pb block that is a file, directory or link; throws UnknownFormat for any other. */
export function decodeUnixFs(bytes: Uint8Array): UnixFsNode {
  const { links, data } = decodeNode(bytes)
  if (data === undefined) throw badNode('it is no file or directory')
  let unixfs: UnixFS
  try {
    unixfs = UnixFS.unmarshal(data)
  } catch (error) {
    throw badNode('it is no file or directory', error)
  }
  const kind = KINDS[unixfs.type]
  const sizeBytes = Number(unixfs.fileSize())
  const fanOut = Number(unixfs.fanout ?? 0n)
  if (kind === undefined || !Number.isSafeInteger(sizeBytes)) throw badNode(`its kind is ${unixfs.type}`)
  return { links, kind, data: unixfs.data ?? NO_BYTES, sizeBytes, fanOut }
}

export function badNode(why: string, cause?: unknown): GlasError {
  return new GlasError('UnknownFormat', `A block of a directory or file cannot be read: ${why}.`, { cause })
}
