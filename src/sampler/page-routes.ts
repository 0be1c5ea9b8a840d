import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { GlasError } from '../glas/errors.ts'

/** Beside this file in the sources, beside the bundle in what is published: build/bundle.ts copies it there. */
const FOLDER = join(import.meta.dirname, 'page')

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

interface PageFile {
  bytes: Buffer
  type: string
  etag: string
}

/**
 * The page and what it is made of, as it lies on the disk. For everybody whom the daemon answers at all: who is not
 * signed in gets the page that says how to.
 */
export function addPageRoutes(app: FastifyInstance): void {
  const files = pageFiles()
  const send = (request: FastifyRequest, reply: FastifyReply, name: string) => {
    const file = files.get(name)
    if (file === undefined) throw new GlasError('NameNotFound', `Not Found ${request.url}`)
    reply.headers({ etag: file.etag, 'cache-control': 'no-cache' }).type(file.type)
    return request.headers['if-none-match'] === file.etag ? reply.code(304).send() : reply.send(file.bytes)
  }
  app.get('/', { config: { role: 'anyone' } }, async (request, reply) => send(request, reply, 'index.html'))
  app.get<{ Params: { name: string } }>('/page/:name', { config: { role: 'anyone' } }, async (request, reply) => {
    return send(request, reply, request.params.name)
  })
}

/** All of them, read once: a name that is asked for only chooses among these. */
function pageFiles(): Map<string, PageFile> {
  const files = new Map<string, PageFile>()
  for (const name of readdirSync(FOLDER)) {
    const type = TYPES[extname(name)]
    if (type === undefined) continue
    const bytes = readFileSync(join(FOLDER, name))
    const etag = `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"`
    files.set(name, { bytes, type, etag })
  }
  return files
}
