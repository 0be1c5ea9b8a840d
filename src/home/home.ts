import { createServer } from 'node:net'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { writeFileAtomic, writeSibling } from '../disk/atomic.ts'
import { ensureDirectory, hasErrno, readSmallFile, realFiles, removeIfThere } from '../disk/files.ts'
import { MAX_MEMBER_NAME_BYTES } from '../glas/certificate.ts'
import { type KeyPair, newKeyPair, toHex } from '../glas/keys.ts'
import { type Config, defaultConfig, MAX_CONFIG_BYTES, parseConfig } from './config.ts'
import type { HomeFolder } from './folder.ts'
import { keyFileText, parseKeyFile } from './keys.ts'
import { Tokens } from './tokens.ts'

/** A key file has two short lines. */
const MAX_KEY_FILE_BYTES = 1024

/** One peer on one machine: its keys and settings, loaded. */
export interface Home {
  readonly folder: HomeFolder
  /** Signs grants and revocations; names the person. */
  readonly owner: KeyPair
  /** Signs entries and is the identity on the network. */
  readonly peer: KeyPair
  readonly config: Config
  readonly tokens: Tokens
}

/** Loads a home and makes what is missing: the first verb that is typed sets everything up. */
export async function openHome(folder: HomeFolder): Promise<Home> {
  await ensureDirectory(realFiles, folder.root)
  await ensureDirectory(realFiles, dirname(folder.ownerKey))
  const owner = await loadKey(folder.ownerKey)
  const peer = await loadKey(folder.peerKey)
  return { folder, owner, peer, config: await loadConfig(folder), tokens: new Tokens(folder.tokens) }
}

export async function saveConfig(folder: HomeFolder, config: Config): Promise<void> {
  const text = `${JSON.stringify(config, null, 2)}\n`
  await writeFileAtomic(realFiles, folder.config, Buffer.from(text), { mode: 0o600 })
}

export async function saveKey(path: string, keyPair: KeyPair): Promise<void> {
  await writeFileAtomic(realFiles, path, Buffer.from(keyFileText(keyPair)), { mode: 0o600 })
}

export function stockFolder(home: Home): string {
  return home.config.stock === '' ? home.folder.defaultStock : home.config.stock
}

/** The owner under whom new glases are published: another one's only after joining with a grant for all of theirs. */
export function publishingOwner(home: Home): string {
  return home.config.owner === '' ? toHex(home.owner.publicKey) : home.config.owner
}

/** Two verbs that start at once in a new home must end up with one key: the file is linked into place, not renamed. */
async function loadKey(path: string): Promise<KeyPair> {
  const there = await readText(path, MAX_KEY_FILE_BYTES)
  if (there !== undefined) return parseKeyFile(there, path)
  const sibling = await writeSibling(realFiles, path, Buffer.from(keyFileText(newKeyPair())), { mode: 0o600 })
  try {
    await realFiles.link(sibling, path)
    await realFiles.syncDirectory(dirname(path))
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error
  } finally {
    await removeIfThere(realFiles, sibling)
  }
  return parseKeyFile((await readText(path, MAX_KEY_FILE_BYTES)) ?? '', path)
}

async function loadConfig(folder: HomeFolder): Promise<Config> {
  const defaults = defaultConfig(machineName(hostname()))
  const text = await readText(folder.config, MAX_CONFIG_BYTES)
  if (text !== undefined) return parseConfig(text, folder.config, defaults)
  const config = { ...defaults, listen: [`127.0.0.1:${await freePort()}`] }
  await saveConfig(folder, config)
  return config
}

/** A host's name without its domain, as far as a certificate takes it. */
export function machineName(host: string): string {
  let chars = [...(host.split('.')[0] ?? '').toWellFormed().replace(/[\s\p{Cc}]/gu, '')]
  while (Buffer.byteLength(chars.join('')) > MAX_MEMBER_NAME_BYTES) chars = chars.slice(0, -1)
  return chars.length === 0 ? 'machine' : chars.join('')
}

/** A port that nobody uses now: kept in the settings, so that other peers find this one again. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

async function readText(path: string, limitBytes: number): Promise<string | undefined> {
  const bytes = await readSmallFile(realFiles, path, limitBytes)
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8')
}
