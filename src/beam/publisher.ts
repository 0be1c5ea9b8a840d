import type { GlasEntryBase } from '../glas/entry.ts'
import { GlasError } from '../glas/errors.ts'
import { type GlasId, glasIdOf } from '../glas/glas-id.ts'
import { type ImageId, rootOf } from '../glas/image-id.ts'
import { fromHex, type PublicKey, sameBytes } from '../glas/keys.ts'
import { publishingOwner } from '../home/home.ts'
import type { GlasView } from '../index/glas-view.ts'
import { newGrant } from './grants.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'
import { publish } from './publish.ts'

type Publishing = Pick<Parts, 'home' | 'index' | 'running'>

/** Under whose name this home may write about a glas, and the grant that says so. */
export type Publisher = Omit<GlasEntryBase, 'sequence'>

/**
 * Who publishes a snapshot of an image. The glas that the directory came from where this home may write there; else one
 * of the person that this home publishes for; else one of its own. `known` is that first glas, from the sidecar.
 */
export async function publisherOf(
  parts: Publishing,
  imageId: ImageId,
  known: GlasId | undefined,
  options: Pick<CallOptions, 'onMessage'>,
): Promise<Publisher> {
  const root = rootOf(imageId)
  const knownOwner = known === undefined ? undefined : parts.index.view.glas(known)?.owner
  const owners = [...(knownOwner === undefined ? [] : [knownOwner]), fromHex(publishingOwner(parts.home))]
  for (const owner of owners) {
    const publisher = await publisherFor(parts, owner, root, options)
    if (publisher !== undefined) return publisher
  }
  const own = await publisherFor(parts, parts.home.owner.publicKey, root, options)
  if (own === undefined) throw new GlasError('Internal', 'This home has no grant for its own glases.')
  return own
}

/** Who writes about a glas that is there: a tag, a note, a retraction. NotAllowed without a grant. */
export async function annotatorOf(
  parts: Publishing,
  glas: GlasView,
  options: Pick<CallOptions, 'onMessage'>,
): Promise<Publisher> {
  const body = (glas.latest ?? glas.versions().at(-1))?.published[0]?.entry.body
  const publisher = body === undefined ? undefined : await publisherFor(parts, body.owner, body.root, options)
  if (publisher !== undefined) return publisher
  const { glasId, imageName } = glas
  const message = `"${imageName}" (${glasId}) belongs to somebody else. Its owner can allow it with \`pintglas grant\`.`
  throw new GlasError('NotAllowed', message, { data: { 'glas-id': glasId } })
}

async function publisherFor(
  parts: Publishing,
  owner: PublicKey,
  root: string,
  options: Pick<CallOptions, 'onMessage'>,
): Promise<Publisher | undefined> {
  const { home, index } = parts
  const glasId = glasIdOf(owner, root)
  const writer = home.peer.publicKey
  let grant = index.view.grants.usable(writer, owner, glasId)
  if (grant === undefined && sameBytes(owner, home.owner.publicKey)) {
    await grantMyself(parts, options)
    grant = index.view.grants.usable(writer, owner, glasId)
  }
  if (grant === undefined) return undefined
  return { glasId, owner, root, writer, grant: grant.entry.id }
}

/** The home that holds the owner key publishes under a grant like everybody else: there is one rule for all. */
async function grantMyself(parts: Publishing, options: Pick<CallOptions, 'onMessage'>): Promise<void> {
  await publish(parts, [newGrant(parts.home, parts.home.peer.publicKey, null)], options)
}
