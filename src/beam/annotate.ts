import type { CID } from 'multiformats/cid'
import { type GlasEntry, signEntry } from '../glas/entry.ts'
import { GlasError } from '../glas/errors.ts'
import { MAX_NOTE_BYTES } from '../glas/limits.ts'
import { parseTag } from '../glas/tag.ts'
import { versionText } from '../glas/version.ts'
import type { GlasView } from '../index/glas-view.ts'
import { findGlas, findVersion } from './lookup.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'
import { publish } from './publish.ts'
import { annotatorOf } from './publisher.ts'

export interface Annotated {
  'glas-id': string
  'image-name': string
  version: string
  record: string
}

type Annotating = Pick<Parts, 'home' | 'index' | 'running' | 'swarm'>
/** What an annotation adds to what every entry has. */
type Words = { kind: 'tag'; tag: string; record: CID | null } | { kind: 'note' | 'retract'; record: CID; text?: string }

/** Names a version for good reading: `model@paper`. A tag that another version has moves. */
export async function tag(
  parts: Annotating,
  { reference, tag: name }: { reference: string; tag: string },
  options: CallOptions,
): Promise<Annotated> {
  const text = parseTag(name)
  return annotate(parts, reference, (record) => ({ kind: 'tag', tag: text, record }), options)
}

/** Takes a tag away. NameNotFound when the glas has none of that name. */
export async function untag(
  parts: Annotating,
  { reference, tag: name }: { reference: string; tag: string },
  options: CallOptions,
): Promise<Annotated> {
  const glas = findGlas(parts, reference)
  const record = glas.tag(parseTag(name))
  if (record === undefined) {
    throw new GlasError('NameNotFound', `"${glas.imageName}" has no tag "${name}".`, { data: { tag: name } })
  }
  return annotate(parts, `${glas.glasId}@${record}`, () => ({ kind: 'tag', tag: name, record: null }), options)
}

/** A sentence about a version; an empty one takes it away. */
export async function note(
  parts: Annotating,
  { reference, text }: { reference: string; text: string },
  options: CallOptions,
): Promise<Annotated> {
  if (Buffer.byteLength(text) > MAX_NOTE_BYTES) {
    throw new GlasError('LimitExceeded', `A note has at most ${MAX_NOTE_BYTES} bytes.`, {
      data: { limit: MAX_NOTE_BYTES, value: Buffer.byteLength(text), unit: 'bytes' },
    })
  }
  return annotate(parts, reference, (record) => ({ kind: 'note', record, text }), options)
}

/** Says to everyone that a version shall not be used any more. Its number is not given again. */
export async function retract(parts: Annotating, reference: string, options: CallOptions): Promise<Annotated> {
  return annotate(parts, reference, (record) => ({ kind: 'retract', record }), options)
}

/** The same for many at once. Throws NotAllowed where this home may not. */
export async function retractAll(
  parts: Annotating,
  glas: GlasView,
  records: readonly CID[],
  options: CallOptions,
): Promise<void> {
  const publisher = await annotatorOf(parts, glas, options)
  const sequence = parts.index.view.nextSequence(glas.glasId)
  const entries = records.map((record, at) => {
    return signEntry({ ...publisher, kind: 'retract', sequence: sequence + at, record }, parts.home.peer)
  })
  await publish(parts, entries, options)
}

async function annotate(
  parts: Annotating,
  reference: string,
  words: (record: CID) => Words,
  options: CallOptions,
): Promise<Annotated> {
  const { glasId, version, record, published } = findVersion(parts, reference, options)
  const glas = parts.index.view.glas(glasId)
  if (glas === undefined) throw new GlasError('NameNotFound', `Nothing is known here of ${glasId}.`)
  const publisher = await annotatorOf(parts, glas, options)
  const body = { ...publisher, sequence: parts.index.view.nextSequence(glasId), ...words(record) } as GlasEntry
  await publish(parts, [signEntry(body, parts.home.peer)], options)
  return {
    'glas-id': glasId,
    'image-name': published.entry.body.imageName,
    version: versionText(version),
    record: String(record),
  }
}
