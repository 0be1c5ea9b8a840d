/** Blocks in packs: reading with verification, writing with deduplication and compression. */
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import type { FileLayer } from '../disk/files.ts'
import { hasErrno } from '../disk/files.ts'
import type { Ledger } from '../disk/ledger.ts'
import { GlasError } from '../glas/errors.ts'
import type { Place } from './catalogue.ts'
import { blockMissing, checkBlock, checkBlockSize, checkCid, cidOfDigest, isBlockOf, keyOf } from './cid.ts'
import type { StoredBlock } from './codec.ts'
import { CODEC_RAW, decodeStored, encodeStored } from './codec.ts'
import { derivedBlocks, encodeDeltaFrame, type ImageDelta } from './delta-frame.ts'
import type { DerivedBlocks } from './derived-blocks.ts'
import { encodeFrameHeader } from './frame.ts'
import type { Lease } from './leases.ts'
import { PACK_SEAL_BYTES, type PackReader, PackWriter, readFrame } from './pack.ts'
import type { PackSource, Places } from './places.ts'

export const PACKS = 'packs'

export interface PutOptions {
  /** Keeps the block from a sweep until it is pinned. Without one the block is garbage for the next sweep. */
  lease?: Lease | undefined
}

export interface BlocksParts {
  layer: FileLayer
  places: Places
  reader: PackReader
  derived: DerivedBlocks
  source: PackSource
  /** Undefined for a reader. */
  ledger: Ledger | undefined
  verify: Verify
}

/** Decompresses and hashes. Throws BlockMismatch, BadMessage, UnknownFormat or LimitExceeded for a block that is not its CID's. */
export type Verify = (cid: CID, block: StoredBlock) => Promise<void>

export const verifyHere: Verify = async (cid, block) => checkBlock(cid, await decodeStored(block))

export class Blocks {
  readonly #parts: BlocksParts
  #current: Promise<PackWriter> | undefined
  #currentName = ''
  #sealed: PackWriter[] = []
  #namesMade = 0
  #namesSynced = 0
  readonly #flying = new Map<string, Promise<void>>()

  constructor(parts: BlocksParts) {
    this.#parts = parts
  }

  async has(cid: CID): Promise<boolean> {
    return (await this.sizeOf(cid)) !== undefined
  }

