/** What PintLauncher, the menu of a Tap and the page of the original Sampler ask for; its spelling is kept. */
import type { FastifyInstance } from 'fastify'
import { GlasError } from '../glas/errors.ts'
import { type Bottle, Bottles, supersedes } from './bottles.ts'
import { addDownloadRoute } from './download-route.ts'
import type { SamplerParts } from './parts.ts'
import { addRemoveRoutes } from './remove-routes.ts'
import { seenTaps } from './seen-taps.ts'
import { parseTapName, type TapName } from './tap-message.ts'

const JSON_TYPE = 'application/json'
const TEXT_TYPE = 'text/plain; charset=utf-8'

export function addLauncherRoutes(app: FastifyInstance, parts: SamplerParts): void {
  const { pintglas, options } = parts
  const bottles = new Bottles(pintglas.parts)
  app.get('/launcher-bottles', { config: { role: 'viewer' } }, async ({ caller }, reply) => {
    return reply.type(JSON_TYPE).send(JSON.stringify((await bottles.all(caller)).map(shownBottle)))
  })
  app.get<{ Params: { imageId: string } }>(
    '/launcher-supercedes/:imageId',
    { config: { role: 'viewer' } },
    async ({ caller, params }, reply) => {
      const later = (await bottles.all(caller)).filter((bottle) => supersedes(bottle, params.imageId))
      return reply.type(JSON_TYPE).send(JSON.stringify(later.map(shownBottle)))
    },
  )
  app.get('/launcher-taps', { config: { role: 'viewer' } }, async ({ caller }, reply) => {
    const live = (await seenTaps(parts, caller)).map(({ tap: { host, path, name } }) => ({ host, path, name }))
    return reply.type(JSON_TYPE).send(JSON.stringify(live))
  })
  app.post('/upload', { config: { role: 'operator' } }, async ({ caller, body, url }, reply) => {
    const name = typeof body === 'string' ? parseTapName(body) : undefined
    const seen = (await seenTaps(parts, caller)).find(({ tap }) => name !== undefined && isSame(tap, name))
    if (seen?.ask({ allowSecrets: false }) === undefined) throw new GlasError('PeerNotFound', `Not Found ${url}`)
    return reply.type(TEXT_TYPE).send('OK')
  })
  addDownloadRoute(app, { parts, bottles })
  addRemoveRoutes(app, { pintglas, bottles, options })
}

function shownBottle({ glasId: id, host, path, name, date, imageId, sizeBytes, version }: Bottle) {
  return { version, host, path, name, date, imageId, 'glas-id': id, size: sizeBytes }
}

function isSame(a: TapName, b: TapName): boolean {
  return a.host === b.host && a.path === b.path && a.name === b.name
}
