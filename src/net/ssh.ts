/**
 * A peer that only ssh can reach: the user's own ssh (its configuration, keys and agent) carries the connection to the
 * loopback port of the daemon there. Nothing is opened on the other machine.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createServer, type Server, type Socket } from 'node:net'
import { GlasError, isGlasError, toGlasError } from '../glas/errors.ts'
import { peerKeyOf } from '../glas/keys.ts'
import { type Address, hostPort, isLoopback, isWildcard, parseAddress } from './address.ts'
import {
  MAX_ADDRESS_CHARS,
  MAX_SSH_ANSWER_BYTES,
  MAX_SSH_CONNECTIONS,
  MAX_SSH_ERROR_BYTES,
  SSH_STOP_MS,
  SSH_TIMEOUT_MS,
} from './limits.ts'

/** `ssh://[user@]host[:port]` */
export interface SshPlace {
  /** `user@host` or `host`: a name of the user's ssh configuration is fine. */
  destination: string
  port: number | undefined
}

export interface SshOptions {
  /** The ssh program and arguments that come first; `['ssh']` where not given. */
  ssh?: readonly string[]
  /** What starts PintGlas there, as its shell is told. */
  pintglas?: string
}

export const isSshPlace = (text: string): boolean => text.startsWith('ssh://')

const SSH_PLACE = /^ssh:\/\/(?:([\w.+-]+)@)?([\w.:-]+?|\[[\da-fA-F:.]+\])(?::(\d{1,5}))?\/?$/

/** Throws InvalidName; above all for names that ssh would take for options. */
export function parseSshPlace(text: string): SshPlace {
  const [, user, host, port] = (text.length <= MAX_ADDRESS_CHARS && SSH_PLACE.exec(text)) || []
  if (host === undefined || host.startsWith('-') || user?.startsWith('-') || Number(port ?? 1) > 65535) {
    throw new GlasError('InvalidName', `"${text.slice(0, 80)}" is no place for ssh. Write ssh://user@host.`)
  }
  const bare = host.replace(/^\[|\]$/g, '')
  return {
    destination: user === undefined ? bare : `${user}@${bare}`,
    port: port === undefined ? undefined : Number(port),
  }
}

/** What is asked of the other machine once. */
interface RemoteId {
  peerId: string
  /** Where it listens, as seen from there. */
  listens: Address
}

/** A way to one peer through ssh: while it is open, `address` leads there. */
export class SshTunnel {
  /** A loopback address here, with the peer id of the peer there. */
  readonly address: Address
  readonly #server: Server
  readonly #children: Set<ChildProcess>

  constructor(address: Address, server: Server, children: Set<ChildProcess>) {
    this.address = address
    this.#server = server
    this.#children = children
  }

  /** Ends every ssh process that it started. */
  async close(): Promise<void> {
    this.#server.close()
    await Promise.all([...this.#children].map(endChild))
  }
}

/**
 * Asks the PintGlas at `place` who it is, and listens on a loopback port here for connections to it. PeerUnreachable
 * with ssh's own words when that fails; the signal is for the asking only.
 */
export async function openSshTunnel(
  place: SshPlace,
  options: SshOptions = {},
  signal?: AbortSignal,
): Promise<SshTunnel> {
  const remote = await askWho(place, options, signal)
  const children = new Set<ChildProcess>()
  const server = createServer((socket) => carry(socket, place, remote.listens, options, children))
  server.maxConnections = MAX_SSH_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port: 0 }, resolve)
  })
  server.unref()
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0
  return new SshTunnel({ host: '127.0.0.1', port, peerId: remote.peerId }, server, children)
}

/** One TCP connection through one ssh process. */
function carry(
  socket: Socket,
  place: SshPlace,
  listens: Address,
  options: SshOptions,
  children: Set<ChildProcess>,
): void {
  const child = startSsh(place, options, ['-W', hostPort(listens)], [])
  children.add(child)
  child.stderr?.resume()
  const over = () => {
    socket.destroy()
    if (children.delete(child)) void endChild(child)
  }
  child.once('error', over)
  child.once('exit', over)
  socket.once('error', over)
  socket.once('close', over)
  child.stdin?.on('error', over)
  if (child.stdin !== null) socket.pipe(child.stdin)
  child.stdout?.pipe(socket)
}

async function askWho(place: SshPlace, options: SshOptions, signal: AbortSignal | undefined): Promise<RemoteId> {
  const command = `${options.pintglas ?? 'pintglas'} id --json`
  const child = startSsh(place, options, [], [command])
  const limit = AbortSignal.timeout(SSH_TIMEOUT_MS)
  const stop = signal === undefined ? limit : AbortSignal.any([signal, limit])
  const onStop = () => void endChild(child)
  stop.addEventListener('abort', onStop, { once: true })
  try {
    if (stop.aborted) onStop()
    const { code, output, errors } = await finished(child, place, options)
    if (signal?.aborted) throw toGlasError(signal.reason)
    if (limit.aborted) throw new GlasError('TimedOut', `ssh to ${place.destination} took too long.`)
    if (code !== 0) throw sshFailed(place, code, errors, command)
    return remoteIdOf(output, place)
  } finally {
    stop.removeEventListener('abort', onStop)
    await endChild(child)
  }
}

