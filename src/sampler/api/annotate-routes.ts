import Type from 'typebox'
import { MAX_NOTE_BYTES, MAX_TAG_CHARS } from '../../glas/limits.ts'
import type { Api, ApiPorts } from './ports.ts'
import { Annotated } from './schemas.ts'
import { RecordParams, referenceOf } from './version-routes.ts'

const TagBody = Type.Object({ tag: Type.String({ minLength: 1, maxLength: MAX_TAG_CHARS }) })
const NoteBody = Type.Object({ text: Type.String({ maxLength: MAX_NOTE_BYTES, description: 'Empty takes it away.' }) })

/** Tags and notes of a version. */
export function addAnnotateRoutes(api: Api, ports: ApiPorts): void {
  const { pintglas, options } = ports
  api.post(
    '/versions/:record/tag',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Give a version a tag; one that another version has moves',
        params: RecordParams,
        body: TagBody,
        response: { 200: Annotated },
      },
    },
    async ({ caller, params, body: { tag } }) => {
      const { reference } = referenceOf(ports, caller, params.record)
      return pintglas.call('tag', { reference, tag }, options)
    },
  )
  api.post(
    '/versions/:record/untag',
    {
      config: { role: 'operator' },
      schema: { summary: 'Take a tag away', params: RecordParams, body: TagBody, response: { 200: Annotated } },
    },
    async ({ caller, params, body: { tag } }) => {
      const { reference } = referenceOf(ports, caller, params.record)
      return pintglas.call('untag', { reference, tag }, options)
    },
  )
  api.post(
    '/versions/:record/note',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Write a note to a version',
        params: RecordParams,
        body: NoteBody,
        response: { 200: Annotated },
      },
    },
    async ({ caller, params, body: { text } }) => {
      const { reference } = referenceOf(ports, caller, params.record)
      return pintglas.call('note', { reference, text }, options)
    },
  )
}
