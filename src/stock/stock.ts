/**
 * The stock: blocks, pins and leases of one home. Order of writing: take a lease, put the blocks, put the record, pin
 * it, `commit`, release the lease. What `commit` has acknowledged survives a power failure; `openStock` is in open.ts.
 */
import type { CID } from 'multiformats/cid'
import { GroupRun } from '../disk/group-run.ts'
import type { Ledger } from '../disk/ledger.ts'
import { GlasError } from '../glas/errors.ts'
import type { AddedImage, AddImageOptions, AddImageParts } from './add-image.ts'
import type { Blocks, PutOptions } from './blocks.ts'
import type { CheckOptions, Fetch, Finding, RepairReport } from './check.ts'
import { blockMissing, cidOfDigest } from './cid.ts'
import type { StoredBlock } from './codec.ts'
import type { AddedDirectory, TreeEntry } from './dag-directory.ts'
import type { AddedFile, AddFileOptions } from './dag-file.ts'
import type { DirectoryEntry, KeptPiece, ReadFileOptions } from './dag-read.ts'
import { DeltaExchange } from './delta-exchange.ts'
import type { DerivedBlocks } from './derived-blocks.ts'
import type { RememberedFile } from './file-rows.ts'
import { Gate } from './gate.ts'
import { type Lease, Leases } from './leases.ts'
import type { PackReader } from './pack.ts'
import type { Pin, Pins } from './pins.ts'
import type { PackSource, Places } from './places.ts'
import type { RepackReport } from './repack.ts'
import type { RerootOptions } from './reroot.ts'
import type { SweepOptions, SweepReport } from './sweep.ts'
import { CompleteNodes, walk } from './walk.ts'
import { Wants, type WantsOptions } from './wants.ts'

/** So many blocks may wait for a commit; with more of them one is made: it bounds memory and what a crash undoes. */
const MAX_UNCOMMITTED_BLOCKS = 32_768

export interface StockParts {
  folder: string
  blocks: Blocks
  places: Places
  reader: PackReader
  pins: Pins
  derived: DerivedBlocks
  adding: AddImageParts
  source: PackSource
  /** Undefined for a reader. */
  ledger: Ledger | undefined
  releaseLock: () => Promise<void>
}

export interface StockTotals {
  /** Derived ones too. */
  blocks: number
  /** Of all blocks as they are, as they are stored, and of the packs that they lie in. */
  rawBytes: number
  storedBytes: number
  /** Images that are kept as deltas, and what these take. */
  deltas: number
  deltaBytes: number
  packBytes: number
  packs: number
  pins: number
}

/** A reason that was lost with the catalogue is undefined. */
export type KeptAs = { as: 'delta'; base: CID; deltaBytes: number } | { as: 'blocks'; reason: string | undefined }

export class Stock {
  readonly folder: string
  /** Images as deltas, for the wire. */
  readonly deltas: DeltaExchange
  readonly #parts: StockParts
  readonly #leases = new Leases()
  readonly #complete = new CompleteNodes()
  readonly #commits = new GroupRun(() => this.#commitNow())
  readonly #repacks = new Gate(1)
  #sweeping: Promise<SweepReport> | undefined

  constructor(parts: StockParts) {
    this.folder = parts.folder
    this.deltas = new DeltaExchange(parts.adding)
    this.#parts = parts
  }

  has(cid: CID): Promise<boolean> {
    return this.#parts.blocks.has(cid)
  }

  /** Length of a block without reading it; undefined when it is not here. */
  sizeOf(cid: CID): Promise<number | undefined> {
    return this.#parts.blocks.sizeOf(cid)
  }

  /** Verified. Throws BlockMissing, BlockMismatch. */
  get(cid: CID): Promise<Uint8Array> {
    return this.#parts.blocks.get(cid)
  }

  /** As it lies in the pack, for the wire; its receiver verifies the hash. */
  getStored(cid: CID): Promise<StoredBlock> {
    return this.#parts.blocks.getStored(cid)
  }

  /** Verifies. True when the block was not here yet. Durable after the next commit. */
  async put(cid: CID, bytes: Uint8Array, options: PutOptions = {}): Promise<boolean> {
    return this.#committingMany(await this.#parts.blocks.put(cid, bytes, options))
  }

