import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import { writeFileAtomic } from '../disk/atomic.ts'
import { ensureDirectory, type FileLayer, readSmallFile, realFiles } from '../disk/files.ts'
import { decodeCanonical, encodeCanonical } from '../glas/canonical.ts'
import { decodeCertificate, decodeRemoval, SWARM_NONCE_BYTES, signCertificate, swarmIdOf } from '../glas/certificate.ts'
import { GlasError, isGlasError, toGlasError } from '../glas/errors.ts'
import { Fields } from '../glas/fields.ts'
import { sha256 } from '../glas/hash.ts'
import { type KeyPair, type PublicKey, sameBytes } from '../glas/keys.ts'
import { MAX_CERTIFICATES, MAX_CHAIN, MAX_REMOVALS, MAX_SWARM_FILE_BYTES } from './limits.ts'
import { type Added, Membership, type SignedCertificate, type SignedRemoval } from './membership.ts'
import { signRemovalOf } from './sign-removal.ts'

const FORMAT = 1
export const SWARM_FILE = 'swarm.cbor'

/** Who this home is: its peer key, the person's owner key, and the name that others see. */
export interface HomeIdentity {
  peer: KeyPair
  owner: PublicKey
  name: string
}

/** Encoded certificates and removals, as they travel. */
export interface SwarmNews {
  certificates: Uint8Array[]
  removals: Uint8Array[]
}

export interface MergeResult {
  added: Added
  /** One for each thing that was not accepted; the sender's fault unless the swarm is full. */
  refused: GlasError[]
}

/**
 * The swarm of this home, kept in one file: canonical dag-cbor of `{certificates, format, removals, swarm}`. What is
 * new is durable before `changed` is emitted and before a call returns. Emits `changed` with what was added, and
 * `adopted` when the home went over to another swarm.
 */
export class HomeSwarm extends EventEmitter<{ changed: [Added]; adopted: [] }> {
  readonly identity: HomeIdentity
  readonly #files: FileLayer
  readonly #path: string
  #membership: Membership
  #saving: Promise<void> = Promise.resolve()

  constructor(files: FileLayer, path: string, identity: HomeIdentity, membership: Membership) {
    super()
    this.identity = identity
    this.#files = files
    this.#path = path
    this.#membership = membership
  }

  get membership(): Membership {
    return this.#membership
  }

