import { GlasError } from '../glas/errors.ts'
import type { PublicKey } from '../glas/keys.ts'
import { addressText, parseAddress } from './address.ts'
import type { AddressBook } from './address-book.ts'
import type { Node } from './node.ts'
import type { Target } from './reconnect.ts'
import { isSshPlace, openSshTunnel, parseSshPlace, type SshOptions, type SshTunnel } from './ssh.ts'

/** The peers that the user added by address or through ssh. */
export class PermanentPeers {
  readonly #node: Node
  readonly #book: AddressBook
  readonly #ssh: SshOptions
  /** Who answered at each place when it was last reached. */
  readonly #answered = new Map<string, PublicKey>()
  readonly #tunnels = new Map<string, SshTunnel>()

  constructor(node: Node, book: AddressBook, ssh: SshOptions = {}) {
    this.#node = node
    this.#book = book
    this.#ssh = ssh
  }

  has(text: string): boolean {
    return this.#book.permanent().includes(text)
  }

  /** Throws InvalidName for what is neither an address nor a place for ssh. */
  async add(text: string): Promise<void> {
    await this.#book.addPermanent(written(text))
  }

  async remove(text: string): Promise<boolean> {
    const name = written(text)
    this.#answered.delete(name)
    await this.#closeTunnel(name)
    return this.#book.removePermanent(name)
  }

  /** `connect` is to call the method of that name, and to wait until it is clear whether a member answers. */
  targets(connect: (text: string, signal: AbortSignal) => Promise<unknown>): Target[] {
    this.keepPlaces()
    return this.#book.permanent().map((text) => ({
      name: text,
      isConnected: () => this.isConnected(text),
      connect: async (signal) => {
        await connect(text, signal)
      },
    }))
  }

  /** Connects now; the key of the peer that answers. */
  async connect(text: string, signal?: AbortSignal): Promise<PublicKey> {
    const name = written(text)
    const options = signal === undefined ? {} : { signal }
    const peerKey = isSshPlace(name)
      ? await this.#connectBySsh(name, signal)
      : await this.#node.dial([parseAddress(name)], options)
    this.#answered.set(name, peerKey)
    return peerKey
  }

  async close(): Promise<void> {
    await Promise.all([...this.#tunnels.keys()].map((name) => this.#closeTunnel(name)))
  }

  /** Others reach this home through its permanent peers, as long as it is connected with them. Cheap. */
  keepPlaces(): void {
    for (const peerKey of this.#answered.values()) {
      // Without a place this home is reached otherwise, or not at all; the next look tries again.
      this.#node.keepPlaceAt(peerKey).catch(() => {})
    }
  }

  isConnected(name: string): boolean {
    const peerKey = this.#answered.get(name)
    return peerKey !== undefined && this.#node.connectionsWith(peerKey).length > 0
  }

  /** The place is asked anew each time: the daemon there may listen on another port by now. */
  async #connectBySsh(name: string, signal: AbortSignal | undefined): Promise<PublicKey> {
    await this.#closeTunnel(name)
    const tunnel = await openSshTunnel(parseSshPlace(name), this.#ssh, signal)
    this.#tunnels.set(name, tunnel)
    try {
      return await this.#node.dial([tunnel.address], signal === undefined ? {} : { signal })
    } catch (cause) {
      await this.#closeTunnel(name)
      const message = `ssh works, but nothing answers at the other end of ${name}. Does it allow TCP forwarding?`
      throw new GlasError('PeerUnreachable', message, { cause })
    }
  }

  async #closeTunnel(name: string): Promise<void> {
    const tunnel = this.#tunnels.get(name)
    this.#tunnels.delete(name)
    await tunnel?.close()
  }
}

/** One way to write each place. */
function written(text: string): string {
  if (!isSshPlace(text)) return addressText(parseAddress(text))
  parseSshPlace(text)
  return text
}
