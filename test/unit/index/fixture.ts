/** People, homes and what they publish: signed for real, from seeds, so that every run has the same bytes. */
import { createHash } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import {
  type Entry,
  type EntryBody,
  type GlasEntryBase,
  type GrantEntry,
  type RevokeEntry,
  signEntry,
  type TagEntry,
  type VersionEntry,
} from '../../../src/glas/entry.ts'
import { glasIdOf } from '../../../src/glas/glas-id.ts'
import { cidOf, DAG_CBOR_CODEC } from '../../../src/glas/hash.ts'
import { imageIdHash } from '../../../src/glas/image-id.ts'
import { type KeyPair, keyPairFromSeed } from '../../../src/glas/keys.ts'
import type { Version } from '../../../src/glas/version.ts'

export function keyOf(name: string): KeyPair {
  return keyPairFromSeed(digestOf(name))
}

export function recordOf(name: string): CID {
  return cidOf(DAG_CBOR_CODEC, Buffer.from(name))
}

function digestOf(name: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(name).digest())
}

export function rootNamed(name: string): string {
  return Buffer.from(digestOf(name)).toString('hex').slice(0, 40)
}

export function grantBody(owner: KeyPair, grantee: KeyPair, more: Partial<GrantEntry> = {}): GrantEntry {
  const base = {
    owner: owner.publicKey,
    grantee: grantee.publicKey,
    glasId: null,
    own: false,
    nonce: new Uint8Array(8),
  }
  return { kind: 'grant', ...base, ...more }
}

export function grant(owner: KeyPair, grantee: KeyPair, more: Partial<GrantEntry> = {}): Entry<GrantEntry> {
  return signEntry(grantBody(owner, grantee, more), owner)
}

export function revoke(owner: KeyPair, granted: Entry, kept: Uint8Array[] = []): Entry<RevokeEntry> {
  return signEntry({ kind: 'revoke', owner: owner.publicKey, grant: granted.id, kept }, owner)
}

/** An owner, a peer of theirs, one image line, and the grant that joins them. */
export class Writer {
  readonly owner: KeyPair
  readonly peer: KeyPair
  readonly root: string
  readonly granted: Entry<GrantEntry>

  constructor(owner: KeyPair, peer: KeyPair, root: string, granted: Entry<GrantEntry>) {
    this.owner = owner
    this.peer = peer
    this.root = root
    this.granted = granted
  }

  get glasId(): string {
    return glasIdOf(this.owner.publicKey, this.root)
  }

  base(sequence: number): GlasEntryBase {
    const { glasId, root } = this
    const keys = { owner: this.owner.publicKey, writer: this.peer.publicKey, grant: this.granted.id }
    return { glasId, root, sequence, ...keys }
  }

  versionBody(sequence: number, version: Version, record: CID, more: Partial<VersionEntry> = {}): VersionEntry {
    const image = { imageIdHash: imageIdHash(this.root), imageIdDepth: 0, imageName: 'model' }
    const date = '2026-01-31T13:05:09.123456+01:00'
    return { kind: 'version', ...this.base(sequence), version, record, ...image, sizeBytes: 3, date, ...more }
  }

  version(sequence: number, version: Version, record: CID, more: Partial<VersionEntry> = {}): Entry<VersionEntry> {
    return this.sign(this.versionBody(sequence, version, record, more))
  }

  tag(sequence: number, tag: string, record: CID | null): Entry<TagEntry> {
    return this.sign({ kind: 'tag', ...this.base(sequence), tag, record })
  }

  note(sequence: number, record: CID, text: string): Entry {
    return this.sign({ kind: 'note', ...this.base(sequence), record, text })
  }

  retract(sequence: number, record: CID): Entry {
    return this.sign({ kind: 'retract', ...this.base(sequence), record })
  }

  sign<Body extends EntryBody>(body: Body): Entry<Body> {
    return signEntry(body, this.peer)
  }
}

/** The owner's own home, granted by itself. */
export function ownWriter(person: string, image = 'model'): Writer {
  const owner = keyOf(`${person}, owner`)
  const peer = keyOf(`${person}, home`)
  return new Writer(owner, peer, rootNamed(image), grant(owner, peer, { own: true }))
}

/** Another peer with a grant for all glases of `writer`'s owner. */
export function granteeOf(writer: Writer, name: string, more: Partial<GrantEntry> = {}): Writer {
  const peer = keyOf(`${name}, home`)
  return new Writer(writer.owner, peer, writer.root, grant(writer.owner, peer, more))
}