  /** Length of the block's bytes; undefined when it is not here. */
  async sizeOf(cid: CID): Promise<number | undefined> {
    return ((await this.place(cid)) ?? this.#parts.places.deltas.find(cid))?.rawLength
  }

  /** Where the block is stored; undefined for one that is derived, or not here. */
  async place(cid: CID): Promise<Place | undefined> {
    checkCid(cid)
    await this.#parts.places.ready()
    return this.#parts.places.find(cid)
  }

  /** The block, its hash verified. Throws BlockMissing, or BlockMismatch naming the pack when it is damaged. */
  async get(cid: CID): Promise<Uint8Array> {
    if (await this.#isDerived(cid)) return this.#derive(cid)
    const { block, place } = await this.#read(cid)
    try {
      const bytes = await decodeStored(block)
      if (isBlockOf(cid, bytes)) return bytes
    } catch (error) {
      throw damaged(cid, place, error)
    }
    throw damaged(cid, place)
  }

  /** The block as it lies in the pack, checked by its checksum only: whoever gets it verifies the hash. */
  async getStored(cid: CID): Promise<StoredBlock> {
    if (await this.#isDerived(cid)) return encodeStored(await this.#derive(cid))
    return (await this.#read(cid)).block
  }

  /** The same for whoever verifies it here: a block that is derived is not compressed first. */
  async getKept(cid: CID): Promise<StoredBlock> {
    if (!(await this.#isDerived(cid))) return (await this.#read(cid)).block
    const bytes = await this.#derive(cid)
    return { codec: CODEC_RAW, rawLength: bytes.length, stored: bytes }
  }

  async #isDerived(cid: CID): Promise<boolean> {
    return (await this.place(cid)) === undefined && this.#parts.places.deltas.find(cid) !== undefined
  }

  async #derive(cid: CID): Promise<Uint8Array> {
    const { places, derived } = this.#parts
    const place = places.deltas.find(cid)
    if (place === undefined) throw blockMissing(cid)
    try {
      return await derived.get(cid, place)
    } catch (error) {
      if (!hasErrno(error, 'ENOENT')) throw error
    }
    // The pack was swept since, or is lost. A writer that swept it knows another place.
    if (places.deltas.find(cid)?.delta.pack === place.delta.pack) await places.reopen()
    const other = places.deltas.find(cid)
    if (other === undefined) throw blockMissing(cid)
    return derived.get(cid, other)
  }

  /** Verifies the hash first. True when the block was not here yet. */
  async put(cid: CID, bytes: Uint8Array, options: PutOptions = {}): Promise<boolean> {
    checkBlock(cid, bytes)
    return this.putVerified(cid, bytes, options)
  }

  /** For bytes whose hash the caller has just computed. They must not change until this is done. */
  async putVerified(cid: CID, bytes: Uint8Array, options: PutOptions = {}): Promise<boolean> {
    checkBlockSize(cid, bytes.length)
    return this.#putOnce(cid, options, () => encodeStored(bytes))
  }

  /** Verifies by decompressing and hashing, then writes the bytes as they came. */
  async putStored(cid: CID, block: StoredBlock, options: PutOptions = {}): Promise<boolean> {
    await this.#parts.verify(cid, block)
    return this.#putOnce(cid, options, async () => block)
  }

  /** Writes a good copy of a block whose frame is damaged: the later frame counts. */
  async replace(cid: CID, bytes: Uint8Array): Promise<void> {
    checkBlock(cid, bytes)
    await this.#append(cid, await encodeStored(bytes))
  }

  /** Copies a frame to the end of the newest pack, as it is. Throws BlockMismatch for a damaged one. */
  async copy(cid: CID): Promise<void> {
    await this.#append(cid, (await this.#read(cid)).block)
  }

  /**
   * Writes the delta of an image; from here on its blocks are here. The lease keeps them; the caller has leased the
   * blocks of the base, and has seen that they are here.
   */
  async putDelta(image: ImageDelta, options: PutOptions = {}): Promise<void> {
    const blocks = await derivedBlocks(image)
    for (const { code, digest } of blocks) options.lease?.keep(cidOfDigest(code, digest))
    const { root, base, sizeBytes, leafBytes } = image
    const pieces = encodeDeltaFrame(image)
    const storedLength = pieces[1]?.length ?? 0
    await this.#write(pieces, (pack, offset) => {
      this.#parts.places.deltas.add({ root, base, pack, offset, storedLength, sizeBytes, leafBytes }, blocks)
    })
  }

  async #putOnce(cid: CID, options: PutOptions, encode: () => Promise<StoredBlock>): Promise<boolean> {
    await this.#parts.places.ready()
    // From here to the entry in #flying nothing is awaited: a sweep decides between two such moments.
    options.lease?.keep(cid)
    if (this.#parts.places.knows(cid)) return false
    const key = keyOf(cid)
    const flying = this.#flying.get(key)
    if (flying !== undefined) {
      await flying
      return false
    }
    const writing = encode().then((block) => this.#append(cid, block))
    this.#flying.set(key, writing)
    try {
      await writing
      return true
    } finally {
      this.#flying.delete(key)
    }
  }

  async #append(cid: CID, block: StoredBlock): Promise<void> {
    const { codec, rawLength, stored } = block
    await this.#write([encodeFrameHeader(cid, block), stored], (pack, offset) => {
      this.#parts.places.add(cid, { pack, offset, code: cid.code, codec, rawLength, storedLength: stored.length })
    })
  }

