/** Where a request comes from, as far as its connection and its headers tell: pure, and distrustful. */
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, isIPv4, type Socket } from 'node:net'
import type { Config } from '../home/config.ts'

/** A proxy sends these: then the connection is the proxy's, and the caller is somebody else. */
const FORWARDING_HEADER =
  /^(forwarded|via|x-forwarded(-.*)?|x-real-ip|x-client-ip|x-original-.*|.*-connecting-ip|true-client-ip)$/
/** The port that nobody writes down. */
const DEFAULT_PORTS = { http: 80, https: 443 }
const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]']

/** What the settings say of who may come from where. */
export interface Gates {
  /** Names that this daemon answers to, with ports; local callers use none of these. */
  hosts: ReadonlySet<string>
  proxies: BlockList
  /** Where Taps without a token may come from. */
  taps: BlockList
}

export function gatesOf({ http, httpHosts, httpProxy, httpTaps }: Config): Gates {
  const address = http.slice(0, http.lastIndexOf(':')).replace(/[[\]]/g, '')
  const own = isIP(address) === 0 || isUnspecified(address) ? [] : [isIPv4(address) ? address : `[${address}]`]
  return {
    hosts: new Set([...own, ...httpHosts].map((host) => host.toLowerCase())),
    proxies: listOf(httpProxy),
    taps: listOf(httpTaps),
  }
}

export interface Whence {
  /** Of the caller: the other end, or what a named proxy says of it. */
  address: string
  isLoopback: boolean
  /** By way of a named proxy. */
  isProxied: boolean
  /** Nobody on the way can read it: TLS, a named proxy that says https, or this machine. */
  isPrivate: boolean
  /** Why it is refused, whoever sent it; undefined where it is not. */
  refusal: string | undefined
  /** Addressed to this machine by its own name for itself, and straight: what a local caller does. */
  isStraight: boolean
}

export function whenceOf({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>, gates: Gates): Whence {
  const peer = plainAddress(socket.remoteAddress)
  const forwarding = Object.keys(headers).find((name) => FORWARDING_HEADER.test(name))
  const isProxied = forwarding !== undefined && isIn(gates.proxies, peer)
  const isTls = 'encrypted' in socket && socket.encrypted === true
  const isLoopback = isLoopbackAddress(peer)
  const proto = isProxied ? String(headers['x-forwarded-proto'] ?? 'http').toLowerCase() : isTls ? 'https' : 'http'
  const scheme = proto === 'https' ? 'https' : 'http'
  const host = (headers.host ?? '').toLowerCase()
  const ownHosts = withPorts(LOOPBACK_NAMES, scheme, socket)
  const hosts = new Set([...ownHosts, ...withPorts(gates.hosts, scheme, socket)])
  const isPrivate = scheme === 'https' || (isLoopback && !isProxied)
  return {
    address: isProxied ? forwardedAddress(headers['x-forwarded-for'], gates) || peer : peer,
    isLoopback,
    isProxied,
    isPrivate,
    refusal:
      forwarding !== undefined && !isProxied
        ? `the header ${forwarding} says that it was forwarded, and by no proxy that the settings name`
        : (refusedNames(headers, { host, hosts, scheme }) ?? (isPrivate ? undefined : NOT_PRIVATE)),
    isStraight: isLoopback && forwarding === undefined && ownHosts.has(host),
  }
}

const NOT_PRIVATE =
  'it came without TLS, and a token must not be read on the way (a proxy says X-Forwarded-Proto: https)'

function refusedNames(
  headers: IncomingMessage['headers'],
  { host, hosts, scheme }: { host: string; hosts: ReadonlySet<string>; scheme: string },
): string | undefined {
  if (!hosts.has(host)) return 'it was addressed to a host name that is not on the list'
  const origin = headers.origin?.toLowerCase()
  const isForeign = origin !== undefined && ![...hosts].some((one) => origin === `${scheme}://${one}`)
  if (isForeign || ['cross-site', 'same-site'].includes(String(headers['sec-fetch-site']))) {
    return 'it comes from a foreign web page'
  }
  return undefined
}

/** Each name as a Host header has it: with the port, and without where it is the usual one or a proxy's. */
function withPorts(names: Iterable<string>, scheme: 'http' | 'https', { localPort = 0 }: Socket): Set<string> {
  const isUsual = localPort === DEFAULT_PORTS[scheme]
  const all = [...names].flatMap((name) => {
    if (hasPort(name)) return [name]
    const isBare = isUsual || !LOOPBACK_NAMES.includes(name)
    return isBare ? [name, `${name}:${localPort}`] : [`${name}:${localPort}`]
  })
  return new Set(all)
}

const hasPort = (name: string) => /[^:]:\d+$/.test(name.replace(/^\[.*\]/, '[]'))

/** The last one is what the proxy saw itself; those before it anybody may have written. */
function forwardedAddress(header: string | string[] | undefined, { proxies }: Gates): string {
  const hops = String(header ?? '')
    .split(',')
    .map((hop) => plainAddress(hop.trim()))
  const client = hops.reverse().find((hop) => !isIn(proxies, hop)) ?? ''
  return isIP(client) === 0 ? '' : client
}

export function isIn(list: BlockList, address: string): boolean {
  const family = isIP(address)
  return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6')
}

/** Addresses, and ranges such as 10.0.0.0/8. They were checked when they were set. */
function listOf(texts: readonly string[]): BlockList {
  const list = new BlockList()
  for (const text of texts) {
    const [address = '', bits] = text.split('/')
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}

/** Without the brackets of a URL, and an IPv4 address as such where a socket for both has it as IPv6. */
function plainAddress(text = ''): string {
  return text.replace(/^\[(.*)\]$/, '$1').replace(/^::ffff:(?=\d+\.)/i, '')
}

function isLoopbackAddress(address: string): boolean {
  return address === '::1' || (isIPv4(address) && address.startsWith('127.'))
}

export function isUnspecified(address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}
