import type { FastifyInstance } from 'fastify'
import type { CallOptions } from '../beam/progress.ts'
import { versionText } from '../glas/version.ts'
import type { PintGlas } from '../open.ts'
import type { Bottle, Bottles } from './bottles.ts'
import type { Caller } from './caller.ts'
import { escaped, page } from './html.ts'

interface RemovePorts {
  pintglas: PintGlas
  bottles: Bottles
  options: CallOptions
}

interface WithId {
  Params: { id: string }
}

/** Lets a version go, as `pintglas forget` does. A GET, which anything may send that follows links, only asks. */
export function addRemoveRoutes(app: FastifyInstance, { pintglas, bottles, options }: RemovePorts): void {
  const forget = async (id: string, caller: Caller) => {
    const { ofGlas, record } = await bottles.withId(id, caller)
    await pintglas.call('forget', { reference: `${ofGlas}@${record}`, here: false }, options)
  }
  app.get<WithId>('/remove/:id', { config: { role: 'operator' } }, async ({ caller, params }, reply) => {
    return reply.type('text/html; charset=utf-8').send(question(await bottles.withId(params.id, caller)))
  })
  app.post<WithId>('/remove/:id', { config: { role: 'operator' } }, async ({ caller, params }, reply) => {
    await forget(params.id, caller)
    return reply.redirect('/', 302)
  })
  app.delete<WithId>('/remove/:id', { config: { role: 'operator' } }, async ({ caller, params }, reply) => {
    await forget(params.id, caller)
    return reply.code(204).send()
  })
}

function question({ glasId: id, name, version, date }: Bottle): string {
  const what = escaped(`${name}@${versionText(version)} of ${date}`)
  return page(
    `Remove ${what}?`,
    `<p>It is retracted for everyone, and not kept here any more.</p>
<form method="post" action="/remove/${id}"><button>Remove</button></form>`,
  )
}
