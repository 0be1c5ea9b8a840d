import Type from 'typebox'
import type { Api, ApiPorts } from './ports.ts'
import { Annotated, Forgetting, Pinned } from './schemas.ts'
import { RecordParams, referenceOf } from './version-routes.ts'

/** Whether a version is kept here: pin, unpin, forget, and undoing that. */
export function addKeepingRoutes(api: Api, ports: ApiPorts): void {
  const { pintglas, forgetting, transfers, changes, options } = ports
  api.post(
    '/versions/:record/pin',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Keep a version here; what is missing is fetched first',
        params: RecordParams,
        response: { 200: Pinned },
      },
    },
    async ({ caller, params }) => {
      const { reference, glasId, ...names } = referenceOf(ports, caller, params.record)
      const label = `${names['image-name']}@${names.version}`
      const telling = transfers.begin({ kind: 'pin', label, glasId, tap: '' })
      try {
        const pinned = await pintglas.call('pin', { reference }, { ...options, onProgress: telling.progress })
        telling.end()
        changes.tell({ topic: 'glases', glases: [glasId] })
        return pinned
      } catch (error) {
        telling.fail(error)
        throw error
      }
    },
  )
  api.post(
    '/versions/:record/unpin',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Keep a version here no longer; refused where no other peer is known to hold it, unless forced',
        params: RecordParams,
        body: Type.Object({ force: Type.Boolean() }),
        response: { 200: Pinned },
      },
    },
    async ({ caller, params, body: { force } }) => {
      const { reference, glasId } = referenceOf(ports, caller, params.record)
      const unpinned = await pintglas.call('unpin', { reference, force }, options)
      changes.tell({ topic: 'glases', glases: [glasId] })
      return unpinned
    },
  )
  api.post(
    '/versions/:record/forget',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Let a version go: retracted for everyone, and not kept here',
        params: RecordParams,
        body: Type.Object({ here: Type.Boolean({ description: 'Only here, not retracted.' }) }),
        response: { 202: Forgetting },
      },
    },
    async ({ caller, params: { record }, body: { here } }, reply) => {
      const version = referenceOf(ports, caller, record)
      forgetting.begin(record, { glasId: version.glasId, here })
      return reply.code(202).send({ ...version, 'undo-seconds': forgetting.undoSeconds })
    },
  )
  api.post(
    '/versions/:record/unforget',
    {
      config: { role: 'operator' },
      schema: { summary: 'Undo letting it go', params: RecordParams, response: { 200: Annotated } },
    },
    async ({ caller, params: { record } }) => {
      const version = referenceOf(ports, caller, record)
      forgetting.undo(record)
      return version
    },
  )
}
