import type { CID } from 'multiformats/cid'
import { GlasError, isGlasError } from '../glas/errors.ts'
import { peerIdText } from '../glas/keys.ts'
import type { Network } from '../net/network.ts'

/** What is wrong with one holder, and no reason not to ask others. */
const OF_ONE_HOLDER = [
  'PeerUnreachable',
  'TimedOut',
  'BlockMismatch',
  'BadMessage',
  'NotAllowed',
  'LimitExceeded',
] as const

export function mayTryAnother(error: unknown): boolean {
  return OF_ONE_HOLDER.some((code) => isGlasError(error, code))
}

/** A holder sent something else than what the hash says. */
export function isLie(error: unknown): boolean {
  return isGlasError(error, 'BlockMismatch') || isGlasError(error, 'BadMessage')
}

export function noProviders(cid: CID, network: Network): GlasError {
  const up = network.membersUp()
  const who =
    up.length === 0
      ? 'No member of the swarm can be reached'
      : `None of the ${up.length} members that are up holds all of it`
  return new GlasError('NoProviders', `${who}. Start \`pintglas daemon\` where the snapshot is, then try again.`, {
    data: { record: String(cid), asked: up.map(peerIdText) },
  })
}
