import { addAccept } from './accept.ts'
import { addAnnotations } from './annotate.ts'
import { addDaemon } from './daemon.ts'
import { addFind } from './find.ts'
import { addFollow } from './follow.ts'
import { addForget } from './forget.ts'
import { addGrant } from './grant.ts'
import { addIdentity } from './identity.ts'
import { addImport } from './import.ts'
import { addKeeping } from './keeping.ts'
import { addLive } from './live.ts'
import { addLog } from './log.ts'
import { addLs } from './ls.ts'
import { addOpen } from './open.ts'
import { addPull } from './pull.ts'
import { addPush } from './push.ts'
import { addRemotes } from './remotes.ts'
import { addSchedule } from './schedule.ts'
import { addSend } from './send.ts'
import { addShow } from './show.ts'
import { addStatus } from './status.ts'
import { addSwarm } from './swarm.ts'
import { addTokens } from './token.ts'
import type { AddVerb } from './verb.ts'
import { addWatch } from './watch.ts'

/** In the order of the help. */
const ALL: AddVerb[] = [
  addPush,
  addPull,
  addImport,
  addLs,
  addLog,
  addShow,
  addStatus,
  addFind,
  addAnnotations,
  addForget,
  addKeeping,
  addRemotes,
  addSwarm,
  addGrant,
  addFollow,
  addSend,
  addIdentity,
  addDaemon,
  addLive,
  addWatch,
  addSchedule,
  addOpen,
  addTokens,
  addAccept,
]

export const addVerbs: AddVerb = (program, start) => {
  for (const add of ALL) add(program, start)
}
