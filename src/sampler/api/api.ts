/** `/api/v1`: the same verbs as the command line, for pages and programs. Described by `/api/v1/openapi.json`. */
import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { GlasError } from '../../glas/errors.ts'
import { failureOf, headersOf, statusOf } from '../failures.ts'
import { addAnnotateRoutes } from './annotate-routes.ts'
import { shownError } from './answers.ts'
import { addChangesRoute } from './changes-route.ts'
import { addEventRoute } from './event-route.ts'
import { addGlasRoutes } from './glas-routes.ts'
import { addKeepingRoutes } from './keeping-routes.ts'
import { addLineageRoutes } from './lineage-routes.ts'
import type { Api, ApiPorts } from './ports.ts'
import { addQuarantineRoutes } from './quarantine-routes.ts'
import { ErrorAnswer } from './schemas.ts'
import { addSessionRoutes } from './session-routes.ts'
import { addStatusRoute } from './status-route.ts'
import { addTapRoutes } from './tap-routes.ts'
import { addTokenRoutes } from './token-routes.ts'
import { addVersionRoutes } from './version-routes.ts'

/** Each adds a few routes that belong together. */
const ROUTES: Array<(api: Api, ports: ApiPorts) => void> = [
  addSessionRoutes,
  addStatusRoute,
  addGlasRoutes,
  addVersionRoutes,
  addLineageRoutes,
  addChangesRoute,
  addAnnotateRoutes,
  addKeepingRoutes,
  addTapRoutes,
  addEventRoute,
  addTokenRoutes,
  addQuarantineRoutes,
]

export function addApi(app: FastifyInstance, ports: ApiPorts): void {
  app.register((api) => fill(api as Api, ports), { prefix: '/api/v1' })
}

async function fill(api: Api, ports: ApiPorts): Promise<void> {
  api.removeAllContentTypeParsers()
  // A page of somebody else cannot send this type without asking first.
  api.addContentTypeParser('application/json', { parseAs: 'string' }, api.getDefaultJsonParser('error', 'error'))
  api.setErrorHandler(async (error, _request, reply) => {
    const failure = failureOf(error)
    return reply.code(statusOf(failure)).headers(headersOf(failure)).send(shownError(failure))
  })
  api.setNotFoundHandler(async ({ url }) => {
    throw new GlasError('NameNotFound', `The API has no ${url.slice(0, 200)}.`)
  })
  api.addHook('onRoute', (route) => {
    if (route.schema?.hide !== true)
      route.schema = { ...route.schema, response: { ...(route.schema?.response ?? {}), default: ErrorAnswer } }
  })
  await api.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'PintGlas',
        version: '1',
        description: 'Snapshots of live Pharo images, as a running daemon has them.',
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: ({ schema, url, route }) => {
      const { role } = route.config ?? {}
      return { schema: { ...schema, ...(role === 'anyone' ? { security: [] } : { 'x-role': role }) }, url }
    },
  })
  for (const add of ROUTES) add(api, ports)
  api.get('/openapi.json', { config: { role: 'viewer' }, schema: { hide: true } }, async () => api.swagger())
}
