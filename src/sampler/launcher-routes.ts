/** What PintLauncher, the menu of a Tap and the page of the original Sampler ask for; its spelling is kept. */
import type { FastifyInstance } from 'fastify'
import type { CallOptions } from '../beam/progress.ts'
import { GlasError } from '../glas/errors.ts'
import type { PintGlas } from '../open.ts'
import { type Bottle, Bottles, supersedes } from './bottles.ts'
import { addDownloadRoute } from './download-route.ts'
import type { LiveTaps } from './live-taps.ts'
import { addRemoveRoutes } from './remove-routes.ts'
import type { SnapshotRequests } from './snapshot-requests.ts'
import { parseTapName } from './tap-message.ts'

export interface LauncherPorts {
  pintglas: PintGlas
  taps: LiveTaps
  requests: SnapshotRequests
  options: CallOptions
}

const JSON_TYPE = 'application/json'
const TEXT_TYPE = 'text/plain; charset=utf-8'

export function addLauncherRoutes(app: FastifyInstance, { pintglas, taps, requests, options }: LauncherPorts): void {
  const bottles = new Bottles(pintglas.parts)
  app.get('/launcher-bottles', { config: { role: 'viewer' } }, async (_request, reply) => {
    return reply.type(JSON_TYPE).send(JSON.stringify((await bottles.all()).map(shownBottle)))
  })
  app.get<{ Params: { imageId: string } }>(
    '/launcher-supercedes/:imageId',
    { config: { role: 'viewer' } },
    async ({ params }, reply) => {
      const later = (await bottles.all()).filter((bottle) => supersedes(bottle, params.imageId))
      return reply.type(JSON_TYPE).send(JSON.stringify(later.map(shownBottle)))
    },
  )
  app.get('/launcher-taps', { config: { role: 'viewer' } }, async (_request, reply) => {
    const live = taps.list().map(({ host, path, name }) => ({ host, path, name }))
    return reply.type(JSON_TYPE).send(JSON.stringify(live))
  })
  app.post('/upload', { config: { role: 'operator' } }, async ({ body, url }, reply) => {
    const name = typeof body === 'string' ? parseTapName(body) : undefined
    if (name === undefined || requests.ask(name) === undefined) throw new GlasError('PeerNotFound', `Not Found ${url}`)
    return reply.type(TEXT_TYPE).send('OK')
  })
  addDownloadRoute(app, { stock: pintglas.parts.stock, bottles })
  addRemoveRoutes(app, { pintglas, bottles, options })
}

function shownBottle({ glasId: id, host, path, name, date, imageId, sizeBytes, version }: Bottle) {
  return { version, host, path, name, date, imageId, 'glas-id': id, size: sizeBytes }
}
