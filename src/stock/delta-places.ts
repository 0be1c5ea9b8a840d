/** Finds deltas: those in the catalogue, and those that were written since. */
import type { CID } from 'multiformats/cid'
import type { Catalogue } from './catalogue.ts'
import { digestKey, digestOf, keyOf } from './cid.ts'
import type { DerivedBlock } from './delta-frame.ts'
import type { DeltaPlace, DerivedPlace } from './delta-rows.ts'
import { FRAME_HEADER_BYTES } from './frame.ts'

interface Recent {
  place: DeltaPlace
  blocks: readonly DerivedBlock[]
}

export class DeltaPlaces {
  readonly #catalogue: () => Catalogue
  readonly #recent = new Map<string, Recent>()
  readonly #recentBlocks = new Map<string, DerivedPlace>()

  constructor(catalogue: () => Catalogue) {
    this.#catalogue = catalogue
  }

  find(cid: CID): DerivedPlace | undefined {
    return this.#recentBlocks.get(keyOf(cid)) ?? this.#catalogue().deltas.find(digestOf(cid))
  }

  /** The delta that makes the file `root`. */
  ofRoot(root: CID): DeltaPlace | undefined {
    return this.#recent.get(keyOf(root))?.place ?? this.#catalogue().deltas.ofRoot(root)
  }

  hasRecent(root: CID): boolean {
    return this.#recent.has(keyOf(root))
  }

  all(): DeltaPlace[] {
    const recent = [...this.#recent.values()].map(({ place }) => place)
    const settled = this.#catalogue().deltas.all()
    return [...settled.filter(({ root }) => !this.#recent.has(keyOf(root))), ...recent]
  }

  /** Digests and codecs of what is derived of one delta. */
  blocksOf(root: CID): ReadonlyArray<{ digest: Uint8Array; code: number }> {
    return this.#recent.get(keyOf(root))?.blocks ?? this.#catalogue().deltas.blocksOf(root)
  }

  /** Blocks that are derived and in no catalogue yet. */
  recentBlocks(): Iterable<[key: string, place: DerivedPlace]> {
    return [...this.#recentBlocks]
  }

  add(place: DeltaPlace, blocks: readonly DerivedBlock[]): void {
    this.#recent.set(keyOf(place.root), { place, blocks })
    for (const { digest, code, position, rawLength } of blocks) {
      this.#recentBlocks.set(digestKey(digest), { delta: place, code, position, rawLength })
    }
  }

  /** Those that lie within the acknowledged bytes of their packs. */
  settled(acknowledged: ReadonlyMap<string, number>): Recent[] {
    return [...this.#recent.values()].filter(({ place }) => endOfDelta(place) <= (acknowledged.get(place.pack) ?? 0))
  }

  /** Called when the catalogue knows them. */
  forget(settled: readonly Recent[]): void {
    for (const { place, blocks } of settled) {
      if (this.#recent.get(keyOf(place.root))?.place === place) this.#recent.delete(keyOf(place.root))
      for (const { digest } of blocks) {
        const key = digestKey(digest)
        if (this.#recentBlocks.get(key)?.delta === place) this.#recentBlocks.delete(key)
      }
    }
  }

  clear(): void {
    this.#recent.clear()
    this.#recentBlocks.clear()
  }
}

export function endOfDelta(place: DeltaPlace): number {
  return place.offset + FRAME_HEADER_BYTES + place.storedLength
}
