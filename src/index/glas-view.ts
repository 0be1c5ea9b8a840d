import { createHash } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import type { Entry, GlasEntry, NoteEntry, TagEntry, VersionEntry } from '../glas/entry.ts'
import type { GlasId } from '../glas/glas-id.ts'
import type { ImageId } from '../glas/image-id.ts'
import { type PublicKey, toHex } from '../glas/keys.ts'
import { compareVersions, type Version, versionText } from '../glas/version.ts'
import { byNewest, bySource, type Ranked } from './rank.ts'

/** One snapshot that somebody published. */
export interface Published {
  record: CID
  entry: Entry<VersionEntry>
  /** By the owner's own home. */
  own: boolean
  retracted: boolean
  /** Empty when there is none. */
  note: string
}

export interface VersionView {
  version: Version
  /** At least one. What is not retracted comes first; then as `bySource` says. Each record stands here once. */
  published: Published[]
  /** More than one of them is not retracted. */
  isFork: boolean
  /** All of them are. */
  isRetracted: boolean
}

interface Counted<Body extends GlasEntry> extends Ranked {
  entry: Entry<Body>
}

type RecordText = string

/** One glas as its entries that count say it is. Grows entry by entry; the order does not matter. */
export class GlasView {
  readonly glasId: GlasId
  readonly #versions = new Map<string, Counted<VersionEntry>[]>()
  readonly #records = new Map<RecordText, Counted<VersionEntry>>()
  readonly #tags = new Map<string, Counted<TagEntry>>()
  readonly #notes = new Map<RecordText, Counted<NoteEntry>>()
  readonly #retracted = new Set<RecordText>()
  #highestSequence = 0
  #highest: Version | undefined
  /** Undefined when it has to be looked for again. */
  #latest: { version: Version | undefined } | undefined = { version: undefined }

  constructor(glasId: GlasId) {
    this.glasId = glasId
  }

