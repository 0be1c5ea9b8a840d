import { note, tag, untag } from './annotate.ts'
import { changes } from './changes.ts'
import { check } from './check.ts'
import { find } from './find.ts'
import { follow, following, unfollow } from './follow.ts'
import { forget } from './forget.ts'
import { forgetByPolicy } from './forget-by-policy.ts'
import { gc } from './gc.ts'
import { grant, grants, revoke } from './grants.ts'
import { id, keyExport, keyImport } from './identity.ts'
import { importDirectory } from './import.ts'
import { init } from './init.ts'
import { lineage } from './lineage.ts'
import { live } from './live.ts'
import { log } from './log.ts'
import { ls } from './ls.ts'
import { pin, unpin } from './pins.ts'
import { pull } from './pull.ts'
import { push } from './push.ts'
import { pinRemotely, remotePins, unpinRemotely } from './remote-pins.ts'
import { addRemote, remotes, removeRemote } from './remotes.ts'
import { repack } from './repack.ts'
import { addSchedule, removeSchedule, schedules } from './schedule.ts'
import { send, sending, unsend } from './send.ts'
import { getConfig, setConfig } from './settings.ts'
import { show } from './show.ts'
import { snap } from './snap.ts'
import { homeStatus, status } from './status.ts'
import { addPeer, invite, join, listen, members, peers, removeMember, removePeer } from './swarm.ts'
import { allowMember } from './tap-rights.ts'
import { addToken, revokeToken, tokens } from './tokens.ts'

/**
 * Every use case by its name, which is also what the command line asks a running daemon for. `reading` works beside a
 * writer and takes no lock; `writing` takes it, and may use the network.
 */
export const VERBS = {
  addPeer: { access: 'writing', run: addPeer },
  addRemote: { access: 'writing', run: addRemote },
  addSchedule: { access: 'writing', run: addSchedule },
  addToken: { access: 'writing', run: addToken },
  allowMember: { access: 'writing', run: allowMember },
  changes: { access: 'reading', run: changes },
  check: { access: 'writing', run: check },
  find: { access: 'reading', run: find },
  follow: { access: 'writing', run: follow },
  following: { access: 'reading', run: following },
  forget: { access: 'writing', run: forget },
  forgetByPolicy: { access: 'writing', run: forgetByPolicy },
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
  lineage: { access: 'reading', run: lineage },
  listen: { access: 'writing', run: listen },
  live: { access: 'writing', run: live },
  log: { access: 'reading', run: log },
  ls: { access: 'reading', run: ls },
  members: { access: 'reading', run: members },
  note: { access: 'writing', run: note },
  peers: { access: 'writing', run: peers },
  pin: { access: 'writing', run: pin },
  pinRemotely: { access: 'writing', run: pinRemotely },
  pull: { access: 'writing', run: pull },
  push: { access: 'writing', run: push },
  removeMember: { access: 'writing', run: removeMember },
  removePeer: { access: 'writing', run: removePeer },
  remotePins: { access: 'reading', run: remotePins },
  remotes: { access: 'reading', run: remotes },
  removeRemote: { access: 'writing', run: removeRemote },
  removeSchedule: { access: 'writing', run: removeSchedule },
  repack: { access: 'writing', run: repack },
  revoke: { access: 'writing', run: revoke },
  revokeToken: { access: 'writing', run: revokeToken },
  schedules: { access: 'reading', run: schedules },
  send: { access: 'writing', run: send },
  sending: { access: 'reading', run: sending },
  setConfig: { access: 'writing', run: setConfig },
  show: { access: 'reading', run: show },
  snap: { access: 'writing', run: snap },
  status: { access: 'writing', run: status },
  tag: { access: 'writing', run: tag },
  tokens: { access: 'reading', run: tokens },
  unfollow: { access: 'writing', run: unfollow },
  unpin: { access: 'writing', run: unpin },
  unpinRemotely: { access: 'writing', run: unpinRemotely },
  unsend: { access: 'writing', run: unsend },
  untag: { access: 'writing', run: untag },
} as const
