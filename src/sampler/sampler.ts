import { join } from 'node:path'
import type { CallOptions } from '../beam/progress.ts'
import type { PushResult } from '../beam/push-result.ts'
import { GlasError } from '../glas/errors.ts'
import { stockFolder } from '../home/home.ts'
import type { PintGlas } from '../open.ts'
import type { Push } from './background.ts'
import { Beams } from './beams.ts'
import { Callers } from './callers.ts'
import { openHttp } from './http.ts'
import { addLauncherRoutes } from './launcher-routes.ts'
import { fullName, LiveTaps } from './live-taps.ts'
import { SnapshotRequests } from './snapshot-requests.ts'
import { Spool } from './spool.ts'
import { serveTap } from './tap-connections.ts'
import type { TapName } from './tap-message.ts'

export interface SnapArgs {
  /** A name, a directory, or `host:directory`. */
  tap: string
  allowSecrets: boolean
}

/** What images that run, launchers and browsers meet. */
export interface Sampler {
  url: string
  live(): { taps: TapName[] }
  /** The image that a person means, and what it is called in full. PeerNotFound, AmbiguousName. */
  named(text: string): { tap: string }
  /** Asks an image for a snapshot and waits until it is a version. */
  snap(args: SnapArgs, options: Pick<CallOptions, 'signal'>): Promise<PushResult>
  close(): Promise<void>
}

/** Starts it; `options.signal` ends what goes on, `close` waits for that. */
export async function openSampler(pintglas: PintGlas, push: Push, options: CallOptions): Promise<Sampler> {
  const { parts } = pintglas
  const { http: address, httpAnyLocalUser: anyLocalUser } = parts.home.config
  const taps = new LiveTaps()
  const requests = new SnapshotRequests(taps)
  const spool = await Spool.open(join(stockFolder(parts.home), 'spool'))
  const beams = new Beams({ spool, requests, push, options })
  const ports = { taps, requests, beams, onMessage: options.onMessage }
  const http = await openHttp({
    address,
    callers: new Callers({ anyLocalUser }),
    routes: (app) => addLauncherRoutes(app, { pintglas, taps, requests, options }),
    tap: (request, socket, head) => void serveTap(ports, { request, socket, head }),
    onMessage: options.onMessage,
  })
  return {
    url: http.url,
    live: () => ({ taps: taps.list().map(({ host, path, name }) => ({ host, path, name })) }),
    named: (text) => ({ tap: fullName(taps.named(text)) }),
    snap: ({ tap, allowSecrets }, { signal }) => untilAborted(ask(taps.named(tap), allowSecrets), signal),
    close: async () => {
      await http.close()
      await beams.close()
    },
  }

  function ask(tap: TapName, allowSecrets: boolean): Promise<PushResult> {
    const asked = requests.ask(tap, { allowSecrets })
    return asked ?? Promise.reject(new GlasError('PeerNotFound', `"${tap.name}" is not connected any more.`))
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
