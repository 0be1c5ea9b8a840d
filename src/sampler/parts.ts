import { join } from 'node:path'
import { glasOfLive } from '../beam/live-origin.ts'
import type { CallOptions } from '../beam/progress.ts'
import { stockFolder } from '../home/home.ts'
import type { PintGlas } from '../open.ts'
import type { Push } from './background.ts'
import { Beams } from './beams.ts'
import { type Caller, mayAct } from './caller.ts'
import { Callers } from './callers.ts'
import { Changes } from './changes.ts'
import { Forgetting } from './forgetting.ts'
import type { TapUpgrade } from './http.ts'
import { LiveTaps } from './live-taps.ts'
import { Quarantine } from './quarantine.ts'
import { Sessions } from './sessions.ts'
import { SnapshotRequests } from './snapshot-requests.ts'
import { Spool } from './spool.ts'
import { StrangerBeams } from './stranger-beams.ts'
import { serveTap, type TapPorts } from './tap-connections.ts'
import { Transfers } from './transfers.ts'
import { gatesOf, isLoopbackAddress } from './whence.ts'

/** What routes, Taps and the verbs of the daemon work with. */
export interface SamplerParts {
  pintglas: PintGlas
  callers: Callers
  sessions: Sessions
  taps: LiveTaps
  requests: SnapshotRequests
  /** Images without a token that wait, and what was asked of them: never mixed with the others. */
  strangers: { taps: LiveTaps; requests: SnapshotRequests; beams: StrangerBeams }
  beams: Beams
  quarantine: Quarantine
  changes: Changes
  transfers: Transfers
  forgetting: Forgetting
  /** How verbs are called, ended by the daemon's end. */
  options: CallOptions
}

export async function openSamplerParts(pintglas: PintGlas, push: Push, options: CallOptions): Promise<SamplerParts> {
  const { home } = pintglas.parts
  const { config, tokens } = home
  const { onMessage } = options
  const changes = new Changes()
  const tapsChanged = () => changes.tell({ topic: 'taps' })
  const taps = new LiveTaps(() => {
    tapsChanged()
    pintglas.parts.running()?.live.look()
  })
  const requests = new SnapshotRequests(taps)
  const stock = stockFolder(home)
  const spool = await Spool.open(join(stock, 'spool'))
  const quarantine = await Quarantine.open(join(stock, 'quarantine'), () => changes.tell({ topic: 'quarantine' }))
  const sessions = new Sessions()
  const transfers = new Transfers(changes)
  const anyLocalUser = config.httpAnyLocalUser
  return {
    pintglas,
    callers: new Callers({ gates: gatesOf(config), tokens, sessions, anyLocalUser, onMessage }),
    sessions,
    taps,
    requests,
    strangers: strangersOf({ spool, quarantine, tapsChanged, onMessage }),
    beams: new Beams({ spool, requests, push, options }),
    quarantine,
    changes,
    transfers,
    forgetting: new Forgetting(pintglas, changes, options),
    options,
  }
}

interface StrangerNeeds {
  spool: Spool
  quarantine: Quarantine
  tapsChanged: () => void
  onMessage: (message: string) => void
}

function strangersOf({ spool, quarantine, tapsChanged, onMessage }: StrangerNeeds): SamplerParts['strangers'] {
  const taps = new LiveTaps(tapsChanged)
  const requests = new SnapshotRequests(taps)
  return { taps, requests, beams: new StrangerBeams({ spool, quarantine, requests, onMessage }) }
}

/** A Tap with a token, or of this user, speaks for its image; what another one says is taken down, and waits. */
export function takeTap(parts: SamplerParts, { caller, from, ...upgrade }: TapUpgrade): void {
  const { pintglas, taps, requests, strangers, beams, transfers, options } = parts
  const { onMessage } = options
  const isOwn = isOwnTap(caller, from)
  const known: TapPorts = {
    isOwn,
    taps,
    requests,
    receive: (message, zip) => beams.receive({ ...message, isOwn }, zip),
    handOver: isOwn ? (message, ...rest) => beams.handOver({ ...message, isOwn }, ...rest) : undefined,
    glasOf: (message) => glasOfLive(pintglas.parts, { ...message, isOwn }),
    transfers,
    onMessage,
  }
  const unknown: TapPorts = {
    ...known,
    ...strangers,
    receive: (message, zip) => strangers.beams.receive(message, zip, from),
    handOver: undefined,
    glasOf: async () => undefined,
  }
  void serveTap(caller === undefined ? unknown : known, { ...upgrade, caller })
}

/** Directories here are read and noted in for it: only for somebody on this machine who may do everything with this home. */
function isOwnTap(caller: Caller | undefined, from: string): boolean {
  return caller !== undefined && mayAct(caller, 'admin') && caller.glases === undefined && isLoopbackAddress(from)
}
