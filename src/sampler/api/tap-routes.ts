import Type, { type Static } from 'typebox'
import { GlasError } from '../../glas/errors.ts'
import { parseGlasId } from '../../glas/glas-id.ts'
import { type Caller, sees } from '../caller.ts'
import { type SeenTap, seenTaps } from '../seen-taps.ts'
import { shownTransfer } from './answers.ts'
import type { Api, ApiPorts } from './ports.ts'
import { Tap, Taps, TransferAnswer, TransfersAnswer } from './schemas.ts'

const SnapshotBody = Type.Object({
  'allow-secrets': Type.Optional(Type.Boolean({ description: 'Take it although secrets are found in it.' })),
})

/** Images that run, snapshots of them, and what moves. */
export function addTapRoutes(api: Api, ports: ApiPorts): void {
  const { transfers } = ports
  api.get(
    '/taps',
    {
      config: { role: 'viewer' },
      schema: { summary: 'Images that run and can be asked for a snapshot', response: { 200: Taps } },
    },
    async ({ caller }) => ({ taps: (await seenTaps(ports, caller)).map(shownTap) }),
  )
  api.post(
    '/taps/:id/snapshot',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Ask a running image for a snapshot; the transfer tells what becomes of it',
        params: Type.Object({ id: Tap.properties.id }),
        body: SnapshotBody,
        response: { 202: TransferAnswer },
      },
    },
    async ({ caller, params: { id }, body }, reply) => {
      const found = (await seenTaps(ports, caller)).find((seen) => seen.id === id)
      const asked = found?.ask({ allowSecrets: body['allow-secrets'] === true })
      if (found === undefined || asked === undefined) {
        throw new GlasError('PeerNotFound', 'No such image is connected any more.', { data: { tap: id } })
      }
      const telling = transfers.begin({ kind: 'snapshot', label: found.tap.name, glasId: found.glasId, tap: id })
      asked.then(
        (made) => telling.end({ ...made, glasId: parseGlasId(made['glas-id']), name: made['image-name'] }),
        telling.fail,
      )
      return reply.code(202).send(shownTransfer(telling.transfer))
    },
  )
  api.get(
    '/transfers',
    {
      config: { role: 'viewer' },
      schema: { summary: 'What moves now, and what did lately', response: { 200: TransfersAnswer } },
    },
    async ({ caller }) => ({ transfers: seenTransfers(ports, caller) }),
  )
}

export function seenTransfers({ transfers }: Pick<ApiPorts, 'transfers'>, caller: Caller) {
  const seen = ({ glasId }: { glasId: string | undefined }) => glasId !== undefined && sees(caller, glasId)
  return transfers
    .list()
    .filter((transfer) => caller.glases === undefined || seen(transfer))
    .map(shownTransfer)
}

function shownTap({ id, tap: { host, path, name, imageId }, glasId }: SeenTap): Static<typeof Tap> {
  return { id, host, path, name, 'image-id': imageId, 'glas-id': glasId ?? null, known: glasId !== undefined }
}
