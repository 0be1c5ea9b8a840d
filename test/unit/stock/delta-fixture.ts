import * as dagCbor from '@ipld/dag-cbor'
import type { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { encodeAndCheck, rebuildAndCheck } from '../../../src/beam/image-jobs.ts'
import type { Kept } from '../../../src/stock/add-image.ts'
import { cidOf, DAG_CBOR_CODE } from '../../../src/stock/cid.ts'
import { type ImageDeltas, MAX_IMAGE_BYTES } from '../../../src/stock/image-deltas.ts'
import type { Lease } from '../../../src/stock/leases.ts'
import type { Stock } from '../../../src/stock/stock.ts'
import { type Edit, nextImage } from '../../gen/edit.ts'
import { type GeneratedImage, generateImage } from '../../gen/image.ts'
import { inChunks, someBytes } from './memory-blocks.ts'

/** Small leaves, so that a small image has many. */
export const LEAF_BYTES = 16 * 1024

/** What knows images, without a thread; counts what it does. */
export class CountedImages implements ImageDeltas {
  encodings = 0
  rebuilds = 0

  async encode({ base, image }: Parameters<ImageDeltas['encode']>[0]) {
    this.encodings++
    return encodeAndCheck({ base, image }, MAX_IMAGE_BYTES)
  }

  async rebuild(job: Parameters<ImageDeltas['rebuild']>[0]) {
    this.rebuilds++
    return rebuildAndCheck(job)
  }
}

/** An image and what became of it, one small edit after the other. */
export function imageChain(seed: number, edits: readonly Omit<Edit, 'seed'>[], sizeBytes = 200_000): Uint8Array[] {
  let image: GeneratedImage = generateImage({ seed, sizeBytes })
  const chain = [image.bytes]
  for (const [index, edit] of edits.entries()) {
    image = nextImage(image, { seed: seed * 100 + index, ...edit })
    chain.push(image.bytes)
  }
  return chain
}

export const SMALL_EDIT = { newObjects: 20, slideFrom: 0.2, restart: true, touchedSlots: 10 }

/** A first image with much that the next one dropped: when it is forgotten, another base takes less room. */
export function shrunkChain(sizeBytes: number, garbageBytes: number): Uint8Array[] {
  const edits = [{ randomBytes: garbageBytes }, { ...SMALL_EDIT, dropLargest: true }, SMALL_EDIT, SMALL_EDIT]
  return imageChain(3, edits, sizeBytes).slice(1)
}

export interface Version {
  record: CID
  image: CID
  kept: Kept
  bytes: Uint8Array
}

/** A version whose image may be a delta on one of `relatives`. Neither pinned nor committed. */
export async function addImageVersion(
  stock: Stock,
  bytes: Uint8Array,
  { relatives, lease }: { relatives: readonly CID[]; lease: Lease },
): Promise<Version> {
  const chunks = inChunks(bytes, 50_000)
  const options = { leafBytes: LEAF_BYTES, sizeBytes: bytes.length, relatives, lease }
  const { kept, ...image } = await stock.addImage(chunks, options)
  const changes = await stock.addFile(inChunks(someBytes(3000, 1), 5000), { leafBytes: 1024, lease })
  const entries = new Map([
    ['a.image', { kind: 'file' as const, ...image }],
    ['a.changes', { kind: 'file' as const, ...changes }],
  ])
  const { cid: contents } = await stock.addDirectory(entries, { lease })
  const block = dagCbor.encode({ contents, parent: null })
  const record = cidOf(DAG_CBOR_CODE, block)
  await stock.put(record, block, { lease })
  return { record, image: image.cid, kept, bytes }
}

/** Adds, pins and commits. */
export async function pushImage(stock: Stock, bytes: Uint8Array, relatives: readonly CID[]): Promise<Version> {
  const lease = stock.lease()
  try {
    const version = await addImageVersion(stock, bytes, { relatives, lease })
    await stock.pin(version.record, 'own')
    await stock.commit()
    return version
  } finally {
    lease.release()
  }
}

/** One version after the other, each a relative of the one before. */
export async function pushChain(stock: Stock, chain: readonly Uint8Array[]): Promise<Version[]> {
  const versions: Version[] = []
  for (const bytes of chain) {
    const before = versions.at(-1)
    versions.push(await pushImage(stock, bytes, before === undefined ? [] : [before.image]))
  }
  return versions
}

/** Reads every block below the record, and the image from end to end. */
export async function assertWhole(stock: Stock, version: Version, where = ''): Promise<void> {
  for await (const cid of stock.blocksOf([version.record])) {
    assert.is(await stock.sizeOf(cid), (await stock.get(cid)).length, where)
  }
  const read: Uint8Array[] = []
  for await (const piece of stock.readFile(version.image, { expectedBytes: version.bytes.length })) read.push(piece)
  assert.ok(Buffer.concat(read).equals(version.bytes), `${where}: other bytes`)
}