  /** For bytes whose hash the caller has just computed; they become the stock's own. */
  async putVerified(cid: CID, bytes: Uint8Array, options: PutOptions = {}): Promise<boolean> {
    return this.#committingMany(await this.#parts.blocks.putVerified(cid, bytes, options))
  }

  async putStored(cid: CID, block: StoredBlock, options: PutOptions = {}): Promise<boolean> {
    return this.#committingMany(await this.#parts.blocks.putStored(cid, block, options))
  }

  async #committingMany(isNew: boolean): Promise<boolean> {
    if (this.#parts.places.recentCount >= MAX_UNCOMMITTED_BLOCKS) await this.commit()
    return isNew
  }

  async addFile(chunks: AsyncIterable<Uint8Array>, options: AddFileOptions): Promise<AddedFile> {
    const { addFile } = await import('./dag-file.ts')
    return addFile(this, chunks, options)
  }

  /** An image file, as a delta where one of `relatives` is here and that is much smaller. */
  async addImage(chunks: AsyncIterable<Uint8Array>, options: AddImageOptions): Promise<AddedImage> {
    const { addImage } = await import('./add-image.ts')
    return addImage(this.#parts.adding, chunks, options)
  }

  /** A file that was taken in before and is still here, from end to end: the lease keeps it so. */
  async rememberedFile(path: string, stamp: string, lease: Lease): Promise<RememberedFile | undefined> {
    const { places } = this.#parts
    await places.ready()
    const file = places.catalogue.rememberedFile(path, stamp)
    if (file === undefined) return undefined
    return (await new Wants(this, [file.cid], { lease }).isDone()) ? file : undefined
  }

  rememberFiles(files: readonly RememberedFile[]): void {
    this.#parts.places.noteFiles(files)
  }

  /** How the file of this root is kept, as far as is known; undefined when it is not here. */
  async keptAs(root: CID): Promise<KeptAs | undefined> {
    if (!(await this.has(root))) return undefined
    const { places } = this.#parts
    const delta = places.deltas.ofRoot(root)
    if (delta !== undefined) return { as: 'delta', base: delta.base, deltaBytes: delta.storedLength }
    return { as: 'blocks', reason: places.catalogue.deltas.plainReason(root) }
  }

  async addDirectory(
    entries: ReadonlyMap<string, TreeEntry>,
    options: { lease?: Lease | undefined } = {},
  ): Promise<AddedDirectory> {
    const { addDirectory } = await import('./dag-directory.ts')
    return addDirectory(this, entries, options)
  }

  async readDirectory(cid: CID, options: { signal?: AbortSignal | undefined } = {}): Promise<DirectoryEntry[]> {
    const { readDirectory } = await import('./dag-read.ts')
    return readDirectory(this, cid, options)
  }

  /** Bytes of the file that `cid` is. */
  async fileSize(cid: CID): Promise<number> {
    const { fileSize } = await import('./dag-read.ts')
    return fileSize(this, cid)
  }

  async *readFile(cid: CID, options: ReadFileOptions): AsyncGenerator<Uint8Array, void> {
    const { readFile } = await import('./dag-read.ts')
    yield* readFile(this, cid, options)
  }

  /** The same for whoever decompresses and verifies by itself. */
  async *readKept(cid: CID, options: ReadFileOptions): AsyncGenerator<KeptPiece, void> {
    const { readKept } = await import('./dag-read.ts')
    yield* readKept(this.#parts.blocks, cid, options)
  }

  /** The raw leaves of a file, in order, not read. */
  async *leavesOf(cid: CID, expectedBytes: number): AsyncGenerator<CID, void> {
    const { leavesOf } = await import('./dag-read.ts')
    yield* leavesOf(this, cid, expectedBytes)
  }

  /** Keeps what is put and found under it from a sweep, until it is released. */
  lease(): Lease {
    return this.#leases.open()
  }

  /** Holds the record and everything below its links; the record has to be here. Acknowledged by the next commit. */
  async pin(cid: CID, reason: string): Promise<void> {
    if (!(await this.has(cid))) throw blockMissing(cid)
    await this.#parts.pins.pin(cid, reason)
  }

  /** Takes one reason away, or all of them where none is given. */
  unpin(cid: CID, reason?: string): Promise<void> {
    return this.#parts.pins.unpin(cid, reason)
  }

  pins(): Pin[] {
    return this.#parts.pins.list()
  }

  /** Why a record is kept; empty when it is not pinned. */
  pinReasons(cid: CID): string[] {
    return this.#parts.pins.reasons(cid)
  }

  /**
   * Acknowledges all blocks that were put and all pins that were set before the call. Throws StoreLocked when another
   * process has taken over: then this stock must be closed.
   */
  commit(): Promise<void> {
    this.#ledger()
    return this.#commits.run()
  }

  async #commitNow(): Promise<void> {
    const { pins, blocks, places, source } = this.#parts
    // Pins first: a block that was put before its pin is then among those that are synced after it.
    await pins.flush()
    await blocks.sync()
    await this.#ledger().commit()
    await places.settle(source.packs())
  }

  /** What is missing of some records, for a puller. Those that are pinned are whole, and not walked. */
  wants(roots: readonly CID[], options: WantsOptions): Wants {
    const unpinned = roots.filter((cid) => !this.#parts.pins.has(cid))
    return new Wants(this, unpinned, { complete: this.#complete, ...options })
  }

  /** Every block below some records, each once; throws BlockMissing at the first that is not here. */
  blocksOf(roots: Iterable<CID>): AsyncGenerator<CID, void> {
    return walk(this, roots, new Set())
  }

  /** Removes what neither a pin nor a lease holds. Calls that come while it runs share its result. */
  gc(options: SweepOptions = {}): Promise<SweepReport> {
    this.#sweeping ??= this.#sweep(options).finally(() => {
      this.#sweeping = undefined
    })
    return this.#sweeping
  }

  async #sweep(options: SweepOptions): Promise<SweepReport> {
    const { sweep } = await import('./sweep.ts')
    const commit = () => this.commit()
    const parts = { ...this.#parts, ledger: this.#ledger(), leases: this.#leases, complete: this.#complete, commit }
    return sweep(parts, options)
  }

  /** As `gc`, and replaces bases that only deltas need, where that saves space. Leaves hardly any waste in the packs. */
  async repack(options: RerootOptions = {}): Promise<RepackReport> {
    const { repack } = await import('./repack.ts')
    const sweep = async (sweepOptions: SweepOptions) => {
      // One that was begun before would not see all, nor go as far.
      while (this.#sweeping !== undefined) await this.#sweeping.catch(() => {})
      return this.gc(sweepOptions)
    }
    const lease = () => this.lease()
    const commit = () => this.commit()
    const parts = { ...this.#parts, images: this.#parts.adding.images, sweep, lease, commit }
    return this.#repacks.run(() => repack(parts, options))
  }

  /** Reads and hashes everything. Damage is reported, not thrown. */
  async check(options: CheckOptions = {}): Promise<Finding[]> {
    const { check } = await import('./check.ts')
    return check(this.#parts, options)
  }

  /** Gets good copies of what a check found, and commits them. */
  async repair(
    findings: readonly Finding[],
    fetch: Fetch,
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<RepairReport> {
    const { repair } = await import('./check.ts')
    const lease = this.lease()
    try {
      const report = await repair({ ...this.#parts, lease }, findings, fetch, options)
      await this.commit()
      return report
    } finally {
      lease.release()
    }
  }

  async totals(): Promise<StockTotals> {
    const { places, source, pins } = this.#parts
    await places.ready()
    const packs = [...source.packs().values()]
    const packBytes = packs.reduce((sum, bytes) => sum + bytes, 0)
    return { ...places.catalogue.totals(), packBytes, packs: packs.length, pins: pins.list().length }
  }

  /** The CIDs of all blocks, in no order. */
  async *cids(): AsyncGenerator<CID, void> {
    await this.#parts.places.ready()
    for (const { digest, code } of this.#parts.places.all()) yield cidOfDigest(code, digest)
  }

  /** Closes without a commit: what was not acknowledged is gone. */
  async close(): Promise<void> {
    await this.#sweeping?.catch(() => {})
    await this.#commits.idle()
    await this.#parts.blocks.close()
    await this.#parts.pins.close()
    await this.#parts.reader.close()
    await this.#parts.places.close()
    await this.#parts.releaseLock()
  }

  #ledger(): Ledger {
    const { ledger } = this.#parts
    if (ledger === undefined) throw new GlasError('NotAllowed', 'The stock was opened to read only.')
    return ledger
  }
}
