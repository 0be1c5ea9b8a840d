import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { base58btc } from 'multiformats/bases/base58'
import { GlasError } from './errors.ts'

/** A raw Ed25519 public key: 32 bytes. Names an owner or a peer. */
export type PublicKey = Uint8Array

export const PUBLIC_KEY_BYTES = 32
export const SIGNATURE_BYTES = 64
const SEED_BYTES = 32

/** DER around a raw Ed25519 key, RFC 8410. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
/** libp2p peer ids of Ed25519 keys: identity multihash of the protobuf {type: Ed25519, data: key}. */
const PEER_ID_PREFIX = Buffer.from('002408011220', 'hex')

export interface KeyPair {
  publicKey: PublicKey
  /** The 32 secret bytes that everything else follows from. */
  seed: Uint8Array
  privateKey: KeyObject
}

export function newKeyPair(): KeyPair {
  const der = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' })
  return keyPairFromSeed(der.subarray(PKCS8_PREFIX.length))
}

export function keyPairFromSeed(seed: Uint8Array): KeyPair {
  if (seed.byteLength !== SEED_BYTES) throw new GlasError('BadKey', `A key has ${SEED_BYTES} secret bytes.`)
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  return { publicKey: new Uint8Array(spki.subarray(SPKI_PREFIX.length)), seed: new Uint8Array(seed), privateKey }
}

/**
 * What a signature is for. It is signed with the bytes, so that a signature of one purpose is never good for another.
 */
export type Purpose = 'entry' | 'certificate' | 'removal' | 'claim' | 'taps'

export function signBytes(keyPair: KeyPair, purpose: Purpose, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(sign(null, signedBytes(purpose, bytes), keyPair.privateKey))
}

export function isSignedBy(key: PublicKey, purpose: Purpose, bytes: Uint8Array, signature: Uint8Array): boolean {
  const der = Buffer.concat([SPKI_PREFIX, key])
  try {
    const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' })
    return verify(null, signedBytes(purpose, bytes), publicKey, signature)
  } catch {
    return false
  }
}

function signedBytes(purpose: Purpose, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`pintglas ${purpose} 1\n`), bytes])
}

/** The libp2p peer id of a peer key, as people see it: `12D3Koo...`. */
export function peerIdText(key: PublicKey): string {
  return base58btc.encode(Buffer.concat([PEER_ID_PREFIX, key])).slice(1)
}

/** Inverse of `peerIdText`; ids of other kinds of keys are refused. */
export function peerKeyOf(peerId: string): PublicKey {
  let bytes: Uint8Array
  try {
    bytes = base58btc.decode(`z${peerId}`)
  } catch {
    bytes = new Uint8Array()
  }
  const prefix = Buffer.from(bytes.subarray(0, PEER_ID_PREFIX.length))
  if (bytes.byteLength !== PEER_ID_PREFIX.length + PUBLIC_KEY_BYTES || !prefix.equals(PEER_ID_PREFIX)) {
    throw new GlasError('InvalidName', `"${peerId}" is not the id of a peer. \`pintglas members\` lists them.`)
  }
  return bytes.slice(PEER_ID_PREFIX.length)
}

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
