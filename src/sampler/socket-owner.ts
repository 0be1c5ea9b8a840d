/**
 * Who is at the other end of a loopback connection. A loopback port is not a user: on a shared machine everyone reaches
 * it. Linux tells the user of each socket in /proc/net/tcp and tcp6.
 */
import { createReadStream } from 'node:fs'
import { endianness } from 'node:os'
import { createInterface } from 'node:readline'

export interface Endpoint {
  address: string
  port: number
}

/** `local` and `remote` as the process at the other end sees them. */
export interface Connection {
  local: Endpoint
  remote: Endpoint
}

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6']

/**
 * Only while a connection is established does it certainly belong to a process: once its socket was closed, the kernel
 * lists user 0 for what is left of it, whoever it belonged to.
 */
const ESTABLISHED = '01'
const NO_INODE = '0'

/** The user id of the process that holds that end of a connection; undefined where the system does not tell. */
export async function ownerOf(connection: Connection): Promise<number | undefined> {
  for (const table of TABLES) {
    const uid = await ownerIn(table, connection)
    if (uid !== undefined) return uid
  }
  return undefined
}

async function ownerIn(table: string, connection: Connection): Promise<number | undefined> {
  const stream = createReadStream(table, 'latin1')
  try {
    for await (const line of createInterface({ input: stream })) {
      const uid = ownerOnLine(line, connection)
      if (uid !== undefined) return uid
    }
  } catch {
    // No such table: another system, or one without IPv6.
  } finally {
    stream.destroy()
  }
  return undefined
}

/** `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ...`, addresses in the byte order of the CPU. */
export function ownerOnLine(line: string, { local, remote }: Connection): number | undefined {
  const [, localText = '', remoteText = '', state, , , , uid = '', , inode] = line.trim().split(/\s+/)
  if (state !== ESTABLISHED || inode === undefined || inode === NO_INODE || !/^\d+$/.test(uid)) return undefined
  return isAt(localText, local) && isAt(remoteText, remote) ? Number(uid) : undefined
}

function isAt(text: string, { address, port }: Endpoint): boolean {
  const [hex = '', portHex = ''] = text.split(':')
  return Number.parseInt(portHex, 16) === port && hexOf(hex) === bytesOf(address)
}

const MAPPED_V4 = '00000000000000000000ffff'

/** Words of four bytes as the CPU has them; a v4 address in v6 counts as v4. */
function hexOf(text: string): string {
  const words = text.toLowerCase().match(/.{8}/g) ?? []
  const inOrder = (word: string) => (endianness() === 'LE' ? word.match(/../g)?.reverse().join('') : word)
  const bytes = words.map(inOrder).join('')
  return bytes.startsWith(MAPPED_V4) && bytes.length === 32 ? bytes.slice(MAPPED_V4.length) : bytes
}

function bytesOf(address: string): string {
  const v4 = address.replace(/^::ffff:/i, '')
  if (v4 === '::1') return `${'0'.repeat(31)}1`
  const parts = v4.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))
  return parts.length === 4 ? parts.join('') : address
}
