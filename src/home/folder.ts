import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readFileSync } from 'node:fs'
import { homedir, tmpdir, userInfo } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { GlasError } from '../glas/errors.ts'

/** Where one peer keeps what it is: keys, settings, journal, stock. Every path below is absolute. */
export interface HomeFolder {
  root: string
  config: string
  /** Hashes of the tokens for the HTTP API. */
  tokens: string
  ownerKey: string
  peerKey: string
  swarm: string
  index: string
  /** Where the stock lies unless the settings put it elsewhere. */
  defaultStock: string
  /** Services that keep public versions, with the tokens for them. */
  remotes: string
  daemonLog: string
  /** When the daemon last took what is scheduled. */
  scheduleRuns: string
  /** Says where the socket of a daemon that runs is. */
  socketNote: string
  /** Looked up each time: a daemon may have come or gone. */
  readonly socket: string
}

/** Longest socket path that every Unix takes, less a margin (sun_path has 104 bytes on macOS). */
const MAX_SOCKET_PATH_BYTES = 100

/** `--home`, else PINTGLAS_HOME, else `~/.pintglas`. Makes nothing on disk but the folder of the socket. */
export function homeFolder(given?: string): HomeFolder {
  // an empty one is one that is not given: keys must not land in whatever folder this is typed in
  const root = resolve(given || process.env.PINTGLAS_HOME || join(homedir(), '.pintglas'))
  return {
    root,
    config: join(root, 'config.json'),
    tokens: join(root, 'tokens.json'),
    ownerKey: join(root, 'keys', 'owner.key'),
    peerKey: join(root, 'keys', 'peer.key'),
    swarm: join(root, 'swarm'),
    index: join(root, 'index'),
    defaultStock: join(root, 'stock'),
    remotes: join(root, 'remotes.json'),
    daemonLog: join(root, 'daemon.log'),
    scheduleRuns: join(root, 'schedule.json'),
    socketNote: join(root, 'daemon.socket'),
    get socket() {
      return notedSocket(root) ?? newSocketPath(root)
    },
  }
}

/**
 * For a daemon that starts. XDG_RUNTIME_DIR is the user's alone and short. Without it the home itself does, and where its path is too long for a
 * socket, a folder of the user's own below the temporary folder.
 */
export function newSocketPath(root: string): string {
  const name = createHash('sha256').update(root).digest('hex').slice(0, 12)
  const runtime = process.env.XDG_RUNTIME_DIR
  if (runtime !== undefined && runtime !== '' && existsSync(runtime)) return join(runtime, `pintglas-${name}.sock`)
  const inHome = join(root, 'daemon.sock')
  if (Buffer.byteLength(inHome) <= MAX_SOCKET_PATH_BYTES) return inHome
  const folder = join(tmpdir(), `pintglas-${userInfo().uid}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  requireOwn(folder)
  return join(folder, `${name}.sock`)
}

/** Where a daemon that runs has put it: sessions of one user do not all have the same XDG_RUNTIME_DIR. */
function notedSocket(root: string): string | undefined {
  try {
    const path = readFileSync(join(root, 'daemon.socket'), 'utf8').trim()
    return isAbsolute(path) ? path : undefined
  } catch {
    return undefined
  }
}

/** Everybody can make a folder of that name there first, and would be handed what verbs tell the daemon. */
function requireOwn(folder: string): void {
  const stats = lstatSync(folder)
  if (stats.isDirectory() && stats.uid === userInfo().uid && (stats.mode & 0o077) === 0) return
  const message = `"${folder}" is not for you alone. Remove it, set XDG_RUNTIME_DIR, or use a home with a shorter path.`
  throw new GlasError('NotAllowed', message, { data: { path: folder } })
}