/** No terminal and no questions: this runs in the background. The destination comes after `--`. */
function startSsh(place: SshPlace, options: SshOptions, flags: string[], command: string[]): ChildProcess {
  const [program = 'ssh', ...first] = options.ssh ?? ['ssh']
  const port = place.port === undefined ? [] : ['-p', String(place.port)]
  const args = [...first, '-T', '-o', 'BatchMode=yes', ...port, ...flags, '--', place.destination, ...command]
  return spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
}

interface Finished {
  code: number | null
  output: string
  errors: string
}

function finished(child: ChildProcess, place: SshPlace, options: SshOptions): Promise<Finished> {
  const { promise, resolve, reject } = Promise.withResolvers<Finished>()
  let output = ''
  let errors = ''
  child.stdin?.on('error', () => {})
  child.stdin?.end()
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text
    if (output.length > MAX_SSH_ANSWER_BYTES) void endChild(child)
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors = `${errors}${text}`.slice(-MAX_SSH_ERROR_BYTES)
  })
  child.once('error', (cause: NodeJS.ErrnoException) => {
    const program = options.ssh?.[0] ?? 'ssh'
    const message =
      cause.code === 'ENOENT'
        ? `There is no ${program} on this machine. Install OpenSSH's client, or add the peer by host:port.`
        : `Cannot start ${program} for ${place.destination}: ${cause.message}.`
    reject(new GlasError('PeerUnreachable', message, { cause, retryable: false }))
  })
  // Not `close`: with ControlPersist a process that stays behind keeps ssh's stderr open.
  child.once('exit', (code) => {
    const settle = () => resolve({ code, output, errors })
    if (child.stdout === null || child.stdout.closed) return settle()
    child.stdout.once('close', settle)
    setTimeout(settle, SSH_STOP_MS).unref()
  })
  return promise
}

/** 255 is ssh's own failure, 127 the shell's for a command that is not there. */
function sshFailed(place: SshPlace, code: number | null, errors: string, command: string): GlasError {
  const said = errors.trim().split('\n').at(-1)?.trim() ?? ''
  const { destination } = place
  if (code === 127) {
    const message = `There is no PintGlas at ${destination} (\`${command}\` is not found). Install it there.`
    return new GlasError('PeerUnreachable', message, { retryable: false, data: { said } })
  }
  const message =
    code === 255
      ? `ssh cannot reach ${destination}: ${said}. Try \`ssh ${destination}\` by hand first.`
      : `\`${command}\` failed at ${destination}: ${said || `exit code ${code}`}.`
  return new GlasError('PeerUnreachable', message, { data: { said } })
}

/** Login scripts may print something first: the answer is the last line that is a JSON object. */
function remoteIdOf(output: string, place: SshPlace): RemoteId {
  const lines = output.slice(0, MAX_SSH_ANSWER_BYTES).trimEnd().split('\n')
  try {
    const id: unknown = parseLastObject(lines, output)
    const { peerId, addresses } = id as { peerId: unknown; addresses: unknown }
    if (typeof peerId !== 'string' || !Array.isArray(addresses)) throw new Error('no peerId and addresses in it')
    peerKeyOf(peerId)
    const listening = addresses.filter((text) => typeof text === 'string').map(parseAddress)
    const nearest = listening.find((address) => isLoopback(address) || isWildcard(address)) ?? listening[0]
    if (nearest !== undefined) {
      return { peerId, listens: { host: isWildcard(nearest) ? '127.0.0.1' : nearest.host, port: nearest.port } }
    }
  } catch (cause) {
    const why = isGlasError(cause) ? cause.message : 'its answer makes no sense'
    throw new GlasError('PeerUnreachable', `The PintGlas at ${place.destination} did not say who it is: ${why}.`, {
      cause,
    })
  }
  throw new GlasError(
    'PeerUnreachable',
    `No daemon runs at ${place.destination}. Run \`pintglas daemon --detach\` there.`,
  )
}

function parseLastObject(lines: string[], output: string): unknown {
  const line = lines.findLast((text) => text.startsWith('{') && text.trimEnd().endsWith('}'))
  return JSON.parse(line ?? output.slice(output.indexOf('{')))
}

/** Asks it to end, then makes it. What it has not said by now is not waited for. */
function endChild(child: ChildProcess): Promise<void> {
  for (const stream of child.stdio) stream?.destroy()
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), SSH_STOP_MS)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    child.kill('SIGTERM')
  })
}
