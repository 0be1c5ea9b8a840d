import { isIPv4, isIPv6 } from 'node:net'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { GlasError } from '../glas/errors.ts'
import { peerKeyOf } from '../glas/keys.ts'
import { MAX_ADDRESS_CHARS } from './limits.ts'

/** Where a peer listens: a host (IPv4, IPv6 or DNS name), a TCP port and, where it is known, the peer that must answer. */
export interface Address {
  host: string
  port: number
  peerId?: string
}

/** `host:port`, `[v6]:port`, either with `#peerId`; also multiaddrs with a TCP port. Throws InvalidName. */
export function parseAddress(text: string): Address {
  if (text.length > MAX_ADDRESS_CHARS) throw notAnAddress(`${text.slice(0, 40)}...`)
  const address = text.startsWith('/') ? fromSlashes(text) : fromPlain(text)
  if (address === undefined) throw notAnAddress(text)
  return address
}

/** What people read and type: `host:port`, `[v6]:port`, with `#peerId` when it has one. */
export function addressText(address: Address): string {
  return address.peerId === undefined ? hostPort(address) : `${hostPort(address)}#${address.peerId}`
}

export function hostPort({ host, port }: Address): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}

export function toMultiaddr(address: Address): Multiaddr {
  const { host, port, peerId } = address
  const kind = isIPv4(host) ? 'ip4' : isIPv6(host) ? 'ip6' : 'dns'
  return multiaddr(`/${kind}/${host}/tcp/${port}${peerId === undefined ? '' : `/p2p/${peerId}`}`)
}

/** Undefined for what cannot be dialled by plain TCP. */
export function fromMultiaddr(address: Multiaddr): Address | undefined {
  return fromSlashes(address.toString())
}

export function isLoopback({ host }: Address): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

/** Listening there means on every interface; nobody can dial it. */
export function isWildcard({ host }: Address): boolean {
  return host === '0.0.0.0' || host === '::'
}

const PLAIN = /^(?:\[([0-9a-fA-F:.]+)\]|([^[\]:#/]+)):(\d{1,5})(?:#(\w+))?$/

function fromPlain(text: string): Address | undefined {
  const match = PLAIN.exec(text)
  if (match === null) return undefined
  const [, v6, name, port, peerId] = match
  if (v6 !== undefined && !isIPv6(v6)) return undefined
  return checked(v6 ?? name ?? '', Number(port), peerId)
}

function fromSlashes(text: string): Address | undefined {
  const [empty, kind, host, tcp, port, p2p, peerId, ...rest] = text.split('/')
  if (empty !== '' || tcp !== 'tcp' || rest.length > 0 || host === undefined || !/^\d{1,5}$/.test(port ?? '')) {
    return undefined
  }
  if (p2p !== undefined && (p2p !== 'p2p' || peerId === undefined)) return undefined
  const fits = { ip4: isIPv4(host), ip6: isIPv6(host), dns: true, dns4: true, dns6: true }[kind ?? ''] ?? false
  return fits ? checked(host, Number(port), peerId) : undefined
}

const DNS_NAME =
  /^(?=.{1,253}$)(?:[a-zA-Z0-9_](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?\.)*[a-zA-Z0-9_](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?\.?$/

function checked(host: string, port: number, peerId: string | undefined): Address | undefined {
  if (port > 65535) return undefined
  const digits = /^[\d.]+$/.test(host)
  if (!isIPv6(host) && (digits ? !isIPv4(host) : !DNS_NAME.test(host))) return undefined
  if (peerId === undefined) return { host, port }
  peerKeyOf(peerId)
  return { host, port, peerId }
}

function notAnAddress(text: string): GlasError {
  return new GlasError('InvalidName', `"${text}" is not an address. Write host:port, such as login.example.org:4747.`)
}
