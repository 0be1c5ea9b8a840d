import { randomBytes } from 'node:crypto'
import { writeFileAtomic } from '../disk/atomic.ts'
import { type FileLayer, readSmallFile } from '../disk/files.ts'
import { decodeCanonical, encodeCanonical } from '../glas/canonical.ts'
import { GlasError } from '../glas/errors.ts'
import { Fields } from '../glas/fields.ts'
import { GLAS_ID_BYTES, type GlasId, glasIdBytes } from '../glas/glas-id.ts'
import { sha256 } from '../glas/hash.ts'
import { PUBLIC_KEY_BYTES, type PublicKey, sameBytes, toHex } from '../glas/keys.ts'
import { SECRET_BYTES } from './invite-line.ts'
import { KEEP_INVITE_MS, MAX_INVITE_MS, MAX_INVITES, MAX_INVITES_FILE_BYTES } from './limits.ts'

const FORMAT = 1
const HASH_BYTES = 32
const WHAT = 'The file of the invitations'
/** A signed grant is an entry. */
const MAX_GRANT_BYTES = 2048

/** What the one who joins may publish: one glas of this home's owner, or all of them (`null`). */
export interface GrantWish {
  glasId: GlasId | null
}

export interface Invite {
  secretHash: Uint8Array
  expiresMs: number
  mayInvite: boolean
  wish: GrantWish | undefined
  /** The peer that used it, and the grant that was signed for it. */
  usedBy: PublicKey | undefined
  grant: Uint8Array | undefined
}

export interface InviteTerms {
  expiresMs: number
  mayInvite: boolean
  wish?: GrantWish | undefined
}

/**
 * The invitations of this home, kept in one file: canonical dag-cbor of `{format, invites}`. Secrets are stored hashed.
 * Times are this machine's own clock, which made the invitation and judges it.
 */
export class Invites {
  readonly #files: FileLayer
  readonly #path: string
  readonly #nowMs: () => number
  #invites: Invite[]
  #saving: Promise<void> = Promise.resolve()

  constructor(files: FileLayer, path: string, invites: Invite[], nowMs: () => number) {
    this.#files = files
    this.#path = path
    this.#invites = invites
    this.#nowMs = nowMs
  }

