import Type from 'typebox'
import { parseGlasId } from '../../glas/glas-id.ts'
import { acceptQuarantined } from '../accept.ts'
import type { Quarantined } from '../quarantine.ts'
import { shownTransfer } from './answers.ts'
import type { Api, ApiPorts } from './ports.ts'
import { TransferAnswer } from './schemas.ts'

const Item = Type.Object(
  {
    id: Type.String({ pattern: '^[0-9a-f]{16}$' }),
    host: Type.String(),
    path: Type.String(),
    name: Type.String(),
    'image-id': Type.String(),
    from: Type.String({ description: 'The address that it came from.' }),
    size: Type.Integer({ minimum: 0 }),
    received: Type.String(),
  },
  { description: 'What it says of itself nobody has proved.' },
)
const Params = Type.Object({ id: Item.properties.id })

/** Snapshots that came without a token, and wait until an admin accepts or refuses them. */
export function addQuarantineRoutes(api: Api, { quarantine, beams, transfers }: ApiPorts): void {
  const config = { role: 'admin', wholeHome: true } as const
  api.get(
    '/quarantine',
    { config, schema: { summary: 'What waits', response: { 200: Type.Object({ quarantine: Type.Array(Item) }) } } },
    async () => ({ quarantine: quarantine.list().map(shownItem) }),
  )
  api.post(
    '/quarantine/:id/accept',
    {
      config,
      schema: {
        summary: 'Make a version of it; the transfer tells what becomes of it',
        params: Params,
        body: Type.Object({ 'allow-secrets': Type.Optional(Type.Boolean()) }),
        response: { 202: TransferAnswer },
      },
    },
    async ({ params: { id }, body }, reply) => {
      const { item } = quarantine.get(id)
      const telling = transfers.begin({ kind: 'accept', label: item.name, glasId: undefined, tap: '' })
      acceptQuarantined({ quarantine, beams }, { id, allowSecrets: body['allow-secrets'] === true }).then(
        (made) => telling.end({ ...made, glasId: parseGlasId(made['glas-id']), name: made['image-name'] }),
        telling.fail,
      )
      return reply.code(202).send(shownTransfer(telling.transfer))
    },
  )
  api.post(
    '/quarantine/:id/refuse',
    { config, schema: { summary: 'Delete it', params: Params, response: { 200: Item } } },
    async ({ params: { id } }) => shownItem(await quarantine.remove(id)),
  )
}

export function shownItem({ id, host, path, name, imageId, from, sizeBytes, received }: Quarantined) {
  return { id, host, path, name, 'image-id': imageId, from, size: sizeBytes, received }
}
