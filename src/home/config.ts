import { isIP, isIPv4, isIPv6 } from 'node:net'
import { isAbsolute } from 'node:path'
import { MAX_MEMBER_NAME_BYTES } from '../glas/certificate.ts'
import { GlasError } from '../glas/errors.ts'
import { isGlasId } from '../glas/glas-id.ts'
import { peerKeyOf } from '../glas/keys.ts'

/** What a peer copies by itself, and how much of it. */
export interface FollowRule {
  what: 'all' | 'owner' | 'glas'
  /** Owner key in hex, or glas-id; empty for `all`. */
  id: string
  /** Newest versions of each glas to keep; 0 keeps every one. */
  keep: number
  /** Stop copying when the stock has this many bytes; 0 is no limit. */
  quotaBytes: number
  /** Bring the number of copies in the swarm back to this when holders stay away; 0 copies always. */
  copies: number
}

/** The settings of a home, `config.json`. Everything has a default; docs/operating.md explains each. */
export interface Config {
  /** What this machine is called in the lists of others. */
  name: string
  /** Folder of the stock; empty for the home's own. */
  stock: string
  /** Addresses that other peers reach this one at, as host:port. */
  listen: string[]
  /** The program that connects to `ssh://user@host`, with arguments that come first. */
  sshCommand: string[]
  /** What starts PintGlas there. */
  remotePintglas: string
  /** Find peers on the local network. */
  mdns: boolean
  /** Ids of the only peers to talk to; empty for every member of the swarm. */
  allow: string[]
  follow: FollowRule[]
  /** A holder that was away for so long no longer counts, and rules that ask for copies replace it. */
  repairAfterSeconds: number
  /** Larger images are kept as blocks: making a delta takes four times as much memory. 0 makes none. */
  maxDeltaImageBytes: number
  /** Hex of the owner key that new glases are published under; empty for this home's own. */
  owner: string
  /** Where the daemon speaks HTTP with Taps, launchers and browsers, as host:port, or `off`. */
  http: string
  /** Names that browsers and programs elsewhere reach it by, as in a Host header. */
  httpHosts: string[]
  /** Paths of a certificate with its chain and of its key, as PEM; empty for plain HTTP. */
  httpCert: string
  httpKey: string
  /** Addresses, or ranges of them, of the proxies before it: whose word it takes for where a request comes from. */
  httpProxy: string[]
  /** Addresses, or ranges, where Taps without a token may come from: what they send waits to be accepted. */
  httpTaps: string[]
  /** Whether every user of this machine may use that, where it cannot be told who is at the other end. */
  httpAnyLocalUser: boolean
}

/** Where the Taps in images look for a sampler unless they are told otherwise. */
const DEFAULT_HTTP = '127.0.0.1:8801'

/** A person writes this file by hand: more is a mistake. */
export const MAX_CONFIG_BYTES = 1024 * 1024
const MAX_LIST_ITEMS = 1000
/** Four times as much fits the memory of any machine that such an image runs on. */
const DEFAULT_DELTA_IMAGE_BYTES = 1024 * 1024 * 1024
const MAX_TEXT_CHARS = 4096
/** TCP has no more. */
const MAX_PORT = 65_535

type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string' && value.length <= MAX_TEXT_CHARS
const isTextList: Check = (value) => Array.isArray(value) && value.length <= MAX_LIST_ITEMS && value.every(isText)
/** Whether host:port is one of this machine alone. */
export const isLoopback = (text: string) => /^(127\.0\.0\.1|\[::1\]):/.test(text)
const isPath: Check = (value) => value === '' || (isText(value) && isAbsolute(String(value)))
/** As a Host header has it: letters in any case, and a port where it is not the usual one. */
const isHostName = (text: string) => /^([A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]+\])(:\d{1,5})?$/.test(text)
const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0
const isOwner: Check = (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)

const CHECKS: Record<keyof Config, { check: Check; expected: string }> = {
  name: {
    check: (value) => isText(value) && isMemberName(String(value)),
    expected: `a word of at most ${MAX_MEMBER_NAME_BYTES} bytes`,
  },
  stock: { check: isPath, expected: 'an absolute path' },
  listen: {
    check: (value) => isTextList(value) && (value as string[]).every(isHostPort),
    expected: 'a list of host:port, such as ["0.0.0.0:4100"]',
  },
  sshCommand: { check: (value) => isTextList(value) && (value as string[]).length > 0, expected: 'a list of words' },
  remotePintglas: { check: isText, expected: 'a command' },
  mdns: { check: (value) => typeof value === 'boolean', expected: 'true or false' },
  allow: {
    check: (value) => isTextList(value) && (value as string[]).every(isPeerId),
    expected: 'a list of peer ids; `pintglas members` shows them',
  },
  follow: {
    check: (value) => Array.isArray(value) && value.length <= MAX_LIST_ITEMS && value.every(isRule),
    expected: 'a list of rules',
  },
  repairAfterSeconds: { check: isCount, expected: 'a number of seconds' },
  maxDeltaImageBytes: { check: isCount, expected: 'a number of bytes' },
  owner: { check: (value) => value === '' || isOwner(value), expected: '64 hex digits' },
  http: {
    check: (value) => value === 'off' || (isText(value) && isHostPort(String(value))),
    expected: 'off, or an address such as 127.0.0.1:8801',
  },
  httpHosts: {
    check: (value) => isTextList(value) && (value as string[]).every(isHostName),
    expected: 'a list of host names, such as ["images.example.org"]',
  },
  httpCert: { check: isPath, expected: 'the absolute path of a certificate (PEM)' },
  httpKey: { check: isPath, expected: 'the absolute path of the key of the certificate (PEM)' },
  httpProxy: { check: isAddressList, expected: 'a list of addresses, such as ["127.0.0.1"]' },
  httpTaps: { check: isAddressList, expected: 'a list of addresses or ranges, such as ["192.168.1.0/24"]' },
  httpAnyLocalUser: { check: (value) => typeof value === 'boolean', expected: 'true or false' },
}

