import { glasOfLive } from '../beam/live-origin.ts'
import type { PushResult } from '../beam/push-result.ts'
import type { GlasId } from '../glas/glas-id.ts'
import { type Caller, sees } from './caller.ts'
import { type LiveTap, tapId } from './live-taps.ts'
import type { SamplerParts } from './parts.ts'

export interface SeenTap {
  id: string
  tap: LiveTap
  /** The glas that a snapshot would go to; undefined for one without a token, of which nobody can say. */
  glasId: GlasId | undefined
  ask(options: { allowSecrets: boolean }): Promise<PushResult> | undefined
}

type Reading = Pick<SamplerParts, 'pintglas' | 'taps' | 'requests' | 'strangers'>

/** Images that run and that the caller sees. Those without a token come last, and only before who sees everything. */
export async function seenTaps({ pintglas, taps, requests, strangers }: Reading, caller: Caller): Promise<SeenTap[]> {
  const found: SeenTap[] = []
  for (const tap of taps.list()) {
    const glasId = await glasOfLive(pintglas.parts, tap)
    if (sees(caller, glasId)) found.push({ id: tapId(tap), tap, glasId, ask: (options) => requests.ask(tap, options) })
  }
  if (caller.glases !== undefined) return found
  for (const tap of strangers.taps.list()) {
    const ask: SeenTap['ask'] = (options) => strangers.requests.ask(tap, options)
    found.push({ id: `${tapId(tap)}${STRANGER}`, tap, glasId: undefined, ask })
  }
  return found
}

/** Two images of one name, one of them without a token, have two ids. */
const STRANGER = '-s'
