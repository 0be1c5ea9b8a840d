import type { OwnTaps } from '../beam/parts.ts'
import type { PushResult } from '../beam/push-result.ts'
import { GlasError } from '../glas/errors.ts'
import type { LiveTap, LiveTaps } from './live-taps.ts'
import type { SnapshotRequests } from './snapshot-requests.ts'

/** What the use cases, and through them other members, get of the images that are connected here. */
export function ownTaps(taps: LiveTaps, requests: SnapshotRequests): OwnTaps {
  const ask = (tap: LiveTap | undefined, allowSecrets: boolean): Promise<PushResult> => {
    const asked = tap && requests.ask(tap, { allowSecrets })
    return asked ?? Promise.reject(new GlasError('PeerNotFound', 'That image is not connected any more.'))
  }
  return {
    list: () => taps.own(),
    snap: async (id, { signal, onTaking, allowSecrets }) => {
      const tap = taps.byId(id)
      const asked = ask(tap, allowSecrets)
      if (tap !== undefined) void requests.begun(tap)?.then(onTaking)
      return untilAborted(asked, signal)
    },
  }
}

/** Whoever asked may stop waiting: the snapshot is made all the same. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
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
