/** A real OpenSSH server with keys of its own, in a temporary folder, for one user: the one who runs the test. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestContext } from '../harness.ts'

const SSHD = '/usr/sbin/sshd'
const START_LIMIT_MS = 10_000

/** Why there is no ssh here; undefined when there is. */
export function whyNoSshd(): string | undefined {
  if (!existsSync(SSHD)) return `there is no ${SSHD} (Debian: apt-get install openssh-server)`
  if (!existsSync('/usr/bin/ssh')) return 'there is no ssh client'
  return undefined
}

export interface SshServer {
  /** `ssh://user@host:port`, one for each host */
  places: string[]
  /** The ssh program with the options that make it use the keys of this test alone. */
  sshCommand: string[]
}

/** Starts a server at `hosts`, by `within` in a namespace; it ends with the test. `folder` must not exist. */
export async function startSshd(
  t: TestContext,
  folder: string,
  { hosts, port, within = [] }: { hosts: string[]; port: number; within?: string[] },
): Promise<SshServer> {
  mkdirSync(folder, { mode: 0o700 })
  for (const name of ['host_key', 'user_key']) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)])
  }
  execFileSync('cp', [join(folder, 'user_key.pub'), join(folder, 'authorized_keys')])
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 }) // privilege separation
  writeFileSync(join(folder, 'sshd_config'), configOf(folder, hosts, port))
  const [program = '', ...args] = [...within, SSHD, '-D', '-e', '-f', join(folder, 'sshd_config')]
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  t.after(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  })
  await listening(() => said, child)
  const known = ['-o', `UserKnownHostsFile=${join(folder, 'known_hosts')}`, '-o', 'StrictHostKeyChecking=accept-new']
  const sshCommand = ['ssh', '-F', 'none', '-i', join(folder, 'user_key'), '-o', 'IdentitiesOnly=yes', ...known]
  return { places: hosts.map((host) => `ssh://${userInfo().username}@${host}:${port}`), sshCommand }
}

function configOf(folder: string, hosts: string[], port: number): string {
  const lines = [
    ...hosts.map((host) => `ListenAddress ${host}`),
    `Port ${port}`,
    `HostKey ${join(folder, 'host_key')}`,
    `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    `PidFile ${join(folder, 'sshd.pid')}`,
    'StrictModes no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    'UsePAM no',
    'AllowTcpForwarding yes',
  ]
  return `${lines.join('\n')}\n`
}

async function listening(said: () => string, child: ReturnType<typeof spawn>): Promise<void> {
  for (let waitedMs = 0; waitedMs < START_LIMIT_MS; waitedMs += 20) {
    if (said().includes('Server listening')) return
    if (child.exitCode !== null) break
    await sleep(20)
  }
  throw new Error(`sshd does not listen: ${said()}`)
}

/** A loopback port that nobody uses now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}
