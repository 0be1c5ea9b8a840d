import { decodeEntry } from '../glas/entry.ts'
import { GlasError, isGlasError } from '../glas/errors.ts'
import { peerIdText, sameBytes, toHex } from '../glas/keys.ts'
import type { TapRight } from '../glas/tap-right.ts'
import { ownGlas } from './grants.ts'
import { memberNamed } from './names.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'
import { changeConfig } from './settings.ts'
import { grantedTapRight, setTapRight } from './tap-rights.ts'

export interface InviteArgs {
  hours: number
  /** The new member may invite others. */
  mayInvite: boolean
  /** What it may publish of this owner's: a glas, `all`, or null for nothing. */
  grant: string | null
  /** Addresses to put into the line instead of those that this peer knows of itself. */
  addresses: string[]
}

const MS_PER_HOUR = 3_600_000

/** One line of text that lets one machine in, once. */
export async function invite(
  parts: Parts,
  args: InviteArgs,
  { onMessage }: CallOptions,
): Promise<{ invitation: string }> {
  const network = await parts.network()
  const { hours, mayInvite, grant, addresses } = args
  const invitation = await network.peer.invite({
    validMs: hours * MS_PER_HOUR,
    mayInvite,
    ...(grant === null ? {} : { grant: { glasId: grant === 'all' ? null : ownGlas(parts, grant) } }),
    ...(addresses.length === 0 ? {} : { addresses: addresses.map((address) => network.parseAddress(address)) }),
  })
  if (network.isForHereAlone(invitation)) {
    onMessage(
      'It is for this machine alone. For others: `pintglas listen <address:port>`, start the daemon anew, invite again.',
    )
  }
  if (!parts.isDaemon) onMessage('Keep this peer up until the other has joined: `pintglas daemon`.')
  return { invitation }
}

export interface JoinResult {
  swarm: string
  inviter: string
  /** This home now publishes for the inviter's owner. */
  publishing: string
}

/** Becomes a member of the inviter's swarm, with the grants that the invitation brings. */
export async function join(
  parts: Parts,
  { invitation, leave }: { invitation: string; leave: boolean },
  { signal }: CallOptions,
): Promise<JoinResult> {
  const network = await parts.network()
  await network.peer.settled(signal) // the inviter may be behind the ssh of a permanent peer
  const { inviter, grants } = await network.peer.join(invitation.trim(), { leave, signal })
  await parts.index.add(grants, peerIdText(inviter))
  let publishing = ''
  for (const bytes of grants) {
    const { body } = decodeEntry(bytes)
    if (body.kind !== 'grant' || body.glasId !== null || !sameBytes(body.grantee, parts.home.peer.publicKey)) continue
    publishing = toHex(body.owner)
    await changeConfig(parts, { owner: publishing })
  }
  await network.catchUp(inviter, signal).catch(() => {}) // comes by itself a little later
  const member = parts.swarm.membership.member(inviter)
  return { swarm: parts.swarm.membership.swarm, inviter: member?.name ?? peerIdText(inviter), publishing }
}

export interface ListedMember {
  name: string
  peerId: string
  owner: string
  mayInvite: boolean
  founder: boolean
  self: boolean
  connected: boolean
  /** What it may with the images that run here. */
  taps: TapRight
}

export async function members({ swarm, home, running }: Parts): Promise<{ members: ListedMember[] }> {
  const up = running()?.membersUp() ?? []
  const listed = swarm.membership.members().map(({ name, peerKey, owner, mayInvite, isFounder }) => ({
    name,
    peerId: peerIdText(peerKey),
    owner: toHex(owner),
    mayInvite,
    founder: isFounder,
    self: sameBytes(peerKey, home.peer.publicKey),
    connected: up.some((one) => sameBytes(one, peerKey)),
    taps: sameBytes(peerKey, home.peer.publicKey) ? ('snap' as const) : grantedTapRight(home, peerKey),
  }))
  return { members: listed }
}

/** Takes a member out of the swarm: it gets nothing private any more, and keeps what it has. */
export async function removeMember(
  parts: Parts,
  { peer, withInvited }: { peer: string; withInvited: boolean },
): Promise<{ removed: string[] }> {
  const network = await parts.network()
  const { removals } = await network.peer.remove(memberNamed(parts, peer), { withInvited })
  // It may be invited again one day, and then begins with nothing.
  for (const { body } of removals) await setTapRight(parts, body.subject, 'nothing')
  return { removed: removals.map(({ body }) => peerIdText(body.subject)) }
}

/** The addresses to listen at. Others than loopback open the port to whoever reaches this machine. */
export async function listen(
  parts: Parts,
  { addresses }: { addresses: string[] },
  { onMessage }: CallOptions,
): Promise<{ listen: string[] }> {
  if (addresses.length > 0) {
    await changeConfig(parts, { listen: addresses })
    if (parts.isDaemon) onMessage('The daemon listens there after its next start.')
  }
  return { listen: parts.home.config.listen }
}

export interface ListedPeer {
  address: string
  connected: boolean
  /** Why it is not. */
  error: string
}

/** The permanent peers, and whether they are connected: each was tried at least once. */
export async function peers(
  parts: Parts,
  _args: object,
  { signal }: Pick<CallOptions, 'signal'>,
): Promise<{ peers: ListedPeer[] }> {
  const network = await parts.network()
  await network.peer.settled(signal)
  return {
    peers: network.peer.permanent().map(({ text, isConnected, error }) => ({
      address: text,
      connected: isConnected,
      error: isConnected ? '' : (error?.message ?? ''),
    })),
  }
}

/** Connects once, to see that it works, and from then on always. */
export async function addPeer(
  parts: Parts,
  { address }: { address: string },
  { signal, onMessage }: CallOptions,
): Promise<{ peers: ListedPeer[] }> {
  const network = await parts.network()
  try {
    const { isMember } = await network.peer.connect(address, { signal })
    if (!isMember)
      onMessage('It answers, but is no member of this swarm: `pintglas invite` there, `pintglas join` here.')
  } catch (error) {
    if (!isGlasError(error, 'PeerUnreachable') && !isGlasError(error, 'TimedOut')) throw error
    onMessage(`${error.message} It is tried again from time to time.`)
  }
  await network.peer.addPermanent(address)
  return peers(parts, {}, { signal })
}

export async function removePeer(
  parts: Parts,
  { address }: { address: string },
  options: Pick<CallOptions, 'signal'>,
): Promise<{ peers: ListedPeer[] }> {
  const network = await parts.network()
  if (!(await network.peer.removePermanent(address))) {
    throw new GlasError('PeerNotFound', `"${address}" is no permanent peer. \`pintglas peers\` lists them.`)
  }
  return peers(parts, {}, options)
}
