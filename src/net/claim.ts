import type { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import type { Fields } from '../glas/fields.ts'
import { recordCidOf } from '../glas/hash.ts'
import { type KeyPair, PUBLIC_KEY_BYTES, type PublicKey } from '../glas/keys.ts'
import { openSealed, type Signed, type SignedForm, seal } from '../glas/signed.ts'

/** Records in one claim, held and dropped together: 38 bytes each, so that it fits into one message of gossip. */
export const MAX_RECORDS_PER_CLAIM = 1024
export const MAX_CLAIM_BYTES = 48 * 1024

/** What a peer says of itself. Worth a challenge, not more. */
export interface Claim {
  /** The peer that speaks, and signs. */
  peer: PublicKey
  /**
   * Higher than in any claim before: milliseconds of the peer's own clock, counted on where that did not advance.
   * Compared with nothing but the same peer's other claims.
   */
  sequence: number
  /** Records of which the peer holds all blocks. */
  held: CID[]
  /** Records that it holds no longer. Those not named at all stay as they were. */
  dropped: CID[]
}

const CLAIM: SignedForm<Claim> = {
  purpose: 'claim',
  format: 1,
  maxBytes: MAX_CLAIM_BYTES,
  code: 'BadMessage',
  what: 'The claim',
  read: claimOf,
  signerOf: (body) => body.peer,
}

export function signClaim(body: Claim, signer: KeyPair): Signed<Claim> {
  const bytesOf = (cids: CID[]) => cids.map((cid) => cid.bytes)
  return seal(CLAIM, { ...body, held: bytesOf(body.held), dropped: bytesOf(body.dropped) }, signer)
}

/** Verifies form and signature; BadMessage, BadSignature, LimitExceeded or UnknownFormat. */
export function decodeClaim(bytes: Uint8Array): Signed<Claim> {
  return openSealed(CLAIM, bytes)
}

function claimOf(fields: Fields): Claim {
  const held = recordsField(fields, 'held')
  const dropped = recordsField(fields, 'dropped')
  if (held.length + dropped.length > MAX_RECORDS_PER_CLAIM) {
    throw new GlasError('LimitExceeded', `A claim names at most ${MAX_RECORDS_PER_CLAIM} records.`)
  }
  return { peer: fields.bytes('peer', PUBLIC_KEY_BYTES), sequence: fields.integer('sequence'), held, dropped }
}

function recordsField(fields: Fields, name: string): CID[] {
  return fields.list(name, MAX_RECORDS_PER_CLAIM).map((item) => {
    const cid = item instanceof Uint8Array ? recordCidOf(item) : undefined
    if (cid === undefined) throw fields.bad(name, 'a list of record CIDs')
    return cid
  })
}
