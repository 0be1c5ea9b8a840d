import { join } from 'node:path'
import type { OwnTaps } from '../beam/parts.ts'
import type { CallOptions } from '../beam/progress.ts'
import { GlasError } from '../glas/errors.ts'
import { stockFolder } from '../home/home.ts'
import type { PintGlas } from '../open.ts'
import { Beams } from './beams.ts'
import { Callers } from './callers.ts'
import { openHttp } from './http.ts'
import { addLauncherRoutes } from './launcher-routes.ts'
import { LiveTaps } from './live-taps.ts'
import { SnapshotRequests } from './snapshot-requests.ts'
import { Spool } from './spool.ts'
import { serveTap } from './tap-connections.ts'

/** What images that run, launchers and browsers meet. */
export interface Sampler {
  url: string
  close(): Promise<void>
}

/** Starts it; `options.signal` ends what goes on, `close` waits for that. */
export async function openSampler(pintglas: PintGlas, options: CallOptions): Promise<Sampler> {
  const { parts } = pintglas
  const { http: address, httpAnyLocalUser: anyLocalUser } = parts.home.config
  const taps = new LiveTaps(() => parts.running()?.live.look())
  const requests = new SnapshotRequests(taps)
  const spool = await Spool.open(join(stockFolder(parts.home), 'spool'))
  const beams = new Beams({ spool, requests, push: (args, call) => pintglas.call('push', args, call), options })
  const ports = { taps, requests, beams, onMessage: options.onMessage }
  const http = await openHttp({
    address,
    callers: new Callers({ anyLocalUser }),
    routes: (app) => addLauncherRoutes(app, { pintglas, taps, requests, options }),
    tap: (request, socket, head) => void serveTap(ports, { request, socket, head }),
    onMessage: options.onMessage,
  })
  parts.taps = ownTaps(taps, requests)
  return {
    url: http.url,
    close: async () => {
      delete parts.taps
      await http.close()
      await beams.close()
    },
  }
}

/** What the use cases and other members get of the images. */
function ownTaps(taps: LiveTaps, requests: SnapshotRequests): OwnTaps {
  return {
    list: () => taps.own(),
    snap: (id, { signal, onTaking, allowSecrets }) => {
      const tap = taps.byId(id)
      const asked = tap && requests.ask(tap, { allowSecrets })
      if (tap === undefined || asked === undefined) {
        return Promise.reject(new GlasError('PeerNotFound', 'That image is not connected any more.'))
      }
      void requests.begun(tap)?.then(onTaking)
      return untilAborted(asked, signal)
    },
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
