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
import { ownTaps, untilAborted } from './own-taps.ts'
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
  /** The image that a person means, and what it is called in full. PeerNotFound, AmbiguousName. */
  named(text: string): { tap: string }
  /** Asks an image that is connected here for a snapshot and waits until it is a version. */
  snap(args: SnapArgs, options: Pick<CallOptions, 'signal'>): Promise<PushResult>
  close(): Promise<void>
}

/** Starts it; `options.signal` ends what goes on, `close` waits for that. */
export async function openSampler(pintglas: PintGlas, push: Push, options: CallOptions): Promise<Sampler> {
  const { parts } = pintglas
  const { http: address, httpAnyLocalUser: anyLocalUser } = parts.home.config
  const taps = new LiveTaps(() => parts.running()?.live.look())
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
  parts.taps = ownTaps(taps, requests)
  return {
    url: http.url,
    named: (text) => ({ tap: fullName(taps.named(text)) }),
    snap: ({ tap, allowSecrets }, { signal }) => untilAborted(ask(taps.named(tap), allowSecrets), signal),
    close: async () => {
      delete parts.taps
      await http.close()
      await beams.close()
    },
  }

  function ask(tap: TapName, allowSecrets: boolean): Promise<PushResult> {
    const asked = requests.ask(tap, { allowSecrets })
    return asked ?? Promise.reject(new GlasError('PeerNotFound', `"${tap.name}" is not connected any more.`))
  }
}
