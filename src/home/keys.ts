import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto'
import { decodeCanonical, encodeCanonical } from '../glas/canonical.ts'
import { GlasError } from '../glas/errors.ts'
import { Fields } from '../glas/fields.ts'
import { type KeyPair, keyPairFromSeed } from '../glas/keys.ts'

/** First line of a key file; the second one holds the 32 secret bytes in base64. */
const KEY_FILE_HEADER = 'pintglas key 1'

/** An exported owner key: this prefix, then base64url of dag-cbor {format, salt, nonce, sealed}. */
const BACKUP_PREFIX = 'pintglas-owner-key-'
const BACKUP_FORMAT = 1
const MAX_BACKUP_BYTES = 512
const SALT_BYTES = 16
const NONCE_BYTES = 12
const TAG_BYTES = 16
const SEED_BYTES = 32

/** About 0.3 s and 64 MiB for each guess: RFC 7914 with the cost that its authors name for files. */
const SCRYPT = { N: 2 ** 16, r: 8, p: 1, maxmem: 96 * 2 ** 20 }
export const MIN_PASSPHRASE_CHARS = 8

export function keyFileText(keyPair: KeyPair): string {
  return `${KEY_FILE_HEADER}\n${Buffer.from(keyPair.seed).toString('base64')}\n`
}

/** Throws BadKey naming `path` when the file is not a key. */
export function parseKeyFile(text: string, path: string): KeyPair {
  const [header, seed] = text.split('\n')
  const bytes = Buffer.from(seed ?? '', 'base64')
  if (header !== KEY_FILE_HEADER || bytes.byteLength !== SEED_BYTES) {
    throw new GlasError('BadKey', `${path} is not a PintGlas key. Restore it from a backup: \`pintglas key import\`.`)
  }
  return keyPairFromSeed(bytes)
}

/** One line of text that holds the owner key, encrypted (scrypt, AES-256-GCM) under the passphrase. */
export function exportKey(keyPair: KeyPair, passphrase: string): string {
  if (passphrase.length < MIN_PASSPHRASE_CHARS) {
    throw new GlasError('BadUsage', `The passphrase needs ${MIN_PASSPHRASE_CHARS} characters or more.`)
  }
  const salt = randomBytes(SALT_BYTES)
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', scryptSync(passphrase, salt, 32, SCRYPT), nonce)
  const sealed = Buffer.concat([cipher.update(keyPair.seed), cipher.final(), cipher.getAuthTag()])
  const backup = encodeCanonical({ format: BACKUP_FORMAT, salt, nonce, sealed })
  return `${BACKUP_PREFIX}${Buffer.from(backup).toString('base64url')}`
}

/** Throws BadKey when the text is damaged or the passphrase is wrong: the two cannot be told apart. */
export function importKey(text: string, passphrase: string): KeyPair {
  const line = text.trim()
  if (!line.startsWith(BACKUP_PREFIX)) {
    throw new GlasError('BadKey', `This is not an exported owner key: one begins with "${BACKUP_PREFIX}".`)
  }
  const bytes = new Uint8Array(Buffer.from(line.slice(BACKUP_PREFIX.length), 'base64url'))
  const value = decodeCanonical(bytes, MAX_BACKUP_BYTES, 'BadKey', 'The exported key')
  const fields = new Fields(value, 'BadKey', 'The exported key')
  if (fields.integer('format') !== BACKUP_FORMAT) throw fields.bad('format', String(BACKUP_FORMAT))
  const sealed = Buffer.from(fields.bytes('sealed', SEED_BYTES + TAG_BYTES))
  const key = scryptSync(passphrase, fields.bytes('salt', SALT_BYTES), 32, SCRYPT)
  const decipher = createDecipheriv('aes-256-gcm', key, fields.bytes('nonce', NONCE_BYTES))
  decipher.setAuthTag(sealed.subarray(SEED_BYTES))
  try {
    return keyPairFromSeed(Buffer.concat([decipher.update(sealed.subarray(0, SEED_BYTES)), decipher.final()]))
  } catch (cause) {
    throw new GlasError('BadKey', 'The passphrase is wrong, or the exported key is damaged.', { cause })
  }
}
