import { note, tag, untag } from './annotate.ts'
import { check } from './check.ts'
import { find } from './find.ts'
import { follow, following, unfollow } from './follow.ts'
import { forget } from './forget.ts'
import { gc } from './gc.ts'
import { grant, grants, revoke } from './grants.ts'
import { id, keyExport, keyImport } from './identity.ts'
import { importDirectory } from './import.ts'
import { init } from './init.ts'
import { log } from './log.ts'
import { ls } from './ls.ts'
import { pin, unpin } from './pins.ts'
import { pull } from './pull.ts'
import { push } from './push.ts'
import { repack } from './repack.ts'
import { getConfig, setConfig } from './settings.ts'
import { show } from './show.ts'
import { homeStatus, status } from './status.ts'
import { addPeer, invite, join, listen, members, peers, removeMember, removePeer } from './swarm.ts'

/**
 * Every use case by its name, which is also what the command line asks a running daemon for. `reading` works beside a
 * writer and takes no lock; `writing` takes it, and may use the network.
 */
export const VERBS = {
  addPeer: { access: 'writing', run: addPeer },
  check: { access: 'writing', run: check },
  find: { access: 'reading', run: find },
  follow: { access: 'writing', run: follow },
  following: { access: 'reading', run: following },
  forget: { access: 'writing', run: forget },
  gc: { access: 'writing', run: gc },
  getConfig: { access: 'reading', run: getConfig },
  grant: { access: 'writing', run: grant },
  grants: { access: 'reading', run: grants },
  homeStatus: { access: 'reading', run: homeStatus },
  id: { access: 'reading', run: id },
  import: { access: 'writing', run: importDirectory },
  init: { access: 'writing', run: init },
  invite: { access: 'writing', run: invite },
  join: { access: 'writing', run: join },
  keyExport: { access: 'reading', run: keyExport },
  keyImport: { access: 'writing', run: keyImport },
  listen: { access: 'writing', run: listen },
  log: { access: 'reading', run: log },
  ls: { access: 'reading', run: ls },
  members: { access: 'reading', run: members },
  note: { access: 'writing', run: note },
  peers: { access: 'writing', run: peers },
  pin: { access: 'writing', run: pin },
  pull: { access: 'writing', run: pull },
  push: { access: 'writing', run: push },
  removeMember: { access: 'writing', run: removeMember },
  removePeer: { access: 'writing', run: removePeer },
  repack: { access: 'writing', run: repack },
  revoke: { access: 'writing', run: revoke },
  setConfig: { access: 'writing', run: setConfig },
  show: { access: 'reading', run: show },
  status: { access: 'writing', run: status },
  tag: { access: 'writing', run: tag },
  unfollow: { access: 'writing', run: unfollow },
  unpin: { access: 'writing', run: unpin },
  untag: { access: 'writing', run: untag },
} as const