  get #own(): PublicKey {
    return this.identity.peer.publicKey
  }

  /** What this home proves itself with; empty when it was removed. */
  ownChain(): SignedCertificate[] {
    return this.#membership.chainOf(this.#own)
  }

  /** True when others would have to be left behind to join another swarm. */
  hasOthers(): boolean {
    return this.#membership.members().some(({ peerKey }) => !sameBytes(peerKey, this.#own))
  }

  /** SHA-256 over the ids of everything stored: two homes with the same digest have nothing to tell each other. */
  digest(): Uint8Array {
    const { certificates, removals } = this.#all()
    return sha256(Buffer.concat([...certificates, ...removals].map(({ id }) => id)))
  }

  news(): SwarmNews {
    const { certificates, removals } = this.#all()
    return { certificates: certificates.map(({ bytes }) => bytes), removals: removals.map(({ bytes }) => bytes) }
  }

  /** Takes in what came from a peer, in any order. Nothing is thrown for it: what is wrong is in `refused`. */
  async merge(news: SwarmNews): Promise<MergeResult> {
    const refused: GlasError[] = []
    const certificates = this.#decoded(news.certificates, decodeCertificate, refused)
    const removals = this.#decoded(news.removals, decodeRemoval, refused)
    const added = this.#membership.add(certificates, removals)
    if (added.refused > 0) refused.push(full())
    await this.#keep(added)
    return { added, refused }
  }

  /** A certificate for a peer that is let in. Issued again for the same peer it is the same one. NotAllowed. */
  async issue(subject: PublicKey, owner: PublicKey, name: string, mayInvite: boolean): Promise<SignedCertificate> {
    const { swarm, founder, nonce } = this.#membership
    this.requireInviter()
    if (this.#membership.wasRemoved(subject)) {
      const message =
        'This machine was removed from the swarm. It can come back with a home of its own (a new peer key).'
      throw new GlasError('NotAllowed', message)
    }
    const certificate = signCertificate(
      { swarm, founder, nonce, subject, owner, name, mayInvite, issuer: this.#own },
      this.identity.peer,
    )
    const added = this.#membership.add([certificate], [])
    if (added.refused > 0) throw full()
    await this.#keep(added)
    return certificate
  }

  /** NotAllowed when this home may not invite, or could not hand it on. */
  requireInviter(): void {
    const own = this.#membership.member(this.#own)
    if (own === undefined) throw new GlasError('NotAllowed', 'This home was removed from its swarm. Join another one.')
    if (!own.mayInvite || own.depth + 1 >= MAX_CHAIN) {
      const inviters = this.#membership.members().filter(({ mayInvite }) => mayInvite)
      const names = inviters.map(({ name }) => name).slice(0, 3)
      throw new GlasError('NotAllowed', `This home may not invite. Ask one of those who may: ${names.join(', ')}.`)
    }
  }

  /** Takes a member out; see sign-removal.ts. Returns what has to be told to everybody. */
  async remove(subject: PublicKey, options: { withInvited?: boolean } = {}): Promise<Added> {
    const signed = signRemovalOf(this.#membership, subject, this.identity.peer, options)
    const added = this.#membership.add(signed.certificates, signed.removals)
    if (added.refused > 0) throw full()
    await this.#keep(added)
    return added
  }

  /**
   * Goes over to the swarm whose founder stands at the head of `chain`, which ends with this home's own certificate.
   * BadMessage when it proves nothing; NotAllowed when the present swarm has other members, unless told to `leave`.
   */
  async adopt(chain: readonly Uint8Array[], others: SwarmNews, options: { leave?: boolean } = {}): Promise<void> {
    const certificates = chain.map(decodeCertificate)
    const first = certificates[0]
    const same = first !== undefined && first.body.swarm === this.#membership.swarm
    if (!same) this.requireFree(options)
    const next = membershipOf(certificates)
    if (next === undefined || !next.isMember(this.#own)) {
      throw new GlasError('BadMessage', 'The certificates do not make this home a member. Ask for a new invitation.')
    }
    if (same) {
      await this.merge({ certificates: [...chain], removals: [] })
    } else {
      await this.#write(next)
      this.#membership = next
      this.emit('adopted')
    }
    await this.merge(others)
  }

  /**
   * Takes another name while nobody else knows this home: it founds its swarm anew. False when there are others: they
   * go on using the name in its certificate.
   */
  async rename(name: string): Promise<boolean> {
    if (this.hasOthers()) return false
    this.identity.name = name
    const next = found(this.identity)
    await this.#write(next)
    this.#membership = next
    this.emit('adopted')
    return true
  }

  /** NotAllowed when joining another swarm would leave members of the present one behind. */
  requireFree(options: { leave?: boolean } = {}): void {
    if (options.leave || !this.hasOthers()) return
    const message = 'This home is in a swarm with other members. To leave them, join with --leave.'
    throw new GlasError('NotAllowed', message)
  }

  #all(): Added {
    return { certificates: this.#membership.certificates(), removals: this.#membership.removals() }
  }

  #decoded<Item extends { body: { swarm: string } }>(
    list: readonly Uint8Array[],
    decode: (bytes: Uint8Array) => Item,
    refused: GlasError[],
  ): Item[] {
    return list.flatMap((bytes) => {
      try {
        const item = decode(bytes)
        if (item.body.swarm === this.#membership.swarm) return [item]
        refused.push(new GlasError('BadMessage', 'A certificate of another swarm was sent.'))
      } catch (error) {
        refused.push(toGlasError(error))
      }
      return []
    })
  }

  /** Writes come one after the other, each with everything that is known by then. */
  async #keep(added: Added): Promise<void> {
    if (added.certificates.length + added.removals.length === 0) return
    await this.#write(this.#membership)
    this.emit('changed', { certificates: added.certificates, removals: added.removals })
  }

  #write(membership: Membership): Promise<void> {
    const write = this.#saving.then(() => writeSwarmFile(this.#files, this.#path, membership))
    this.#saving = write.catch(() => {})
    return write
  }
}

