import { join } from 'node:path'
import type { Parts } from '../beam/parts.ts'
import type { CallOptions } from '../beam/progress.ts'
import type { PushResult } from '../beam/push-result.ts'
import { isGlasEntry } from '../glas/entry.ts'
import { GlasError } from '../glas/errors.ts'
import { stockFolder } from '../home/home.ts'
import type { PintGlas } from '../open.ts'
import { addApi } from './api/api.ts'
import { Beams } from './beams.ts'
import { Callers } from './callers.ts'
import { Changes } from './changes.ts'
import { Forgetting } from './forgetting.ts'
import { openHttp } from './http.ts'
import { addLauncherRoutes } from './launcher-routes.ts'
import { LiveTaps } from './live-taps.ts'
import { addPageRoutes } from './page-routes.ts'
import { SnapshotRequests } from './snapshot-requests.ts'
import { Spool } from './spool.ts'
import { serveTap } from './tap-connections.ts'
import type { TapName } from './tap-message.ts'
import { Transfers } from './transfers.ts'

export interface SnapArgs {
  /** A name, a directory, or `host:directory`. */
  tap: string
  allowSecrets: boolean
}

/** What images that run, launchers and browsers meet. */
export interface Sampler {
  url: string
  live(): { taps: TapName[] }
  /** Asks an image for a snapshot and waits until it is a version. */
  snap(args: SnapArgs, options: Pick<CallOptions, 'signal'>): Promise<PushResult>
  close(): Promise<void>
}

/** Starts it; `options.signal` ends what goes on, `close` waits for that. */
export async function openSampler(pintglas: PintGlas, options: CallOptions): Promise<Sampler> {
  const { parts } = pintglas
  const { http: address, httpAnyLocalUser: anyLocalUser } = parts.home.config
  const changes = new Changes()
  const taps = new LiveTaps(() => changes.tell({ topic: 'taps' }))
  const requests = new SnapshotRequests(taps)
  const spool = await Spool.open(join(stockFolder(parts.home), 'spool'))
  const beams = new Beams({ spool, requests, push: (args, call) => pintglas.call('push', args, call), options })
  const ports = { taps, requests, beams, onMessage: options.onMessage }
  const transfers = new Transfers(changes)
  const forgetting = new Forgetting(pintglas, changes, options)
  const stopWatching = watch(parts, changes)
  const http = await openHttp({
    address,
    callers: new Callers({ anyLocalUser }),
    routes: (app) => {
      addLauncherRoutes(app, { pintglas, taps, requests, options })
      addPageRoutes(app)
      addApi(app, { pintglas, taps, requests, changes, transfers, forgetting, options })
    },
    tap: (request, socket, head) => void serveTap(ports, { request, socket, head }),
    onMessage: options.onMessage,
  })
  return {
    url: http.url,
    live: () => ({ taps: taps.list().map(({ host, path, name }) => ({ host, path, name })) }),
    snap: ({ tap, allowSecrets }, { signal }) => untilAborted(ask(taps.named(tap), allowSecrets), signal),
    close: async () => {
      stopWatching()
      await http.close()
      await beams.close()
      await forgetting.close()
    },
  }

  function ask(tap: TapName, allowSecrets: boolean): Promise<PushResult> {
    const asked = requests.ask(tap, { allowSecrets })
    return asked ?? Promise.reject(new GlasError('PeerNotFound', `"${tap.name}" is not connected any more.`))
  }
}

/** Tells of what changes in the index and among the peers; gives the function that ends it. */
function watch({ index, running }: Parts, changes: Changes): () => void {
  const peers = () => changes.tell({ topic: 'peers' })
  const peer = running()?.peer
  for (const event of ['member:up', 'member:down', 'swarm'] as const) peer?.on(event, peers)
  const stop = index.listen((entries) => {
    const glases = new Set(entries.flatMap(({ body }) => (isGlasEntry(body) ? [body.glasId] : [])))
    if (glases.size > 0) changes.tell({ topic: 'glases', glases: [...glases] })
  })
  return () => {
    stop()
    for (const event of ['member:up', 'member:down', 'swarm'] as const) peer?.off(event, peers)
  }
}

/** Whoever asked may stop waiting: the snapshot is made all the same. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = () => reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
