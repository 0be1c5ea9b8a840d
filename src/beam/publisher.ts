import { randomBytes } from 'node:crypto'
import { type GlasEntryBase, GRANT_NONCE_BYTES, signEntry } from '../glas/entry.ts'
import { GlasError } from '../glas/errors.ts'
import { type GlasId, glasIdOf } from '../glas/glas-id.ts'
import { type ImageId, rootOf } from '../glas/image-id.ts'
import { fromHex, type PublicKey, sameBytes } from '../glas/keys.ts'
import { publishingOwner } from '../home/home.ts'
import type { GlasView } from '../index/glas-view.ts'
import type { Parts } from './parts.ts'

/** Under whose name this home may write about a glas, and the grant that says so. */
export type Publisher = Omit<GlasEntryBase, 'sequence'>

/**
 * Who publishes a snapshot of an image. The glas that the directory came from where this home may write there; else one
 * of the person that this home publishes for; else one of its own. `known` is that first glas, from the sidecar.
 */
export async function publisherOf(
  parts: Pick<Parts, 'home' | 'index'>,
  imageId: ImageId,
  known: GlasId | undefined,
): Promise<Publisher> {
  const root = rootOf(imageId)
  const knownOwner = known === undefined ? undefined : parts.index.view.glas(known)?.owner
  const owners = [...(knownOwner === undefined ? [] : [knownOwner]), fromHex(publishingOwner(parts.home))]
  for (const owner of owners) {
    const publisher = await publisherFor(parts, owner, root)
    if (publisher !== undefined) return publisher
  }
  const own = await publisherFor(parts, parts.home.owner.publicKey, root)
  if (own === undefined) throw new GlasError('Internal', 'This home has no grant for its own glases.')
  return own
}

/** Who writes about a glas that is there: a tag, a note, a retraction. NotAllowed without a grant. */
export async function annotatorOf(parts: Pick<Parts, 'home' | 'index'>, glas: GlasView): Promise<Publisher> {
  const body = (glas.latest ?? glas.versions().at(-1))?.published[0]?.entry.body
  const publisher = body === undefined ? undefined : await publisherFor(parts, body.owner, body.root)
  if (publisher !== undefined) return publisher
  const { glasId, imageName } = glas
  const message = `"${imageName}" (${glasId}) belongs to somebody else. Its owner can allow it with \`pintglas grant\`.`
  throw new GlasError('NotAllowed', message, { data: { 'glas-id': glasId } })
}

async function publisherFor(
  parts: Pick<Parts, 'home' | 'index'>,
  owner: PublicKey,
  root: string,
): Promise<Publisher | undefined> {
  const { home, index } = parts
  const glasId = glasIdOf(owner, root)
  const writer = home.peer.publicKey
  let grant = index.view.grants.usable(writer, owner, glasId)
  if (grant === undefined && sameBytes(owner, home.owner.publicKey)) {
    await grantMyself(parts)
    grant = index.view.grants.usable(writer, owner, glasId)
  }
  if (grant === undefined) return undefined
  return { glasId, owner, root, writer, grant: grant.entry.id }
}

/** The home that holds the owner key publishes under a grant like everybody else: there is one rule for all. */
async function grantMyself({ home, index }: Pick<Parts, 'home' | 'index'>): Promise<void> {
  const grant = signEntry(
    {
      kind: 'grant',
      owner: home.owner.publicKey,
      grantee: home.peer.publicKey,
      glasId: null,
      own: true,
      nonce: new Uint8Array(randomBytes(GRANT_NONCE_BYTES)),
    },
    home.owner,
  )
  await index.add([grant.bytes], 'here')
}
