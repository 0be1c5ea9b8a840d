import type { Parts } from '../beam/parts.ts'
import type { CallOptions } from '../beam/progress.ts'
import type { PushResult } from '../beam/push-result.ts'
import { isGlasEntry } from '../glas/entry.ts'
import { GlasError } from '../glas/errors.ts'
import type { PintGlas } from '../open.ts'
import { acceptQuarantined } from './accept.ts'
import { addApi } from './api/api.ts'
import { shownItem } from './api/quarantine-routes.ts'
import type { Changes } from './changes.ts'
import { openHttp } from './http.ts'
import { addLauncherRoutes } from './launcher-routes.ts'
import { addMetricsRoute } from './metrics.ts'
import { type OpenArgs, type OpenedPage, openPage } from './open-page.ts'
import { addPageRoutes } from './page-routes.ts'
import { openSamplerParts, takeTap } from './parts.ts'
import type { TapName } from './tap-message.ts'
import { readTls } from './tls.ts'
import type { Transfers } from './transfers.ts'

export interface SnapArgs {
  /** A name, a directory, or `host:directory`. */
  tap: string
  allowSecrets: boolean
}

export interface AcceptArgs {
  id: string
  allowSecrets: boolean
}

export type QuarantinedAnswer = ReturnType<typeof shownItem>

/** What images that run, launchers and browsers meet. */
export interface Sampler {
  url: string
  /** What is shown as moving. */
  transfers: Transfers
  live(): { taps: TapName[] }
  /** Asks an image for a snapshot and waits until it is a version. */
  snap(args: SnapArgs, options: Pick<CallOptions, 'signal'>): Promise<PushResult>
  /** A link that signs whoever opens it in, once: by the first name for browsers elsewhere, or good here alone. */
  open(args: OpenArgs): OpenedPage
  /** What came without a token and waits. */
  quarantined(): { quarantine: QuarantinedAnswer[] }
  /** Makes a version of it. */
  accept(args: AcceptArgs): Promise<PushResult>
  refuse(args: { id: string }): Promise<QuarantinedAnswer>
  close(): Promise<void>
}

/** Starts it; `options.signal` ends what goes on, `close` waits for that. */
export async function openSampler(pintglas: PintGlas, options: CallOptions): Promise<Sampler> {
  const { config, tokens } = pintglas.parts.home
  const tls = await readTls(config)
  const parts = await openSamplerParts(pintglas, options)
  const { callers, taps, requests, beams, quarantine, changes, forgetting } = parts
  const http = await openHttp({
    address: config.http,
    tls,
    callers,
    routes: (app) => {
      addLauncherRoutes(app, parts)
      addPageRoutes(app)
      addMetricsRoute(app, parts)
      addApi(app, parts)
    },
    tap: (upgrade) => takeTap(parts, upgrade),
    onMessage: options.onMessage,
  })
  const stopWatching = watch(pintglas.parts, changes)
  const stopListening = tokens.listen(() => {
    http.cutInvalid()
    changes.tell({ topic: 'tokens' })
  })
  return {
    url: http.url,
    transfers: parts.transfers,
    live: () => ({ taps: taps.list().map(({ host, path, name }) => ({ host, path, name })) }),
    snap: ({ tap, allowSecrets }, { signal }) => untilAborted(ask(taps.named(tap), allowSecrets), signal),
    open: (args) => openPage(parts, http.url, args),
    quarantined: () => ({ quarantine: quarantine.list().map(shownItem) }),
    accept: (args) => acceptQuarantined(parts, args),
    refuse: async ({ id }) => shownItem(await quarantine.remove(id)),
    close: async () => {
      stopWatching()
      stopListening()
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