/** The swarm of a home in its usual file; the folder is made when it is not there. */
export async function openSwarm(folder: string, identity: HomeIdentity): Promise<HomeSwarm> {
  await ensureDirectory(realFiles, folder)
  return openHomeSwarm(realFiles, join(folder, SWARM_FILE), identity)
}

/** Reads the home's swarm, or founds one of its own and writes it. */
export async function openHomeSwarm(files: FileLayer, path: string, identity: HomeIdentity): Promise<HomeSwarm> {
  const bytes = await readSmallFile(files, path, MAX_SWARM_FILE_BYTES)
  if (bytes !== undefined) return new HomeSwarm(files, path, identity, readSwarmFile(bytes, path))
  const membership = found(identity)
  await writeSwarmFile(files, path, membership)
  return new HomeSwarm(files, path, identity, membership)
}

function found({ peer, owner, name }: HomeIdentity): Membership {
  const founder = peer.publicKey
  const nonce = new Uint8Array(randomBytes(SWARM_NONCE_BYTES))
  const swarm = swarmIdOf(founder, nonce)
  const body = { swarm, founder, nonce, subject: founder, owner, name, mayInvite: true, issuer: founder }
  return membershipOf([signCertificate(body, peer)])!
}

function membershipOf(certificates: SignedCertificate[], removals: SignedRemoval[] = []): Membership | undefined {
  const first = certificates[0]
  if (first === undefined) return undefined
  const membership = new Membership(first.body)
  membership.add(certificates, removals)
  return membership
}

async function writeSwarmFile(files: FileLayer, path: string, membership: Membership): Promise<void> {
  const bytesOf = (items: Array<{ bytes: Uint8Array }>) => items.map(({ bytes }) => bytes)
  const map = {
    format: FORMAT,
    swarm: membership.swarm,
    certificates: bytesOf(membership.certificates()),
    removals: bytesOf(membership.removals()),
  }
  await writeFileAtomic(files, path, encodeCanonical(map), { mode: 0o600 })
}

function readSwarmFile(bytes: Uint8Array, path: string): Membership {
  try {
    const map = decodeCanonical(bytes, MAX_SWARM_FILE_BYTES, 'BadMessage', 'The file of the swarm')
    const fields = new Fields(map, 'BadMessage', 'The file of the swarm')
    fields.integer('format', FORMAT)
    const certificates = fields.list('certificates', MAX_CERTIFICATES).map((item) => decodeCertificate(asBytes(item)))
    const removals = fields.list('removals', MAX_REMOVALS).map((item) => decodeRemoval(asBytes(item)))
    const own = certificates.filter(({ body }) => body.swarm === fields.text('swarm', 64))
    const membership = membershipOf(own, removals)
    if (membership !== undefined) return membership
    throw new GlasError('BadMessage', 'no certificate in it')
  } catch (cause) {
    const why = isGlasError(cause) ? cause.message : String(cause)
    const message = `${path} is damaged (${why}). Move it away: the home founds a new swarm and can be invited again.`
    throw new GlasError('FileError', message, { cause, data: { path } })
  }
}

function asBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw new GlasError('BadMessage', 'A certificate is not bytes.')
}

function full(): GlasError {
  return new GlasError('LimitExceeded', `A swarm holds ${MAX_CERTIFICATES} certificates and removals; it is full.`, {
    data: { limit: MAX_CERTIFICATES, unit: 'certificates' },
  })
}
