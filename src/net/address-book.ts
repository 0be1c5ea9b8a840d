import { writeFileAtomic } from '../disk/atomic.ts'
import { type FileLayer, readSmallFile } from '../disk/files.ts'
import { decodeCanonical, encodeCanonical } from '../glas/canonical.ts'
import { GlasError } from '../glas/errors.ts'
import { Fields } from '../glas/fields.ts'
import { fromHex, type PublicKey, toHex } from '../glas/keys.ts'
import { type Address, hostPort } from './address.ts'
import { decodeMembers, encodeMembers, type MemberAddresses } from './hello-messages.ts'
import {
  MAX_ADDRESS_CHARS,
  MAX_ADDRESS_FILE_BYTES,
  MAX_KNOWN_ADDRESSES,
  MAX_KNOWN_PEERS,
  MAX_PERMANENT_PEERS,
  SAVE_ADDRESSES_AFTER_MS,
} from './limits.ts'

const FORMAT = 1
const WHAT = 'The file of the addresses'

/**
 * Where members were reached or say that they are, and the peers that the user added for good. Kept in one file:
 * canonical dag-cbor of `{format, peers, permanent}`. What was learned is a convenience and written now and then; what
 * the user added is durable when the call returns.
 */
export class AddressBook {
  readonly #files: FileLayer
  readonly #path: string
  /** Peer key in hex -> addresses, the one to try first in front. */
  readonly #peers: Map<string, Address[]>
  readonly #permanent: Set<string>
  #timer: NodeJS.Timeout | undefined
  #saving: Promise<void> = Promise.resolve()

  constructor(files: FileLayer, path: string, peers: readonly MemberAddresses[], permanent: readonly string[]) {
    this.#files = files
    this.#path = path
    this.#peers = new Map(peers.map(({ peerKey, addresses }) => [toHex(peerKey), addresses]))
    this.#permanent = new Set(permanent)
  }

  /** The one to try first in front. */
  addressesOf(peerKey: PublicKey): Address[] {
    return this.#peers.get(toHex(peerKey)) ?? []
  }

  known(): MemberAddresses[] {
    return [...this.#peers].map(([key, addresses]) => ({ peerKey: fromHex(key), addresses }))
  }

  /** From the peer itself, or where it was reached: these go in front. */
  confirm(peerKey: PublicKey, addresses: readonly Address[]): void {
    this.#set(peerKey, [...addresses, ...this.addressesOf(peerKey)])
  }

  /** From others: behind what is known, as far as there is room, so that nobody can push out what works. */
  hear({ peerKey, addresses }: MemberAddresses): void {
    this.#set(peerKey, [...this.addressesOf(peerKey), ...addresses])
  }

  forget(peerKey: PublicKey): void {
    if (this.#peers.delete(toHex(peerKey))) this.#saveSoon()
  }

  /** As the user wrote them: addresses and `ssh://` places. */
  permanent(): string[] {
    return [...this.#permanent]
  }

  async addPermanent(text: string): Promise<void> {
    if (!this.#permanent.has(text) && this.#permanent.size >= MAX_PERMANENT_PEERS) throw tooMany()
    this.#permanent.add(text)
    await this.save()
  }

  /** False when it was not there. */
  async removePermanent(text: string): Promise<boolean> {
    const wasThere = this.#permanent.delete(text)
    if (wasThere) await this.save()
    return wasThere
  }

  /** Writes what is known now. */
  save(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const save = this.#saving.then(() => {
      const map = { format: FORMAT, peers: encodeMembers(this.known()), permanent: this.permanent() }
      return writeFileAtomic(this.#files, this.#path, encodeCanonical(map), { mode: 0o600 })
    })
    this.#saving = save.catch(() => {})
    return save
  }

  /** Writes what is still to be written. */
  async close(): Promise<void> {
    if (this.#timer !== undefined) await this.save().catch(() => {})
    await this.#saving
  }

  #set(peerKey: PublicKey, addresses: Address[]): void {
    const key = toHex(peerKey)
    const unique = new Map(addresses.map((address) => [hostPort(address), { host: address.host, port: address.port }]))
    const next = [...unique.values()].slice(0, MAX_KNOWN_ADDRESSES)
    const before = this.#peers.get(key) ?? []
    if (next.map(hostPort).join() === before.map(hostPort).join()) return
    this.#peers.delete(key)
    this.#peers.set(key, next)
    if (this.#peers.size > MAX_KNOWN_PEERS) this.#peers.delete(this.#peers.keys().next().value!)
    this.#saveSoon()
  }

  #saveSoon(): void {
    this.#timer ??= setTimeout(() => void this.save().catch(() => {}), SAVE_ADDRESSES_AFTER_MS)
    this.#timer.unref()
  }
}

/** A damaged file is an error when it holds what the user added, so it is never thrown away silently. */
export async function openAddressBook(files: FileLayer, path: string): Promise<AddressBook> {
  const bytes = await readSmallFile(files, path, MAX_ADDRESS_FILE_BYTES)
  if (bytes === undefined) return new AddressBook(files, path, [], [])
  try {
    const fields = new Fields(decodeCanonical(bytes, MAX_ADDRESS_FILE_BYTES, 'BadMessage', WHAT), 'BadMessage', WHAT)
    fields.integer('format', FORMAT)
    const permanent = fields.textList('permanent', MAX_PERMANENT_PEERS)
    if (permanent.some((text) => text.length > MAX_ADDRESS_CHARS)) throw fields.bad('permanent', 'a list of addresses')
    return new AddressBook(files, path, decodeMembers(fields, 'peers', MAX_KNOWN_PEERS), permanent)
  } catch (cause) {
    const message = `${path} is damaged. Move it away and run \`pintglas peers add\` again.`
    throw new GlasError('FileError', message, { cause, data: { path } })
  }
}

function tooMany(): GlasError {
  const message = `There are ${MAX_PERMANENT_PEERS} permanent peers. Take some away with \`pintglas peers remove\`.`
  return new GlasError('LimitExceeded', message, { data: { limit: MAX_PERMANENT_PEERS, unit: 'peers' } })
}
