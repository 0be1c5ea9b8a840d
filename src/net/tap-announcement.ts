import { GlasError } from '../glas/errors.ts'
import { Fields } from '../glas/fields.ts'
import { fromHex, type KeyPair, PUBLIC_KEY_BYTES, type PublicKey, toHex } from '../glas/keys.ts'
import { MAX_IMAGE_NAME_BYTES } from '../glas/limits.ts'
import { openSealed, type Signed, type SignedForm, seal } from '../glas/signed.ts'

/** Images of one peer that others hear of; a person has a few, a node of a cluster some hundred. */
export const MAX_ANNOUNCED_TAPS = 256
/** So many with names of usual length, fewer with long ones: one message of gossip, and little to keep for each peer. */
export const MAX_ANNOUNCEMENT_BYTES = 24 * 1024
/** What stands around the taps: signature, key, names of fields. */
const FRAME_BYTES = 512
/** What stands around one name. */
const TAP_FRAME_BYTES = 32
/** Enough that two taps of a peer never have the same. */
export const TAP_ID_BYTES = 8

/** All that every member may know of a running image: that there is one, and its name. */
export interface AnnouncedTap {
  /** 16 hex digits; means something to the announcing peer alone. */
  id: string
  name: string
}

/** What a peer says of the images that are connected to it: all of them, each time. */
export interface TapAnnouncement {
  /** The peer that speaks, and signs. */
  peer: PublicKey
  /** Higher than in any announcement before, as in claims. */
  sequence: number
  taps: AnnouncedTap[]
}

const ANNOUNCEMENT: SignedForm<TapAnnouncement> = {
  purpose: 'taps',
  format: 1,
  maxBytes: MAX_ANNOUNCEMENT_BYTES,
  code: 'BadMessage',
  what: 'The announcement of taps',
  read: announcementOf,
  signerOf: (body) => body.peer,
}

export function signAnnouncement({ taps, ...body }: TapAnnouncement, signer: KeyPair): Signed<TapAnnouncement> {
  const written = taps.map(({ id, name }) => ({ id: fromHex(id), name }))
  return seal(ANNOUNCEMENT, { ...body, taps: written }, signer)
}

/** Verifies form and signature; BadMessage, BadSignature, LimitExceeded or UnknownFormat. */
export function decodeAnnouncement(bytes: Uint8Array): Signed<TapAnnouncement> {
  return openSealed(ANNOUNCEMENT, bytes)
}

/** The first of them, as many as fit. */
export function announceable(taps: readonly AnnouncedTap[]): AnnouncedTap[] {
  let leftBytes = MAX_ANNOUNCEMENT_BYTES - FRAME_BYTES
  return taps.slice(0, MAX_ANNOUNCED_TAPS).filter(({ name }) => {
    leftBytes -= Buffer.byteLength(name) + TAP_FRAME_BYTES
    return leftBytes >= 0
  })
}

function announcementOf(fields: Fields): TapAnnouncement {
  const taps = fields.list('taps', MAX_ANNOUNCED_TAPS).map((item) => {
    const tap = new Fields(item, 'BadMessage', 'A tap in an announcement')
    return { id: toHex(tap.bytes('id', TAP_ID_BYTES)), name: tap.text('name', MAX_IMAGE_NAME_BYTES) }
  })
  if (new Set(taps.map(({ id }) => id)).size < taps.length) {
    throw new GlasError('BadMessage', 'An announcement names a tap twice.')
  }
  return { peer: fields.bytes('peer', PUBLIC_KEY_BYTES), sequence: fields.integer('sequence'), taps }
}