export const CONFIG_KEYS = Object.keys(CHECKS) as Array<keyof Config>

export function defaultConfig(name: string): Config {
  return {
    name,
    stock: '',
    listen: [],
    sshCommand: ['ssh'],
    remotePintglas: 'pintglas',
    mdns: false,
    allow: [],
    follow: [],
    repairAfterSeconds: 1800,
    maxDeltaImageBytes: DEFAULT_DELTA_IMAGE_BYTES,
    owner: '',
    http: DEFAULT_HTTP,
    httpHosts: [],
    httpCert: '',
    httpKey: '',
    httpProxy: [],
    httpTaps: [],
    httpAnyLocalUser: false,
  }
}

/** Throws InvalidConfig naming the key. Keys that are absent keep their default. */
export function parseConfig(text: string, path: string, defaults: Config): Config {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new GlasError('InvalidConfig', `${path} is not valid JSON: ${(cause as Error).message}.`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new GlasError('InvalidConfig', `${path} must hold one JSON object.`)
  }
  const config = { ...defaults }
  try {
    for (const [key, item] of Object.entries(value)) Object.assign(config, { [configKey(key)]: checked(key, item) })
    requireSafeHttp(config)
  } catch (error) {
    throw new GlasError('InvalidConfig', `${path}: ${(error as Error).message}`, { cause: error })
  }
  return config
}

export function configKey(key: string): keyof Config {
  const known = CONFIG_KEYS.find((candidate) => candidate === key)
  if (known === undefined) {
    throw new GlasError('InvalidConfig', `There is no setting "${key}". The settings are: ${CONFIG_KEYS.join(', ')}.`)
  }
  return known
}

/** `value` when it may stand under `key`; else throws InvalidConfig. */
export function checked(key: string, value: unknown): unknown {
  const { check, expected } = CHECKS[configKey(key)]
  if (!check(value)) throw new GlasError('InvalidConfig', `The setting "${key}" must be ${expected}.`)
  return value
}

/** Tokens must not be read on the way, and strangers' addresses must be known. Throws InvalidConfig. */
export function requireSafeHttp({ http, httpCert, httpKey, httpProxy }: Config): void {
  const hasTls = httpCert !== '' && httpKey !== ''
  if (http === 'off' || isLoopback(http) || hasTls || httpProxy.length > 0) return
  const message =
    'The setting "http" must be off or a loopback address such as 127.0.0.1:8801 until there is a certificate ' +
    '("httpCert", "httpKey") or a proxy before it ("httpProxy"): anybody on the way could read tokens and images.'
  throw new GlasError('InvalidConfig', message)
}

/** What a certificate takes. */
function isMemberName(text: string): boolean {
  return /^[^\s\p{Cc}]+$/u.test(text) && Buffer.byteLength(text) <= MAX_MEMBER_NAME_BYTES
}

function isPeerId(text: string): boolean {
  try {
    peerKeyOf(text)
    return true
  } catch {
    return false
  }
}

/** A daemon that cannot listen does not start: what can be seen to be wrong is refused here. */
function isHostPort(text: string): boolean {
  const [, v6, host = '', port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? []
  if (port === undefined || Number(port) > MAX_PORT) return false
  if (v6 !== undefined) return isIPv6(v6)
  return isIPv4(host) || !/^[\d.]+$/.test(host)
}

/** Addresses, and ranges such as 10.0.0.0/8. */
function isAddressList(value: unknown): boolean {
  return isTextList(value) && (value as string[]).every(isAddressRange)
}

function isAddressRange(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/')
  const family = isIP(address)
  const isBits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
  return family !== 0 && isBits && more.length === 0
}

function isRule(value: unknown): boolean {
  const rule = value as Partial<FollowRule>
  if (typeof value !== 'object' || value === null) return false
  const counts = [rule.keep, rule.quotaBytes, rule.copies].every(isCount)
  if (rule.what === 'all') return counts && rule.id === ''
  if (rule.what === 'owner') return counts && isOwner(rule.id)
  return rule.what === 'glas' && counts && isGlasId(String(rule.id))
}
