import { decodeCanonical, encodeCanonical } from '../glas/canonical.ts'
import { decodeCertificate, type SwarmId } from '../glas/certificate.ts'
import { Fields } from '../glas/fields.ts'
import { PUBLIC_KEY_BYTES, type PublicKey } from '../glas/keys.ts'
import { type Address, hostPort, parseAddress } from './address.ts'
import type { SwarmNews } from './home-swarm.ts'
import {
  HELLO_LIMITS,
  HELLO_PAGE_ITEMS,
  MAX_ADDRESS_CHARS,
  MAX_CHAIN,
  MAX_HELLO_MEMBERS,
  MAX_KNOWN_ADDRESSES,
} from './limits.ts'

const WHAT = 'The hello'
const SWARM_ID_CHARS = 64
const DIGEST_BYTES = 32

/** Why a peer is taken for a stranger. `swarm`: it is in another one. `barred`: not on the list of allowed peers. */
export type StrangerReason = 'swarm' | 'unknown' | 'removed'
const REASONS: readonly string[] = ['swarm', 'unknown', 'removed'] satisfies StrangerReason[]

/** The proof: certificates from the founder's to the sender's own, and the digest of everything that it knows. */
export interface Proof {
  swarm: SwarmId
  chain: Uint8Array[]
  digest: Uint8Array
}

/** What one thinks of the other. A removed peer is shown the removals that say so. */
export type Verdict = { isMember: true } | { isMember: false; reason: StrangerReason; removals: Uint8Array[] }

export interface MemberAddresses {
  peerKey: PublicKey
  addresses: Address[]
}

export interface Page extends SwarmNews {
  members: MemberAddresses[]
  more: boolean
}

export function encodeProof({ swarm, chain, digest }: Proof): Uint8Array {
  return encodeCanonical({ chain, digest, swarm })
}

export function decodeProof(bytes: Uint8Array): Proof {
  const fields = fieldsOf(bytes)
  return {
    swarm: fields.text('swarm', SWARM_ID_CHARS),
    chain: bytesList(fields, 'chain', MAX_CHAIN + 1),
    digest: fields.bytes('digest', DIGEST_BYTES),
  }
}

/** The peers that a chain speaks of; what is no certificate is passed over. */
export function subjectsOf(chain: Uint8Array[]): PublicKey[] {
  return chain.flatMap((bytes) => {
    try {
      return [decodeCertificate(bytes).body.subject]
    } catch {
      return []
    }
  })
}

export function encodeVerdict(verdict: Verdict): Uint8Array {
  if (verdict.isMember) return encodeCanonical({ member: true })
  return encodeCanonical({ member: false, reason: verdict.reason, removals: verdict.removals })
}

export function decodeVerdict(bytes: Uint8Array): Verdict {
  const fields = fieldsOf(bytes)
  if (fields.boolean('member')) return { isMember: true }
  const reason = fields.text('reason', 16)
  if (!REASONS.includes(reason)) throw fields.bad('reason', REASONS.join(', '))
  const removals = bytesList(fields, 'removals', HELLO_PAGE_ITEMS)
  return { isMember: false, reason: reason as StrangerReason, removals }
}

/** Certificates before removals, a page at a time; there is always one page. */
export function pagesOf(news: SwarmNews, members: MemberAddresses[]): Page[] {
  const items = [
    ...news.certificates.map((certificate) => ({ certificates: [certificate] })),
    ...news.removals.map((removal) => ({ removals: [removal] })),
    ...members.slice(0, MAX_HELLO_MEMBERS).map((member) => ({ members: [member] })),
  ]
  const pages: Page[] = []
  for (let start = 0; start === 0 || start < items.length; start += HELLO_PAGE_ITEMS) {
    const page: Page = { certificates: [], removals: [], members: [], more: start + HELLO_PAGE_ITEMS < items.length }
    for (const item of items.slice(start, start + HELLO_PAGE_ITEMS)) {
      if ('certificates' in item) page.certificates.push(...item.certificates)
      else if ('removals' in item) page.removals.push(...item.removals)
      else page.members.push(...item.members)
    }
    pages.push(page)
  }
  return pages
}

export function encodePage({ certificates, removals, members, more }: Page): Uint8Array {
  return encodeCanonical({ certificates, removals, members: encodeMembers(members), more })
}

export function decodePage(bytes: Uint8Array): Page {
  const fields = fieldsOf(bytes)
  return {
    certificates: bytesList(fields, 'certificates', HELLO_PAGE_ITEMS),
    removals: bytesList(fields, 'removals', HELLO_PAGE_ITEMS),
    members: decodeMembers(fields, 'members', HELLO_PAGE_ITEMS),
    more: fields.boolean('more'),
  }
}

/** A list of `[peer key, [host:port, ...]]`. */
export function encodeMembers(members: readonly MemberAddresses[]): unknown[] {
  return members.map(({ peerKey, addresses }) => [peerKey, addresses.slice(0, MAX_KNOWN_ADDRESSES).map(hostPort)])
}

export function decodeMembers(fields: Fields, name: string, maxItems: number): MemberAddresses[] {
  return fields.list(name, maxItems).map((item) => {
    const [peerKey, texts] = Array.isArray(item) && item.length === 2 ? item : []
    if (!(peerKey instanceof Uint8Array) || peerKey.byteLength !== PUBLIC_KEY_BYTES || !Array.isArray(texts)) {
      throw fields.bad(name, 'a list of peers with addresses')
    }
    if (texts.length > MAX_KNOWN_ADDRESSES || !texts.every(isAddressText)) {
      throw fields.bad(name, `peers with at most ${MAX_KNOWN_ADDRESSES} addresses`)
    }
    return { peerKey, addresses: texts.map(parseAddress) }
  })
}

const isAddressText = (text: unknown): text is string => typeof text === 'string' && text.length <= MAX_ADDRESS_CHARS

export function bytesList(fields: Fields, name: string, maxItems: number): Uint8Array[] {
  const list = fields.list(name, maxItems)
  if (!list.every((item) => item instanceof Uint8Array)) throw fields.bad(name, 'a list of bytes')
  return list as Uint8Array[]
}

function fieldsOf(bytes: Uint8Array): Fields {
  return new Fields(decodeCanonical(bytes, HELLO_LIMITS.maxMessageBytes, 'BadMessage', WHAT), 'BadMessage', WHAT)
}
