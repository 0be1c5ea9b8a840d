import { readSmallFile, realFiles } from '../disk/files.ts'
import { GlasError } from '../glas/errors.ts'
import { type KeyPair, peerIdText, sameBytes, toHex } from '../glas/keys.ts'
import { saveKey } from '../home/home.ts'
import { exportKey, importKey } from '../home/keys.ts'
import type { Parts } from './parts.ts'

/** An exported key is one line; a mail that it was pasted into may have some more. */
const MAX_BACKUP_FILE_BYTES = 64 * 1024

export interface Identity {
  home: string
  name: string
  peerId: string
  /** Public key of the person, in hex. */
  owner: string
  swarm: string
  /** Where other peers reach this one, as host:port#peerId; from the settings when it does not run. */
  addresses: string[]
}

/** Who this home is. */
export async function id({ home, swarm, running }: Pick<Parts, 'home' | 'swarm' | 'running'>): Promise<Identity> {
  const peerId = peerIdText(home.peer.publicKey)
  return {
    home: home.folder.root,
    name: home.config.name,
    peerId,
    owner: toHex(home.owner.publicKey),
    swarm: swarm.membership.swarm,
    addresses: running()?.addresses() ?? home.config.listen.map((address) => `${address}#${peerId}`),
  }
}

/** The owner key as one line of text, under a passphrase. Whoever has both is this person. */
export async function keyExport({ home }: Pick<Parts, 'home'>, { passphrase }: { passphrase: string }) {
  return { key: exportKey(home.owner, passphrase) }
}

/**
 * Puts an owner key in the place of this home's. NotAllowed when this home's own key has published something that only
 * it can speak for, unless `force`; that key then stays beside the new one.
 */
export async function keyImport(
  parts: Pick<Parts, 'home' | 'index'>,
  { path, passphrase, force }: { path: string; passphrase: string; force: boolean },
): Promise<{ owner: string; 'old-key': string }> {
  const { home, index } = parts
  const keyPair = importKey(await readBackup(path), passphrase)
  if (sameBytes(keyPair.publicKey, home.owner.publicKey)) return { owner: toHex(keyPair.publicKey), 'old-key': '' }
  const owned = index.view.glases().filter(({ owner }) => owner !== undefined && sameBytes(owner, home.owner.publicKey))
  if (owned.length > 0 && !force) {
    const message = `This home has published ${owned.length} glases under its own key. Export that first, then use --force.`
    throw new GlasError('NotAllowed', message, { data: { glases: owned.map(({ glasId }) => glasId) } })
  }
  const old = await keepOld(home.folder.ownerKey, home.owner)
  await saveKey(home.folder.ownerKey, keyPair)
  return { owner: toHex(keyPair.publicKey), 'old-key': old }
}

async function readBackup(path: string): Promise<string> {
  const bytes = await readSmallFile(realFiles, path, MAX_BACKUP_FILE_BYTES)
  if (bytes !== undefined) return Buffer.from(bytes).toString('utf8')
  throw new GlasError('FileError', `There is no file "${path}". Name the one that \`pintglas key export\` wrote.`)
}

async function keepOld(path: string, keyPair: KeyPair): Promise<string> {
  const old = `${path}.${toHex(keyPair.publicKey).slice(0, 8)}`
  await saveKey(old, keyPair)
  return old
}
