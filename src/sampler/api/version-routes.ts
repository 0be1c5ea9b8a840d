import Type from 'typebox'
import { findByRecord, holdersOf } from '../../beam/lineage.ts'
import { show } from '../../beam/show.ts'
import { versionText } from '../../glas/version.ts'
import { bottleId } from '../bottles.ts'
import { type Caller, sees } from '../caller.ts'
import { downloadPath } from '../download-route.ts'
import type { Api, ApiPorts } from './ports.ts'
import { Files, RecordText, ShownVersion } from './schemas.ts'

export const RecordParams = Type.Object({ record: RecordText })

/** One version: its metadata, and its files. */
export function addVersionRoutes(api: Api, ports: ApiPorts): void {
  const { pintglas, options } = ports
  const { parts } = pintglas
  api.get(
    '/versions/:record',
    {
      config: { role: 'viewer' },
      schema: { summary: 'Metadata of a version', params: RecordParams, response: { 200: ShownVersion } },
    },
    async ({ caller, params: { record } }) => {
      const { reference, cid } = referenceOf(ports, caller, record)
      const shown = await show(parts, { reference, files: false }, options)
      return { ...shown, pins: parts.stock.pinReasons(cid), holders: holdersOf(parts, cid) }
    },
  )
  api.get(
    '/versions/:record/files',
    {
      config: { role: 'viewer' },
      schema: { summary: 'Files of a version, by path', params: RecordParams, response: { 200: Files } },
    },
    async ({ caller, params: { record } }) => {
      const { reference } = referenceOf(ports, caller, record)
      const { files = [] } = await show(parts, { reference, files: true }, options)
      return { files }
    },
  )
  api.post(
    '/versions/:record/download-link',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'An address that a browser downloads the zip of a version from, good for an hour',
        params: RecordParams,
        response: { 200: Type.Object({ url: Type.String() }) },
      },
    },
    async ({ caller, params: { record } }) => {
      const path = downloadPath(bottleId(referenceOf(ports, caller, record).cid))
      return { url: `${path}?ticket=${ports.sessions.newTicket(caller, path)}` }
    },
  )
}

/** What verbs, people and the routes know a version by. One in a glas that the caller does not see is as unknown as any other: NameNotFound. */
export function referenceOf({ pintglas: { parts } }: ApiPorts, caller: Caller, record: string) {
  const { glas, published } = findByRecord(parts, record, (glasId) => sees(caller, glasId))
  const { imageName, version } = published.entry.body
  const names = { 'glas-id': glas.glasId, 'image-name': imageName, version: versionText(version), record }
  return { ...names, reference: `${glas.glasId}@${record}`, cid: published.record, glasId: glas.glasId }
}