  async #write(pieces: readonly Uint8Array[], placed: (pack: string, offset: number) => void): Promise<void> {
    const writer = await this.#takeWriter()
    try {
      await writer.append(pieces, (offset) => placed(writer.name, offset))
    } finally {
      writer.users--
    }
  }

  /** The pack to append to, with the caller counted among its users. */
  async #takeWriter(): Promise<PackWriter> {
    for (;;) {
      this.#current ??= this.#newPack()
      const opening = this.#current
      const writer = await opening
      if (this.#current !== opening) continue
      if (writer.writtenBytes < PACK_SEAL_BYTES) {
        writer.users++
        return writer
      }
      this.#sealWriter(writer)
    }
  }

  async #newPack(): Promise<PackWriter> {
    const { layer, ledger } = this.#parts
    if (ledger === undefined) throw new GlasError('NotAllowed', 'The stock was opened to read only.')
    try {
      const writer = await PackWriter.create(layer, ledger.folder, ledger.newName(PACKS, 'pack'))
      this.#namesMade++
      this.#currentName = writer.name
      return writer
    } catch (error) {
      // The next block tries again, with another name.
      this.#current = undefined
      throw error
    }
  }

  /** Whether the pack may still grow or is not acknowledged to its end. */
  isOpen(pack: string): boolean {
    return this.#currentName === pack || this.#sealed.some((writer) => writer.name === pack)
  }

  /** Begins a new pack with the next block, so that the one written so far can be swept. */
  async seal(): Promise<void> {
    const opening = this.#current
    const writer = await opening
    if (writer === undefined || this.#current !== opening) return
    this.#sealWriter(writer)
  }

  #sealWriter(writer: PackWriter): void {
    this.#sealed = [...this.#sealed, writer]
    this.#current = undefined
    this.#currentName = ''
  }

  /** Syncs what was written so far and stages it: the ledger's next commit acknowledges it. */
  async sync(): Promise<void> {
    const { layer, ledger } = this.#parts
    if (ledger === undefined) return
    const sealed = this.#sealed
    const current = await this.#current
    const namesMade = this.#namesMade
    if (namesMade > this.#namesSynced) {
      await layer.syncDirectory(join(ledger.folder, PACKS))
      this.#namesSynced = namesMade
    }
    const open: PackWriter[] = []
    for (const writer of sealed) {
      const syncedBytes = await writer.sync()
      ledger.stage(writer.name, syncedBytes)
      if (writer.users === 0 && writer.writtenBytes === syncedBytes) await writer.close()
      else open.push(writer)
    }
    this.#sealed = [...open, ...this.#sealed.filter((writer) => !sealed.includes(writer))]
    if (current !== undefined) ledger.stage(current.name, await current.sync())
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#flying.values())
    const current = await this.#current?.catch(() => undefined)
    for (const writer of [...this.#sealed, ...(current === undefined ? [] : [current])]) await writer.close()
  }

  async #read(cid: CID): Promise<{ block: StoredBlock; place: Place }> {
    const place = await this.place(cid)
    if (place === undefined) throw blockMissing(cid)
    try {
      return { block: await this.#readFrame(cid, place), place }
    } catch (error) {
      if (!hasErrno(error, 'ENOENT')) throw error
    }
    // The pack was swept since, or is lost.
    const other = await this.#placeAfterSweep(cid, place)
    return { block: await this.#readFrame(cid, other), place: other }
  }

  async #placeAfterSweep(cid: CID, old: Place): Promise<Place> {
    const now = await this.place(cid)
    if (now !== undefined && now.pack !== old.pack) return now
    await this.#parts.places.reopen()
    const place = await this.place(cid)
    if (place === undefined) throw blockMissing(cid)
    return place
  }

  async #readFrame(cid: CID, place: Place): Promise<StoredBlock> {
    const frame = await readFrame(this.#parts.reader, place)
    if (frame === undefined || keyOf(frame.header.cid) !== keyOf(cid)) throw damaged(cid, place)
    const { header, stored } = frame
    return { codec: header.codec, rawLength: header.rawLength, stored }
  }
}

function damaged(cid: CID, place: Place, cause?: unknown): GlasError {
  const { pack, offset } = place
  return new GlasError('BlockMismatch', `The block ${cid} is damaged in ${pack}. Run "pintglas check --repair".`, {
    cause,
    data: { cid: cid.toString(), pack, offset },
  })
}
