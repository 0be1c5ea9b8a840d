/** Opening a stock: to write, with the lock and an epoch of its own, or to read beside a living writer. */
import { join } from 'node:path'
import type { FileLayer } from '../disk/files.ts'
import { ensureDirectory, hasErrno, realFiles } from '../disk/files.ts'
import { Journal, readJournal } from '../disk/journal.ts'
import type { Ledger } from '../disk/ledger.ts'
import { openLedger } from '../disk/ledger.ts'
import type { LockHolder } from '../disk/lock.ts'
import { acquireLock } from '../disk/lock.ts'
import type { Manifest } from '../disk/manifest.ts'
import { readManifest } from '../disk/manifest.ts'
import { Blocks, PACKS, type Verify, verifyHere } from './blocks.ts'
import { cataloguePath } from './catalogue.ts'
import { DerivedBlocks } from './derived-blocks.ts'
import { type ImageDeltas, MAX_IMAGE_BYTES } from './image-deltas.ts'
import { PackReader } from './pack.ts'
import { Pins } from './pins.ts'
import { type PackSource, Places } from './places.ts'
import { readStored } from './read-stored.ts'
import { MAX_REBUILT_BYTES, RebuiltImages } from './rebuilt.ts'
import { Stock } from './stock.ts'

const PINS = 'pins'
const REBUILT = 'rebuilt'
/** A writer may rewrite the pins while they are read; each time there is a newer manifest. */
const MAX_READ_TRIES = 5

export interface StockOptions {
  /** False opens to read only, without a lock and without making anything. */
  writable: boolean
  /** How long to wait for another writer; 0 where not given. */
  waitMs?: number
  signal?: AbortSignal | undefined
  /** The file system; the real one where not given. */
  files?: FileLayer
  /** Where the catalogue lies, if not beside the packs; IN_MEMORY keeps it out of the way altogether. */
  cataloguePath?: string
  /** Who takes the lock, if not this process. */
  holder?: LockHolder
  /** What knows images; without it none is kept as a delta, and none that is can be read. */
  images?: ImageDeltas
  /** How blocks that come are verified, if not in this thread. */
  verify?: Verify
  /** Where rebuilt images lie, if not beside the packs, and how many bytes of them: MAX_REBUILT_BYTES. */
  rebuilt?: { folder?: string; limitBytes?: number }
  /** Larger images are kept as blocks; 0 keeps all of them so. MAX_IMAGE_BYTES where not given. */
  maxImageBytes?: number
}

/** Throws StoreLocked, with the name of the holder, when another writer has it for longer than `waitMs`. */
export function openStock(folder: string, options: StockOptions): Promise<Stock> {
  return options.writable ? openToWrite(folder, options) : openToRead(folder, options)
}

async function openToWrite(folder: string, options: StockOptions): Promise<Stock> {
  const layer = options.files ?? realFiles
  await ensureDirectory(layer, folder)
  const { waitMs = 0, signal, holder } = options
  const lock = await acquireLock(layer, folder, { waitMs, signal, ...(holder === undefined ? {} : { holder }) })
  try {
    const ledger = await openLedger(layer, folder, [PACKS, PINS])
    const pins = await Pins.open(new Journal(ledger, PINS))
    const source: PackSource = {
      readOnly: false,
      packs: () => packsOf(ledger.files),
      refresh: async () => {},
    }
    return makeStock(layer, folder, options, { pins, source, ledger, releaseLock: () => lock.release() })
  } catch (error) {
    await lock.release()
    throw error
  }
}

async function openToRead(folder: string, options: StockOptions): Promise<Stock> {
  const layer = options.files ?? realFiles
  const { pins, manifest } = await readPins(layer, folder)
  let current = manifest
  const source: PackSource = {
    readOnly: true,
    packs: () => packsOf(current?.files ?? new Map()),
    refresh: async () => {
      current = await readManifest(layer, folder)
    },
  }
  return makeStock(layer, folder, options, { pins, source, ledger: undefined, releaseLock: async () => {} })
}

async function readPins(layer: FileLayer, folder: string): Promise<{ pins: Pins; manifest: Manifest | undefined }> {
  for (let tries = 1; ; tries++) {
    const manifest = await readManifest(layer, folder)
    try {
      const records = manifest === undefined ? nothing() : readJournal(layer, folder, manifest, PINS)
      return { pins: await Pins.read(records), manifest }
    } catch (error) {
      if (!hasErrno(error, 'ENOENT') || tries === MAX_READ_TRIES) throw error
    }
  }
}

async function* nothing(): AsyncGenerator<Uint8Array, void> {}

function packsOf(files: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  return new Map([...files].filter(([name]) => name.startsWith(`${PACKS}/`)))
}

interface Opened {
  pins: Pins
  source: PackSource
  ledger: Ledger | undefined
  releaseLock: () => Promise<void>
}

function makeStock(layer: FileLayer, folder: string, options: StockOptions, opened: Opened): Stock {
  const { pins, source, ledger, releaseLock } = opened
  const reader = new PackReader(layer, folder)
  const places = new Places(reader, source, options.cataloguePath ?? cataloguePath(folder))
  const { rebuilt, images, maxImageBytes = MAX_IMAGE_BYTES } = options
  const derived: DerivedBlocks = new DerivedBlocks({
    places: places.deltas,
    reader,
    rebuilt: new RebuiltImages(rebuilt?.folder ?? join(folder, REBUILT), rebuilt?.limitBytes ?? MAX_REBUILT_BYTES),
    images,
    isStored: (root) => places.find(root) !== undefined,
    readStored: (root) => readStored(blocks, root),
  })
  const blocks: Blocks = new Blocks({
    layer,
    places,
    reader,
    derived,
    source,
    ledger,
    verify: options.verify ?? verifyHere,
  })
  const adding = { blocks, places, derived, images, maxImageBytes }
  return new Stock({ folder, blocks, places, derived, reader, pins, source, ledger, adding, releaseLock })
}
