import { encodeCanonical } from './canonical.ts'
import type { Fields } from './fields.ts'
import { sha256 } from './hash.ts'
import { type KeyPair, PUBLIC_KEY_BYTES, type PublicKey, toHex } from './keys.ts'
import { openSealed, type Signed, type SignedForm, seal } from './signed.ts'

/** A certificate holds four keys and a name. */
export const MAX_CERTIFICATE_BYTES = 1024
export const MAX_MEMBER_NAME_BYTES = 64
export const SWARM_NONCE_BYTES = 16
const SWARM_ID_CHARS = 64

/** A swarm is named by its founder and a random number: 32 bytes of SHA-256, in hex. */
export type SwarmId = string

export function swarmIdOf(founder: PublicKey, nonce: Uint8Array): SwarmId {
  return toHex(sha256(encodeCanonical({ founder, nonce })))
}

/** Lets `subject` (a peer key) into the swarm. Worth nothing to anyone who has not that peer's key. */
export interface Certificate {
  swarm: SwarmId
  /** Peer key of the founder and the swarm's number: together they prove the swarm id. */
  founder: PublicKey
  nonce: Uint8Array
  subject: PublicKey
  /** Owner key that the subject says is its person's. */
  owner: PublicKey
  /** What the member is called in lists; the host name it gave when it joined, unless told otherwise. */
  name: string
  mayInvite: boolean
  /** Peer key that signs: the founder, or a member that may invite. */
  issuer: PublicKey
}

/** Signed by the founder or by the issuer of the certificate: the peer is no member any more. */
export interface Removal {
  swarm: SwarmId
  subject: PublicKey
  issuer: PublicKey
}

const CERTIFICATE: SignedForm<Certificate> = {
  purpose: 'certificate',
  format: 1,
  maxBytes: MAX_CERTIFICATE_BYTES,
  code: 'BadMessage',
  what: 'The certificate',
  read: certificateOf,
  signerOf: (body) => body.issuer,
}

const REMOVAL: SignedForm<Removal> = {
  purpose: 'removal',
  format: 1,
  maxBytes: MAX_CERTIFICATE_BYTES,
  code: 'BadMessage',
  what: 'The removal',
  read: removalOf,
  signerOf: (body) => body.issuer,
}

export function signCertificate(body: Certificate, issuer: KeyPair): Signed<Certificate> {
  return seal(CERTIFICATE, { ...body }, issuer)
}

export function signRemoval(body: Removal, issuer: KeyPair): Signed<Removal> {
  return seal(REMOVAL, { ...body }, issuer)
}

/** Verifies form, swarm id and signature. Whether the issuer may invite is the membership's to decide. */
export function decodeCertificate(bytes: Uint8Array): Signed<Certificate> {
  return openSealed(CERTIFICATE, bytes)
}

export function decodeRemoval(bytes: Uint8Array): Signed<Removal> {
  return openSealed(REMOVAL, bytes)
}

function certificateOf(fields: Fields): Certificate {
  const body: Certificate = {
    swarm: fields.text('swarm', SWARM_ID_CHARS),
    founder: fields.bytes('founder', PUBLIC_KEY_BYTES),
    nonce: fields.bytes('nonce', SWARM_NONCE_BYTES),
    subject: fields.bytes('subject', PUBLIC_KEY_BYTES),
    owner: fields.bytes('owner', PUBLIC_KEY_BYTES),
    name: fields.text('name', MAX_MEMBER_NAME_BYTES),
    mayInvite: fields.boolean('mayInvite'),
    issuer: fields.bytes('issuer', PUBLIC_KEY_BYTES),
  }
  if (swarmIdOf(body.founder, body.nonce) !== body.swarm) throw fields.bad('swarm', 'what founder and nonce give')
  return body
}

function removalOf(fields: Fields): Removal {
  return {
    swarm: fields.text('swarm', SWARM_ID_CHARS),
    subject: fields.bytes('subject', PUBLIC_KEY_BYTES),
    issuer: fields.bytes('issuer', PUBLIC_KEY_BYTES),
  }
}
