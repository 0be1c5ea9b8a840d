import { PassThrough } from 'node:stream'
import { GlasError } from '../../glas/errors.ts'
import type { GlasId } from '../../glas/glas-id.ts'
import { type Caller, sees } from '../caller.ts'
import type { Change } from '../changes.ts'
import type { Api, ApiPorts } from './ports.ts'
import { seenTransfers } from './tap-routes.ts'

/** Tabs of a few people. */
const MAX_STREAMS = 64
/** Changes come in bursts: one message for each kind of a burst. */
const GATHER_MS = 100
/** Proxies cut what is silent for a minute. */
const HEARTBEAT_EVERY_MS = 15_000
/** Who does not read is cut off: it asks again, and sees all as it is then. */
const MAX_UNREAD_BYTES = 1024 * 1024
/** Of more at once it is said that anything may have changed. */
const MAX_NAMED_GLASES = 1000

/**
 * Server-sent events: `glases` (data: which, or null for any), `taps`, `peers`, `quarantine`, `tokens` (what is asked for anew) and
 * `transfers` (data: the list itself).
 */
export function addEventRoute(api: Api, ports: ApiPorts): void {
  let open = 0
  api.get(
    '/events',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'What changes, as server-sent events',
        description:
          'Events: glases {"glases": [glas-id] or null}, taps, peers, transfers (the list), quarantine, tokens.',
        response: { 200: { content: { 'text/event-stream': { schema: { type: 'string' } } } } },
      },
    },
    async ({ caller }, reply) => {
      if (open >= MAX_STREAMS) throw tooMany()
      open++
      const stream = new PassThrough()
      const end = follow(ports, caller, stream)
      stream.once('close', () => {
        open--
        end()
      })
      return reply
        .type('text/event-stream')
        .header('x-accel-buffering', 'no')
        .send(stream as unknown as string) // the schema speaks of the text, piece by piece
    },
  )
}

/** Writes what changes until the returned function is called. */
function follow(ports: ApiPorts, caller: Caller, stream: PassThrough): () => void {
  const topics = new Set<Change['topic']>()
  const glases = new Set<GlasId>()
  let timer: NodeJS.Timeout | undefined
  const write = (text: string) => {
    if (stream.readableLength > MAX_UNREAD_BYTES) stream.destroy()
    else stream.write(text)
  }
  const flush = () => {
    timer = undefined
    for (const topic of topics) write(`event: ${topic}\ndata: ${JSON.stringify(dataOf(topic))}\n\n`)
    topics.clear()
    glases.clear()
  }
  const dataOf = (topic: Change['topic']) => {
    if (topic === 'transfers') return { transfers: seenTransfers(ports, caller) }
    if (topic === 'glases') return { glases: glases.size > MAX_NAMED_GLASES ? null : [...glases] }
    return {}
  }
  const stop = ports.changes.listen((change) => {
    if (change.topic === 'glases') {
      const seen = change.glases.filter((glasId) => sees(caller, glasId))
      if (seen.length === 0) return
      for (const glasId of seen.slice(0, MAX_NAMED_GLASES + 1)) glases.add(glasId)
    } else if (caller.glases !== undefined && WHOLE_HOME.has(change.topic)) return
    topics.add(change.topic)
    timer ??= setTimeout(flush, GATHER_MS)
  })
  const heartbeat = setInterval(() => write(':\n\n'), HEARTBEAT_EVERY_MS)
  write('retry: 1000\n\n')
  return () => {
    stop()
    clearTimeout(timer)
    clearInterval(heartbeat)
  }
}

/** What those who are limited to some glases hear nothing of. */
const WHOLE_HOME: ReadonlySet<Change['topic']> = new Set(['peers', 'quarantine', 'tokens'])

function tooMany(): GlasError {
  return new GlasError('LimitExceeded', `${MAX_STREAMS} pages listen already. Close some.`, {
    data: { limit: MAX_STREAMS, unit: 'streams' },
  })
}
