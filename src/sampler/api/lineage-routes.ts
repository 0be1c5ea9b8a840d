import Type from 'typebox'
import { type LineageVersion, lineage } from '../../beam/lineage.ts'
import type { Parts } from '../../beam/parts.ts'
import { depthOf, isAncestor } from '../../glas/image-id.ts'
import { MAX_IMAGE_ID_SEGMENTS } from '../../glas/limits.ts'
import type { GlasView } from '../../index/glas-view.ts'
import { sees } from '../caller.ts'
import type { Forgetting } from '../forgetting.ts'
import type { Api, ApiPorts } from './ports.ts'
import { GlasIdText, RecordText, Version } from './schemas.ts'

/** Versions in one answer, unless one glas alone has more: a page can draw the first while the others are read. */
const MAX_VERSIONS_AT_ONCE = 1_000
/** Parents of one glas that are looked for by their image-id, each among all of its versions. */
const MAX_LOOKED_FOR = 100
/** Of an image-id with as many segments as there may be. */
const MAX_IMAGE_ID_CHARS = 40 + 5 * MAX_IMAGE_ID_SEGMENTS
/** Records that one search names. */
const MAX_NAMED = 100_000

const { 'image-id': _imageId, hostname: _hostname, parent: _parent, path: _path, ...common } = Version.properties

/** A version as a tree shows it: whole image-ids, of which long-lived images have a thousand kilobytes, are left out. */
const TreeVersion = Type.Object({
  ...common,
  host: Type.String({ description: 'Empty where it is not known.' }),
  path: Type.String(),
  parent: Type.Union([RecordText, Type.Null()], { description: 'Record of the version before, in the same glas.' }),
  via: Type.Enum(['record', 'image-id', 'unknown', 'none'], {
    description: 'What tells the parent. `unknown`: the record is not here, and the version before by number is named.',
  }),
  depth: Type.Integer({ minimum: 0, description: 'Snapshots in its image-id; 0 where it is not known.' }),
})

const Lineages = Type.Object({
  glases: Type.Array(
    Type.Object({
      'glas-id': GlasIdText,
      'image-name': Type.String(),
      own: Type.Boolean(),
      versions: Type.Array(TreeVersion, { description: 'The newest first.' }),
    }),
  ),
  next: Type.Union([GlasIdText, Type.Null()], { description: 'Ask again with it as `after`; null: that was all.' }),
})

const LineagesQuery = Type.Object({
  after: Type.Optional(Type.String({ pattern: '^([0-9a-f]{32})?$', description: 'Glases behind this glas-id.' })),
  glas: Type.Optional(GlasIdText),
})

const ImageIdText = Type.String({ pattern: '^[0-9a-f-]*$', maxLength: MAX_IMAGE_ID_CHARS })
const SearchQuery = Type.Object({
  imageId: Type.Optional(Type.String({ ...ImageIdText, description: 'Part of the image-id.' })),
  successor: Type.Optional(Type.String({ ...ImageIdText, description: 'An image that came of it.' })),
  supercedes: Type.Optional(Type.String({ ...ImageIdText, description: 'An image that it came of.' })),
})

/** The lineages of many glases at once, and what only whole image-ids tell. */
export function addLineageRoutes(api: Api, { pintglas: { parts }, forgetting }: ApiPorts): void {
  api.get(
    '/lineages',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Glases with their versions, page by page',
        querystring: LineagesQuery,
        response: { 200: Lineages },
      },
    },
    async ({ caller, query: { after = '', glas: only } }) => {
      const isMeant = ({ glasId }: GlasView) =>
        sees(caller, glasId) && (only === undefined ? glasId > after : glasId === only)
      const glases = []
      let count = 0
      for (const glas of parts.index.view.glases().filter(isMeant)) {
        if (count >= MAX_VERSIONS_AT_ONCE) return { glases, next: glases.at(-1)?.['glas-id'] ?? null }
        const shown = await treeOf(parts, glas, forgetting)
        glases.push(shown)
        count += shown.versions.length
      }
      return { glases, next: null }
    },
  )
  api.get(
    '/search',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Versions by their image-ids, as the page of the original Sampler finds them',
        querystring: SearchQuery,
        response: { 200: Type.Object({ records: Type.Array(RecordText) }) },
      },
    },
    async ({ caller, query: { imageId: part = '', successor = '', supercedes = '' } }) => {
      const records: string[] = []
      for (const glas of parts.index.view.glases().filter(({ glasId }) => sees(caller, glasId))) {
        for (const { record } of glas.versions().flatMap(({ published }) => published)) {
          const imageId = (await parts.records.get(record))?.imageId
          if (imageId === undefined || !imageId.includes(part)) continue
          if (successor !== '' && !isAncestor(imageId, successor)) continue
          if (supercedes !== '' && !isAncestor(supercedes, imageId)) continue
          if (records.length < MAX_NAMED) records.push(String(record))
        }
      }
      return { records }
    },
  )
}

async function treeOf(parts: Parts, glas: GlasView, forgetting: Pick<Forgetting, 'has'>) {
  const { 'image-name': name, own, versions } = await lineage(parts, { reference: glas.glasId })
  const places = new Map(versions.map(({ record }, place) => [record, place]))
  let lookedFor = 0
  const shown = versions.map((version, place) => {
    const { 'image-id': imageId = '', hostname: host = '', path = '', parent, ...known } = version
    const isFar = typeof parent !== 'string' || !places.has(parent)
    const canLook = imageId.length > 40 && isFar && lookedFor++ < MAX_LOOKED_FOR
    const found = canLook ? glas.nearestAncestor(imageId)?.record : undefined
    const before = { version, place, versions, ancestor: found === undefined ? undefined : String(found), isFar }
    const depth = imageId === '' ? 0 : depthOf(imageId)
    return { ...known, forgetting: forgetting.has(version.record), host, path, depth, ...parentOf(before) }
  })
  return { 'glas-id': glas.glasId, 'image-name': name, own, versions: shown }
}

interface Before {
  version: LineageVersion
  place: number
  versions: readonly LineageVersion[]
  ancestor: string | undefined
  /** The parent that the record names, if any, is no version of this glas. */
  isFar: boolean
}

function parentOf({ version: { parent, version }, place, versions, ancestor, isFar }: Before): {
  parent: string | null
  via: 'record' | 'image-id' | 'unknown' | 'none'
} {
  if (typeof parent === 'string' && !isFar) return { parent, via: 'record' }
  if (ancestor !== undefined) return { parent: ancestor, via: 'image-id' }
  if (parent !== undefined) return { parent: null, via: 'none' }
  const lower = versions.slice(place + 1).find((other) => other.version !== version)
  return lower === undefined ? { parent: null, via: 'none' } : { parent: lower.record, via: 'unknown' }
}