  /** The secret of a new invitation, which is durable when this returns. Only who is given the secret can use it. */
  async create(terms: InviteTerms): Promise<Uint8Array> {
    this.#forgetOld()
    if (this.#invites.length >= MAX_INVITES) throw tooMany()
    const secret = new Uint8Array(randomBytes(SECRET_BYTES))
    const expiresMs = Math.min(terms.expiresMs, this.#nowMs() + MAX_INVITE_MS)
    const { mayInvite, wish } = terms
    this.#invites.push({ secretHash: sha256(secret), expiresMs, mayInvite, wish, usedBy: undefined, grant: undefined })
    await this.#save()
    return secret
  }

  /**
   * The invitation of that secret, for the peer that shows it. The peer that has used it may show it again: its answer
   * may have been lost. NotAllowed, with `reason` in its data, when it is unknown, expired or used by another.
   */
  find(secret: Uint8Array, peerKey: PublicKey): Invite {
    const hash = sha256(secret)
    const invite = this.#invites.find(({ secretHash }) => sameBytes(secretHash, hash))
    if (invite === undefined) throw refused('unknown', 'The invitation is unknown here.')
    if (invite.usedBy !== undefined) {
      if (sameBytes(invite.usedBy, peerKey)) return invite
      throw refused('used', 'The invitation was used already, by another machine.')
    }
    if (invite.expiresMs <= this.#nowMs()) throw refused('expired', 'The invitation has expired.')
    return invite
  }

  /** Nobody else can use it from now on; durable when this returns. */
  async use(invite: Invite, peerKey: PublicKey): Promise<void> {
    if (invite.usedBy !== undefined && !sameBytes(invite.usedBy, peerKey)) {
      throw refused('used', 'The invitation was used already, by another machine.')
    }
    invite.usedBy = peerKey
    await this.#save()
  }

  /** Keeps what was signed, so that a second answer brings the same. */
  async keepGrant(invite: Invite, grant: Uint8Array): Promise<void> {
    invite.grant = grant
    await this.#save()
  }

  /** Those that can still be used. */
  open(): Invite[] {
    return this.#invites.filter(({ usedBy, expiresMs }) => usedBy === undefined && expiresMs > this.#nowMs())
  }

  #forgetOld(): void {
    const isOver = ({ usedBy, expiresMs }: Invite) => usedBy !== undefined || expiresMs <= this.#nowMs()
    const spare = Math.max(0, this.#invites.length + 1 - MAX_INVITES)
    const over = this.#invites.filter(isOver).sort((a, b) => a.expiresMs - b.expiresMs)
    const forgotten = new Set(over.filter((invite, nth) => nth < spare || this.#isOld(invite)))
    this.#invites = this.#invites.filter((invite) => !forgotten.has(invite))
  }

  #isOld({ expiresMs }: Invite): boolean {
    return expiresMs + KEEP_INVITE_MS <= this.#nowMs()
  }

  #save(): Promise<void> {
    const save = this.#saving.then(() =>
      writeFileAtomic(this.#files, this.#path, encodeCanonical({ format: FORMAT, invites: this.#invites.map(toMap) })),
    )
    this.#saving = save.catch(() => {})
    return save
  }
}

/** `nowMs` is the clock that expiry is judged by; the machine's own where not given. */
export async function openInvites(files: FileLayer, path: string, nowMs: () => number = Date.now): Promise<Invites> {
  const bytes = await readSmallFile(files, path, MAX_INVITES_FILE_BYTES)
  if (bytes === undefined) return new Invites(files, path, [], nowMs)
  try {
    const fields = new Fields(decodeCanonical(bytes, MAX_INVITES_FILE_BYTES, 'BadMessage', WHAT), 'BadMessage', WHAT)
    fields.integer('format', FORMAT)
    return new Invites(files, path, fields.list('invites', MAX_INVITES).map(fromMap), nowMs)
  } catch (cause) {
    const message = `${path} is damaged. Move it away; invitations that were made and not used are lost with it.`
    throw new GlasError('FileError', message, { cause, data: { path } })
  }
}

function toMap({ secretHash, expiresMs, mayInvite, wish, usedBy, grant }: Invite): Record<string, unknown> {
  const glas = wish?.glasId == null ? null : glasIdBytes(wish.glasId)
  return {
    secretHash,
    expiresMs,
    mayInvite,
    grants: wish !== undefined,
    glas,
    usedBy: usedBy ?? null,
    grant: grant ?? null,
  }
}

function fromMap(value: unknown): Invite {
  const fields = new Fields(value, 'BadMessage', WHAT)
  const glasId = fields.raw('glas') === null ? null : toHex(fields.bytes('glas', GLAS_ID_BYTES))
  const grant = fields.raw('grant')
  if (grant !== null && !(grant instanceof Uint8Array && grant.byteLength <= MAX_GRANT_BYTES)) {
    throw fields.bad('grant', 'the bytes of a grant')
  }
  return {
    secretHash: fields.bytes('secretHash', HASH_BYTES),
    expiresMs: fields.integer('expiresMs'),
    mayInvite: fields.boolean('mayInvite'),
    wish: fields.boolean('grants') ? { glasId } : undefined,
    usedBy: fields.raw('usedBy') === null ? undefined : fields.bytes('usedBy', PUBLIC_KEY_BYTES),
    grant: grant ?? undefined,
  }
}

function refused(reason: 'unknown' | 'used' | 'expired', message: string): GlasError {
  return new GlasError('NotAllowed', `${message} Ask for a new one.`, { data: { reason } })
}

function tooMany(): GlasError {
  return new GlasError(
    'LimitExceeded',
    `There are ${MAX_INVITES} open invitations. Wait until some are used or expire.`,
    {
      data: { limit: MAX_INVITES, unit: 'invitations' },
    },
  )
}
