/** Versions as a liar makes them: signed and named in good order, with contents that no push would ever make. */
import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import type { CID } from 'multiformats/cid'
import { type Made, versionEntry } from '../../src/beam/new-record.ts'
import { publish } from '../../src/beam/publish.ts'
import { publisherOf } from '../../src/beam/publisher.ts'
import { cidOf, DAG_PB_CODEC, RAW_CODEC } from '../../src/glas/hash.ts'
import { newImageId } from '../../src/glas/image-id.ts'
import { encodeRecord, type GlasRecord, PROFILE } from '../../src/glas/record.ts'
import { encodeAttributes } from '../../src/image/attributes.ts'
import type { OpenHome } from '../home-parts.ts'

const MIB = 1024 * 1024

export interface Link {
  name: string
  cid: CID
}

/** Puts blocks into a liar's stock without asking whether they make sense. */
export class Forge {
  readonly home: OpenHome

  constructor(home: OpenHome) {
    this.home = home
  }

  async raw(bytes: Uint8Array): Promise<CID> {
    const cid = cidOf(RAW_CODEC, bytes)
    await this.home.parts.stock.put(cid, bytes)
    return cid
  }

  async node(unixfs: UnixFS, links: Link[]): Promise<CID> {
    const bytes = dagPb.encode({
      Data: unixfs.marshal(),
      Links: links.map(({ name, cid }) => ({ Name: name, Hash: cid, Tsize: 0 })),
    })
    return this.pb(bytes)
  }

  async pb(bytes: Uint8Array): Promise<CID> {
    const cid = cidOf(DAG_PB_CODEC, bytes)
    await this.home.parts.stock.put(cid, bytes)
    return cid
  }

  directory(links: Link[]): Promise<CID> {
    return this.node(new UnixFS({ type: 'directory' }), links)
  }

  symlink(target: string): Promise<CID> {
    return this.node(new UnixFS({ type: 'symlink', data: Buffer.from(target) }), [])
  }

  /** A file of `count` times the same child, which says that it has `sizeBytes`. */
  repeated(child: CID, count: number, childBytes: number, sizeBytes = count * childBytes): Promise<CID> {
    const blockSizes = Array.from({ length: count }, (_, at) => BigInt(at === 0 ? sizeBytes - (count - 1) * 1 : 1))
    const honest = sizeBytes === count * childBytes
    const sizes = honest ? Array.from({ length: count }, () => BigInt(childBytes)) : blockSizes
    const links = Array.from({ length: count }, () => ({ name: '', cid: child }))
    return this.node(new UnixFS({ type: 'file', blockSizes: sizes }), links)
  }

  /** A million times one leaf: a tebibyte in three blocks. */
  async tebibyte(): Promise<CID> {
    const leaf = await this.raw(new Uint8Array(MIB))
    return this.repeated(await this.repeated(leaf, 1024, MIB), 1024, 1024 * MIB)
  }

  /** Publishes a version with such contents under a glas of the liar's own; gives its reference. */
  async publish(
    contents: CID,
    change: Partial<GlasRecord> = {},
    entryChange: Partial<GlasRecord> = {},
  ): Promise<string> {
    const { parts, options } = this.home
    const imageId = newImageId()
    const publisher = await publisherOf(parts, imageId, undefined, options)
    const record: GlasRecord = {
      glasId: publisher.glasId,
      version: [0, 0, 1],
      imageName: 'Bomb',
      date: '2026-01-31T13:05:09.123456+01:00',
      sizeBytes: MIB,
      imageId,
      contents,
      attributes: await this.raw(encodeAttributes([])),
      parent: null,
      format: null,
      profile: PROFILE,
      removed: {},
      searched: { text: [], not: [], allowed: 0 },
      ...change,
    }
    const block = encodeRecord(record)
    await parts.stock.put(block.cid, block.bytes)
    await parts.stock.pin(block.cid, 'own')
    await parts.stock.commit()
    const made: Made = { record: { ...record, ...entryChange }, ...block, publisher, sequence: 1 }
    await publish(parts, [versionEntry(parts, made)], options)
    return `${publisher.glasId}@0.0.1`
  }
}