  include(entry: Entry<GlasEntry>, own: boolean): void {
    const { body } = entry
    const counted = { entry, own, sequence: body.sequence, id: toHex(entry.id) }
    this.#highestSequence = Math.max(this.#highestSequence, body.sequence)
    if (body.kind === 'version') this.#includeVersion(counted as Counted<VersionEntry>, body)
    else if (body.kind === 'tag') keepBest(this.#tags, body.tag, counted as Counted<TagEntry>, byNewest)
    else if (body.kind === 'note') keepBest(this.#notes, textOf(body.record), counted as Counted<NoteEntry>, byNewest)
    else {
      this.#retracted.add(textOf(body.record))
      this.#latest = undefined
    }
  }

  #includeVersion(counted: Counted<VersionEntry>, { version, record }: VersionEntry): void {
    const name = versionText(version)
    const rivals = this.#versions.get(name) ?? []
    rivals.push(counted)
    this.#versions.set(name, rivals.sort(bySource))
    keepBest(this.#records, textOf(record), counted, bySource)
    if (isHigher(version, this.#highest)) this.#highest = version
    if (this.#latest === undefined || this.#retracted.has(textOf(record))) return
    if (isHigher(version, this.#latest.version)) this.#latest = { version }
  }

  /** No snapshot of it counts: there may be tags or notes, but there is nothing to show. */
  get isEmpty(): boolean {
    return this.#versions.size === 0
  }

  /** Ascending. */
  versions(): VersionView[] {
    return [...this.#versions.values()]
      .map((rivals) => this.#viewOf(rivals))
      .sort((a, b) => compareVersions(a.version, b.version))
  }

  version(version: Version): VersionView | undefined {
    const rivals = this.#versions.get(versionText(version))
    return rivals === undefined ? undefined : this.#viewOf(rivals)
  }

  /** The highest version of which not everything is retracted. */
  get latest(): VersionView | undefined {
    this.#latest ??= { version: this.#findLatest() }
    const { version } = this.#latest
    return version === undefined ? undefined : this.version(version)
  }

  #findLatest(): Version | undefined {
    let latest: Version | undefined
    for (const rivals of this.#versions.values()) {
      for (const { entry } of rivals) {
        const { version, record } = entry.body
        if (isHigher(version, latest) && !this.#retracted.has(textOf(record))) latest = version
      }
    }
    return latest
  }

  /** The highest number in use: a retracted version's number is not used again. */
  get highest(): Version | undefined {
    return this.#highest
  }

  /** For the next entry about this glas. */
  get nextSequence(): number {
    return Math.min(this.#highestSequence + 1, Number.MAX_SAFE_INTEGER)
  }

  /** The image name of the latest version; of the highest one when all are retracted. */
  get imageName(): string {
    return this.#newest?.entry.body.imageName ?? ''
  }

  get owner(): PublicKey | undefined {
    return this.#newest?.entry.body.owner
  }

  get #newest(): Published | undefined {
    const view = this.latest ?? (this.#highest === undefined ? undefined : this.version(this.#highest))
    return view?.published[0]
  }

  byRecord(record: CID): Published | undefined {
    const counted = this.#records.get(textOf(record))
    return counted === undefined ? undefined : this.#publishedOf(counted)
  }

  /** Tag -> record, without those that were taken away. Sorted by name. */
  tags(): Map<string, CID> {
    const held = [...this.#tags].flatMap(([tag, { entry }]) => {
      const { record } = entry.body
      return record === null ? [] : [[tag, record] as const]
    })
    return new Map(held.sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  tag(tag: string): CID | undefined {
    return this.#tags.get(tag)?.entry.body.record ?? undefined
  }

  /** The snapshot whose image-id is the longest true beginning of this one, among those that are not retracted. */
  nearestAncestor(imageId: ImageId): Published | undefined {
    const hashes = prefixHashes(imageId)
    let best: Counted<VersionEntry> | undefined
    for (const counted of this.#records.values()) {
      const { imageIdDepth: depth, imageIdHash, record } = counted.entry.body
      if (hashes[depth] !== toHex(imageIdHash) || this.#retracted.has(textOf(record))) continue
      if (best === undefined || isNearer(counted, best)) best = counted
    }
    return best === undefined ? undefined : this.#publishedOf(best)
  }

  #viewOf(rivals: readonly Counted<VersionEntry>[]): VersionView {
    const once = new Map<RecordText, Published>()
    for (const counted of rivals) {
      const text = textOf(counted.entry.body.record)
      if (!once.has(text)) once.set(text, this.#publishedOf(counted))
    }
    const all = [...once.values()]
    const standing = all.filter(({ retracted }) => !retracted)
    return {
      version: (rivals[0] as Counted<VersionEntry>).entry.body.version,
      published: [...standing, ...all.filter(({ retracted }) => retracted)],
      isFork: standing.length > 1,
      isRetracted: standing.length === 0,
    }
  }

  #publishedOf({ entry, own }: Counted<VersionEntry>): Published {
    const { record } = entry.body
    const text = textOf(record)
    const note = this.#notes.get(text)?.entry.body.text ?? ''
    return { record, entry, own, retracted: this.#retracted.has(text), note }
  }
}

function keepBest<Body extends GlasEntry>(
  best: Map<string, Counted<Body>>,
  name: string,
  counted: Counted<Body>,
  order: (a: Ranked, b: Ranked) => number,
): void {
  const other = best.get(name)
  if (other === undefined || order(counted, other) < 0) best.set(name, counted)
}

function isHigher(version: Version, than: Version | undefined): boolean {
  return than === undefined || compareVersions(version, than) > 0
}

function isNearer(a: Counted<VersionEntry>, b: Counted<VersionEntry>): boolean {
  const deeper = a.entry.body.imageIdDepth - b.entry.body.imageIdDepth
  return deeper > 0 || (deeper === 0 && bySource(a, b) < 0)
}

function textOf(record: CID): RecordText {
  return toHex(record.multihash.digest)
}

/** SHA-256, in hex, of the true beginnings of an image-id: index 0 of its root, and so on. */
function prefixHashes(imageId: ImageId): string[] {
  const [root = '', ...segments] = imageId.split('-')
  const hash = createHash('sha256').update(root)
  const hashes: string[] = []
  for (const segment of segments) {
    hashes.push(hash.copy().digest('hex'))
    hash.update(`-${segment}`)
  }
  return hashes
}
