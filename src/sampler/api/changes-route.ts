import Type from 'typebox'
import { changes } from '../../beam/changes.ts'
import { sees } from '../caller.ts'
import type { Api, ApiPorts } from './ports.ts'
import { RecordText } from './schemas.ts'
import { RecordParams, referenceOf } from './version-routes.ts'

const Bytes = Type.Integer({ minimum: 0 })
const Text = Type.String()

const ChangedFile = Type.Object({
  path: Text,
  change: Type.Enum(['added', 'removed', 'changed']),
  kind: Type.Enum(['file', 'symlink']),
  size: Type.Integer({ minimum: 0, description: 'Bytes now.' }),
  before: Type.Integer({ minimum: 0, description: 'Bytes in the parent.' }),
  shared: Type.Integer({ minimum: 0, description: 'Bytes in blocks that the file of the parent has, too.' }),
  delta: Type.Union([Bytes, Type.Null()], { description: 'Bytes of the delta that it is kept as here.' }),
})

const CodeChange = Type.Object({
  kind: Type.Enum(['method', 'comment', 'class', 'expression', 'session', 'other']),
  'class-name': Text,
  selector: Text,
  protocol: Text,
  stamp: Text,
  source: Text,
})

const Changes = Type.Object({
  record: RecordText,
  parent: Type.Union([RecordText, Type.Null()], { description: 'Null for the first version: nothing is compared.' }),
  'parent-version': Type.Union([Text, Type.Null()]),
  files: Type.Array(ChangedFile),
  'more-files': Type.Integer({ minimum: 0, description: 'That differ less, and are not listed.' }),
  'shared-bytes': Type.Integer({ minimum: 0, description: 'In blocks that the parent has, too.' }),
  'derived-bytes': Type.Integer({ minimum: 0, description: 'In images that are kept here as deltas, without these.' }),
  'new-bytes': Bytes,
  code: Type.Array(
    Type.Object({
      path: Text,
      size: Type.Integer({ minimum: 0, description: 'Bytes that were added to it.' }),
      changes: Type.Array(CodeChange, { description: 'The oldest first.' }),
      truncated: Type.Boolean({ description: 'Only the last of them are here.' }),
    }),
    { description: 'What was done in the image, as its .changes file tells.' },
  ),
})

/** What a version has that its parent has not. */
export function addChangesRoute(api: Api, ports: ApiPorts): void {
  const { pintglas, options } = ports
  api.get(
    '/versions/:record/changes',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'What changed since the version before: files, shared bytes, methods and expressions',
        params: RecordParams,
        response: { 200: Changes },
      },
    },
    async ({ caller, params: { record } }) => {
      const { reference } = referenceOf(ports, caller, record)
      return changes(pintglas.parts, { reference, sees: (glasId) => sees(caller, glasId) }, options)
    },
  )
}
