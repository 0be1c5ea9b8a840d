import type { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import type { GlasId } from '../glas/glas-id.ts'
import { toHex } from '../glas/keys.ts'
import { isFullGlasId, mayBePrefix, type Reference, type Selector } from '../glas/reference.ts'
import { type Version, versionText } from '../glas/version.ts'
import type { GlasView, Published, VersionView } from './glas-view.ts'
import type { View } from './view.ts'

/** Candidates and names that an error lists; more say nothing more. */
const MAX_LISTED = 20

/** What a reference means now. */
export interface Resolved {
  glasId: GlasId
  version: Version
  record: CID
  published: Published
  /** Other snapshots under the same version: the reference means the first one, and the user is told. */
  others: Published[]
}

/** Whether names and prefixes may mean this glas: near to the user. `owner` is the key in hex. */
export type IsNear = (glasId: GlasId, owner: string) => boolean

/** Throws NameNotFound (with what there is) or AmbiguousName (with the candidates in `data`). */
export function resolve(view: View, reference: Reference, isNear: IsNear): Resolved {
  const glas = resolveGlas(view, reference, isNear)
  const published = select(glas, reference.selector)
  const { version } = published.entry.body
  const here = glas.version(version)?.published ?? []
  const others = here.filter((other) => !other.retracted && !other.record.equals(published.record))
  return { glasId: glas.glasId, version, record: published.record, published, others }
}

/** The glas alone, whatever the reference selects of it. Throws as `resolve`. */
export function resolveGlas(view: View, reference: Reference, isNear: IsNear): GlasView {
  const { name } = reference
  const exact = isFullGlasId(reference) ? view.glas(name) : undefined
  if (exact !== undefined) return exact
  const near = view.glases().filter((glas) => isNear(glas.glasId, toHex(glas.owner ?? new Uint8Array())))
  const plain = name.normalize('NFC')
  const found = near.filter((glas) => {
    return glas.imageName.normalize('NFC') === plain || (mayBePrefix(name) && glas.glasId.startsWith(name))
  })
  const [only] = found
  if (only === undefined) throw unknownName(reference, near)
  if (found.length > 1) throw ambiguous(name, found)
  return only
}

function select(glas: GlasView, selector: Selector): Published {
  if (selector.kind === 'latest') return standing(glas, glas.latest, 'latest')
  if (selector.kind === 'version') return standing(glas, glas.version(selector.version), versionText(selector.version))
  if (selector.kind === 'record') return selectRecord(glas, selector.record)
  const record = glas.tag(selector.tag)
  if (record === undefined) throw notThere(glas, `has no version and no tag "${selector.tag}"`)
  const published = glas.byRecord(record)
  if (published === undefined) throw notThere(glas, `has a tag "${selector.tag}" for a version that is not known here`)
  if (published.retracted) throw notThere(glas, `has a tag "${selector.tag}" for a version that was retracted`)
  return published
}

/** Whoever has the id of a record means that one, retracted or not. */
function selectRecord(glas: GlasView, record: CID): Published {
  const published = glas.byRecord(record)
  if (published === undefined) throw notThere(glas, `has no record ${record}`)
  return published
}

function standing(glas: GlasView, view: VersionView | undefined, what: string): Published {
  const [first] = view?.published ?? []
  if (first !== undefined && !first.retracted) return first
  const why = what === 'latest' ? 'all its versions were retracted' : `version ${what} was retracted`
  throw notThere(glas, first !== undefined || what === 'latest' ? `has none: ${why}` : `has no version ${what}`)
}

function notThere(glas: GlasView, problem: string): GlasError {
  const versions = glas.versions().filter(({ isRetracted }) => !isRetracted)
  const names = [...versions.slice(-MAX_LISTED).map(({ version }) => versionText(version)), ...glas.tags().keys()]
  const listed = names.slice(0, 2 * MAX_LISTED)
  const there = listed.length === 0 ? 'There is nothing left of it.' : `There are: ${listed.join(', ')}.`
  const { glasId, imageName } = glas
  return new GlasError('NameNotFound', `"${imageName}" (${glasId}) ${problem}. ${there}`, {
    data: { 'glas-id': glasId, 'image-name': imageName, there: listed },
  })
}

function unknownName(reference: Reference, near: GlasView[]): GlasError {
  const { name } = reference
  if (isFullGlasId(reference)) {
    const hint = 'Start the daemon, or connect to a peer that has it with `pintglas peers add`, and try again.'
    return new GlasError('NameNotFound', `Nothing is known here of the glas ${name}. ${hint}`, { data: { name } })
  }
  const names = [...new Set(near.map(({ imageName }) => imageName))].slice(0, MAX_LISTED)
  const there = names.length === 0 ? 'There are none yet.' : `There are: ${names.join(', ')}.`
  const where = 'your own, granted and followed glases, and those of who invited you or was invited by you'
  const hint = `${there} Names and beginnings of glas-ids are looked up among ${where}.`
  return new GlasError('NameNotFound', `No glas here is called "${name}". ${hint}`, { data: { name, there: names } })
}

function ambiguous(name: string, found: GlasView[]): GlasError {
  const candidates = found.slice(0, MAX_LISTED).map(({ glasId, imageName, latest }) => ({
    'glas-id': glasId,
    'image-name': imageName,
    latest: latest === undefined ? null : versionText(latest.version),
  }))
  const listed = candidates.map((one) => `${one['glas-id']} (${one['image-name']})`).join(', ')
  const message = `"${name}" can be ${found.length} glases: ${listed}. Write more of the glas-id that you mean.`
  return new GlasError('AmbiguousName', message, { data: { name, candidates } })
}
