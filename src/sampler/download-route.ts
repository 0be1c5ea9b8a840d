import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { GlasError } from '../glas/errors.ts'
import type { Bottles } from './bottles.ts'
import { type Caller, requireRole } from './caller.ts'
import type { SamplerParts } from './parts.ts'
import { ZipStream } from './zip-stream.ts'

interface Download {
  Params: { id: string }
  Querystring: { ticket?: string | string[] }
}

/** A version as a zip, or a part of it. A browser that is signed in has a ticket in the address. */
export function addDownloadRoute(
  app: FastifyInstance,
  { parts: { pintglas, sessions }, bottles }: { parts: SamplerParts; bottles: Bottles },
): void {
  const { stock } = pintglas.parts
  const sums = new Map<string, number>()
  app.route<Download>({
    method: ['GET', 'HEAD'],
    url: '/download/:id',
    config: { role: 'anyone' },
    handler: async ({ caller, params, query, headers, method }, reply) => {
      const by = caller ?? sessions.withTicket(String(query.ticket), downloadPath(params.id))
      requireRole(by, { role: 'viewer' })
      const bottle = await bottles.withId(params.id, by)
      const zip = await ZipStream.of(stock, await bottles.recordOf(bottle), sums)
      const etag = `"${bottle.record}"`
      const isSame = headers['if-range'] === undefined || headers['if-range'] === etag
      const range = isSame ? rangeOf(headers.range, zip.sizeBytes) : undefined
      reply.headers({ etag, 'accept-ranges': 'bytes', 'content-disposition': disposition(bottle.name) })
      if (range === 'none') return unsatisfiable(reply, zip.sizeBytes)
      const { start, end } = range ?? { start: 0, end: zip.sizeBytes }
      if (range !== undefined) reply.code(206).header('content-range', `bytes ${start}-${end - 1}/${zip.sizeBytes}`)
      reply.type('application/zip').header('content-length', end - start)
      return method === 'HEAD'
        ? reply.send()
        : reply.send(Readable.from(whileValid(by, zip.bytes(start, end)), { objectMode: false }))
    },
  })
}

/** A download by ticket has no caller in its headers: it is cut here when the token behind it is revoked. */
async function* whileValid(caller: Caller, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    if (!caller.isValid()) throw new GlasError('NotSignedIn', 'The token was revoked, or has expired.')
    yield chunk
  }
}

export function downloadPath(id: string): string {
  return `/download/${id}`
}

/** One range of RFC 9110; undefined for none, and for several, which get the whole; `none` for one outside. */
export function rangeOf(
  header: string | undefined,
  sizeBytes: number,
): { start: number; end: number } | 'none' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? []
  if (first === '' && last === '') return undefined
  if (first === '')
    return Number(last) === 0 ? 'none' : { start: Math.max(0, sizeBytes - Number(last)), end: sizeBytes }
  const start = Number(first)
  const end = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes)
  if (last !== '' && Number(last) < start) return undefined
  return start < sizeBytes ? { start, end } : 'none'
}

function unsatisfiable(reply: FastifyReply, sizeBytes: number): FastifyReply {
  return reply.code(416).header('content-range', `bytes */${sizeBytes}`).send()
}

function disposition(name: string): string {
  return `attachment; filename*=UTF-8''${encodeURIComponent(name).replace(/['()*]/g, '_')}.zip`
}
