import { addAnnotations } from './annotate.ts'
import { addDaemon } from './daemon.ts'
import { addFind } from './find.ts'
import { addFollow } from './follow.ts'
import { addGrant } from './grant.ts'
import { addIdentity } from './identity.ts'
import { addImport } from './import.ts'
import { addKeeping } from './keeping.ts'
import { addLive } from './live.ts'
import { addLog } from './log.ts'
import { addLs } from './ls.ts'
import { addPull } from './pull.ts'
import { addPush } from './push.ts'
import { addRemotes } from './remotes.ts'
import { addShow } from './show.ts'
import { addStatus } from './status.ts'
import { addSwarm } from './swarm.ts'
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
  addKeeping,
  addRemotes,
  addSwarm,
  addGrant,
  addFollow,
  addIdentity,
  addDaemon,
  addLive,
  addWatch,
]

export const addVerbs: AddVerb = (program, start) => {
  for (const add of ALL) add(program, start)
}
