import { decodeCanonical, encodeCanonical } from '../glas/canonical.ts'
import { GlasError } from '../glas/errors.ts'
import { PUBLIC_KEY_BYTES, type PublicKey } from '../glas/keys.ts'
import { type Address, hostPort, parseAddress } from './address.ts'
import { MAX_INVITE_ADDRESSES, MAX_INVITE_LINE_CHARS } from './limits.ts'

/** Secrets are used once and stored hashed: 128 random bits are out of anybody's reach. */
export const SECRET_BYTES = 16

const PREFIX = 'pintglas-'
const FORMAT = 1

/** What the other machine needs to know. The swarm itself is told when it comes: the inviter's key vouches for it. */
export interface InviteLine {
  addresses: Address[]
  inviter: PublicKey
  secret: Uint8Array
}

/** One word to copy: `pintglas-` and base64url of canonical dag-cbor `[1, inviter, secret, host:port, ...]`. */
export function encodeInviteLine({ addresses, inviter, secret }: InviteLine): string {
  const texts = addresses.slice(0, MAX_INVITE_ADDRESSES).map(hostPort)
  const bytes = encodeCanonical([FORMAT, inviter, secret, ...texts])
  return `${PREFIX}${Buffer.from(bytes).toString('base64url')}`
}

/** The words before it may come along, and white space that a terminal or a mail put in is ignored. InvalidName when it is no whole invitation. */
export function decodeInviteLine(text: string): InviteLine {
  const line = text
    .slice(0, 2 * MAX_INVITE_LINE_CHARS)
    .replace(/^\s*pintglas\s+join\s/, '')
    .replace(/\s+/g, '')
  const [format, inviter, secret, ...texts] = itemsOf(line)
  if (typeof format === 'number' && format !== FORMAT) {
    throw new GlasError('UnknownFormat', 'The invitation is of another version of PintGlas. Update this one.')
  }
  const isWhole =
    inviter instanceof Uint8Array &&
    inviter.byteLength === PUBLIC_KEY_BYTES &&
    secret instanceof Uint8Array &&
    secret.byteLength === SECRET_BYTES &&
    texts.length > 0 &&
    texts.length <= MAX_INVITE_ADDRESSES &&
    texts.every((address) => typeof address === 'string')
  if (!isWhole) throw notWhole()
  return { inviter, secret, addresses: texts.map(parseAddress) }
}

function itemsOf(line: string): unknown[] {
  if (!line.startsWith(PREFIX) || line.length > MAX_INVITE_LINE_CHARS) throw notWhole()
  const encoded = line.slice(PREFIX.length)
  const bytes = new Uint8Array(Buffer.from(encoded, 'base64url'))
  if (Buffer.from(bytes).toString('base64url') !== encoded) throw notWhole()
  try {
    const items = decodeCanonical(bytes, MAX_INVITE_LINE_CHARS, 'BadMessage', 'The invitation')
    if (Array.isArray(items)) return items
  } catch (cause) {
    throw notWhole(cause)
  }
  throw notWhole()
}

function notWhole(cause?: unknown): GlasError {
  const message = `That is no whole invitation: one begins with ${PREFIX} and is one word. Copy it again from the start.`
  return new GlasError('InvalidName', message, { cause })
}
