import { setTimeout as sleep } from 'node:timers/promises'
import { GlasError, isGlasError } from '../glas/errors.ts'
import { Allowance } from './allowance.ts'
import type { Channel } from './channel.ts'
import {
  DELTAS_PROTOCOL,
  type DeltaRequest,
  decodeDeltaRequest,
  encodeDeltaAnswer,
  MAX_PIECE_BYTES,
  MAX_SENT_DELTA_BYTES,
  SERVE_DELTAS_LIMITS,
  type SentDelta,
  WORKING_INTERVAL_MS,
} from './delta-messages.ts'
import { RateLimit } from './rate-limit.ts'
import { type Guard, handle, type StreamNode } from './streams.ts'

/** Bytes of images that are compared for one peer in a minute, both of a pair: some 15 s of a core. */
const MAX_COMPARED_BYTES_PER_MINUTE = 512 * 1024 * 1024

/** What the protocol needs of a stock. */
export interface DeltaShelf {
  /**
   * What makes the wanted file of one of the bases: one delta, or one on another, the one that stands on a base first.
   * A reason in words where there is none. May take minutes. `mayCompare` is asked before images of so many bytes are
   * compared for the peer, and is false when it has had its share.
   */
  deltas(request: DeltaRequest, mayCompare: (bytes: number) => boolean): Promise<SentDelta[] | string>
}

/** Answers `/pintglas/deltas/1.0.0`, to members alone, until the returned function is called. */
export function serveDeltas(
  libp2p: StreamNode,
  shelf: DeltaShelf,
  guard: Guard,
  upload: RateLimit = new RateLimit(),
): Promise<() => Promise<void>> {
  const protocol = { id: DELTAS_PROTOCOL, limits: SERVE_DELTAS_LIMITS }
  const compared = new Allowance(MAX_COMPARED_BYTES_PER_MINUTE)
  return handle(libp2p, protocol, guard, async (channel) => {
    const mayCompare = (bytes: number) => compared.tryTake(channel.peerKey, bytes)
    const find: Find = (request) => shelf.deltas(request, mayCompare)
    await answer(channel, { find, upload }, guard)
  })
}

type Find = (request: DeltaRequest) => Promise<SentDelta[] | string>

async function answer(
  channel: Channel,
  { find, upload }: { find: Find; upload: RateLimit },
  guard: Guard,
): Promise<void> {
  const request = decodeDeltaRequest(await channel.readNext())
  let found: SentDelta[] | string
  try {
    found = await working(channel, find(request))
  } catch (error) {
    if (channel.closed.aborted) throw error
    // Blocks may still be had: what failed here is told to the user of this peer, and to the other one only that it did.
    guard.onFailure(channel.peerKey, isGlasError(error) ? error : new GlasError('Internal', String(error)))
    found = 'it failed to make one'
  }
  if (typeof found !== 'string' && found.some(({ delta }) => delta.length > MAX_SENT_DELTA_BYTES)) {
    found = 'it is too large for one'
  }
  if (typeof found === 'string') {
    await channel.write(encodeDeltaAnswer({ kind: 'none', reason: found }))
    return
  }
  for (const { delta, ...head } of found) {
    await channel.write(encodeDeltaAnswer({ kind: 'delta', ...head, deltaBytes: delta.length }))
    for (let at = 0; at < delta.length; at += MAX_PIECE_BYTES) {
      await channel.writePaced(upload, delta.subarray(at, at + MAX_PIECE_BYTES))
    }
  }
}

/** Says now and then that it goes on, until it is done. */
async function working<Value>(channel: Channel, work: Promise<Value>): Promise<Value> {
  const over = new AbortController()
  const settled = work.finally(() => over.abort())
  settled.catch(() => {})
  while (!over.signal.aborted && !channel.closed.aborted) {
    await sleep(WORKING_INTERVAL_MS, undefined, { signal: over.signal, ref: false }).catch(() => {})
    if (!over.signal.aborted && !channel.closed.aborted) await channel.write(encodeDeltaAnswer({ kind: 'working' }))
  }
  return settled
}
