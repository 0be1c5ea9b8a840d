import { randomBytes } from 'node:crypto'
import { type Entry, GRANT_NONCE_BYTES, type GrantEntry, type RevokeEntry, signEntry } from '../glas/entry.ts'
import { GlasError } from '../glas/errors.ts'
import type { GlasId } from '../glas/glas-id.ts'
import { type PublicKey, sameBytes, toHex } from '../glas/keys.ts'
import { MAX_KEPT_ENTRIES } from '../glas/limits.ts'
import type { Home } from '../home/home.ts'
import { findGlas } from './lookup.ts'
import { memberNamed, peerName } from './names.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'
import { publish } from './publish.ts'

export interface ListedGrant {
  grant: string
  peer: string
  /** Empty for all glases. */
  'glas-id': string
  revoked: boolean
}

type Granting = Pick<Parts, 'home' | 'index' | 'running' | 'swarm'>

/** A grant of this home's owner, signed; `glasId` null for everything the owner has and will have. */
export function newGrant(home: Home, grantee: PublicKey, glasId: GlasId | null): Entry<GrantEntry> {
  const nonce = new Uint8Array(randomBytes(GRANT_NONCE_BYTES))
  const owner = home.owner.publicKey
  return signEntry(
    { kind: 'grant', owner, grantee, glasId, own: sameBytes(grantee, home.peer.publicKey), nonce },
    home.owner,
  )
}

/** Lets a member publish in one glas (`reference`), or in all of this owner's. */
export async function grant(
  parts: Granting,
  { peer, reference }: { peer: string; reference: string | null },
  options: CallOptions,
): Promise<ListedGrant> {
  const grantee = memberNamed(parts, peer)
  const glasId = reference === null ? null : ownGlas(parts, reference)
  const entry = newGrant(parts.home, grantee, glasId)
  await publish(parts, [entry], options)
  return { grant: toHex(entry.id), peer: peerName(parts, grantee), 'glas-id': glasId ?? '', revoked: false }
}

/** Ends a grant by its id, or all grants of a member. What was published under them until now stays valid. */
export async function revoke(
  parts: Granting,
  { grant: text }: { grant: string },
  options: CallOptions,
): Promise<{ revoked: ListedGrant[] }> {
  const mine = ownGrants(parts).filter(({ revoked }) => !revoked)
  const byId = mine.filter(({ id }) => text.length >= 8 && id.startsWith(text))
  const ended =
    byId.length > 0 ? byId : mine.filter(({ entry }) => sameBytes(entry.body.grantee, memberNamed(parts, text)))
  if (ended.length === 0) {
    throw new GlasError('NameNotFound', `"${text}" has no grant from you. \`pintglas grant\` lists them.`)
  }
  await publish(
    parts,
    ended.flatMap(({ id, entry }) => revocations(parts, id, entry)),
    options,
  )
  return { revoked: ended.map(({ id, entry }) => ({ ...listed(parts, id, entry), revoked: true })) }
}

export async function grants(parts: Granting): Promise<{ grants: ListedGrant[] }> {
  return { grants: ownGrants(parts).map(({ id, entry, revoked }) => ({ ...listed(parts, id, entry), revoked })) }
}

function ownGrants({ home, index }: Granting) {
  return index.view.grants
    .all()
    .filter(({ entry: { body } }) => sameBytes(body.owner, home.owner.publicKey) && !body.own)
}

/** One revocation names a limited number of entries to keep; several keep what any of them names. */
function revocations({ home, index }: Granting, id: string, entry: Entry<GrantEntry>): Entry<RevokeEntry>[] {
  const kept = index.view.countedUnder(id)
  const parts: Uint8Array[][] = [[]]
  for (const one of kept) {
    if ((parts.at(-1)?.length ?? 0) >= MAX_KEPT_ENTRIES) parts.push([])
    parts.at(-1)?.push(one)
  }
  return parts.map((some) => {
    return signEntry({ kind: 'revoke', owner: home.owner.publicKey, grant: entry.id, kept: some }, home.owner)
  })
}

function listed(parts: Granting, id: string, { body }: Entry<GrantEntry>): Omit<ListedGrant, 'revoked'> {
  return { grant: id, peer: peerName(parts, body.grantee), 'glas-id': body.glasId ?? '' }
}

/** NotAllowed for another owner's: a grant of it would be worth nothing. */
export function ownGlas(parts: Granting, reference: string): GlasId {
  const glas = findGlas(parts, reference)
  if (glas.owner !== undefined && sameBytes(glas.owner, parts.home.owner.publicKey)) return glas.glasId
  throw new GlasError('NotAllowed', `"${glas.imageName}" (${glas.glasId}) is not yours to grant. Its owner is.`)
}
