import { CID } from 'multiformats/cid'
import { type ErrorCode, GlasError } from './errors.ts'
import { isPlainCid, recordCidOf } from './hash.ts'

/**
 * Typed reading of a decoded dag-cbor map that came from outside. Every getter throws `code` naming `what` and the
 * field when the value has another type or is out of bounds. Unknown fields are left alone: a later version of a
 * format may add some, and what is signed or hashed is kept as bytes anyway.
 */
export class Fields {
  readonly #map: Record<string, unknown>
  readonly #code: ErrorCode
  readonly #what: string

  constructor(value: unknown, code: ErrorCode, what: string) {
    this.#code = code
    this.#what = what
    if (!isPlainMap(value)) throw new GlasError(code, `${what} is not a map.`)
    this.#map = value
  }

  /** The field as it is; undefined when absent. */
  raw(name: string): unknown {
    return Object.hasOwn(this.#map, name) ? this.#map[name] : undefined
  }

  bad(name: string, expected: string): GlasError {
    return new GlasError(this.#code, `${this.#what}: the field "${name}" must be ${expected}.`)
  }

  /** UTF-8 length at most `maxBytes`; lone surrogates cannot occur, dag-cbor refuses them. */
  text(name: string, maxBytes: number): string {
    const value = this.raw(name)
    if (typeof value !== 'string' || Buffer.byteLength(value) > maxBytes) {
      throw this.bad(name, `text of at most ${maxBytes} bytes`)
    }
    return value
  }

  optionalText(name: string, maxBytes: number): string | undefined {
    return this.raw(name) === undefined ? undefined : this.text(name, maxBytes)
  }

  bytes(name: string, lengthBytes: number): Uint8Array {
    const value = this.raw(name)
    if (!(value instanceof Uint8Array) || value.byteLength !== lengthBytes) {
      throw this.bad(name, `${lengthBytes} bytes`)
    }
    return value
  }

  integer(name: string, max = Number.MAX_SAFE_INTEGER): number {
    const value = this.raw(name)
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max) {
      throw this.bad(name, `an integer from 0 to ${max}`)
    }
    return value
  }

  boolean(name: string): boolean {
    const value = this.raw(name)
    if (typeof value !== 'boolean') throw this.bad(name, 'true or false')
    return value
  }

  list(name: string, maxItems: number): unknown[] {
    const value = this.raw(name)
    if (!Array.isArray(value) || value.length > maxItems) throw this.bad(name, `a list of at most ${maxItems}`)
    return value
  }

  textList(name: string, maxItems: number): string[] {
    const list = this.list(name, maxItems)
    if (!list.every((item) => typeof item === 'string')) throw this.bad(name, 'a list of texts')
    return list as string[]
  }

  /** An IPLD link to a block of `codec`, by SHA-256. */
  link(name: string, ...codecs: number[]): CID {
    const cid = CID.asCID(this.raw(name))
    if (cid === null || !codecs.some((codec) => isPlainCid(cid, codec))) {
      throw this.bad(name, `a link to a block of codec ${codecs.join(' or ')}`)
    }
    return cid
  }

  /** The CID of a record kept as bytes, which is no IPLD link: pinning does not follow it. */
  recordCid(name: string): CID {
    const value = this.raw(name)
    const cid = value instanceof Uint8Array ? recordCidOf(value) : undefined
    if (cid === undefined) throw this.bad(name, 'the bytes of the CID of a record')
    return cid
  }

  map(name: string): Fields {
    return new Fields(this.raw(name), this.#code, `${this.#what}, "${name}"`)
  }

  /** Names and counts, such as `removed`. */
  counts(name: string, maxItems: number): Record<string, number> {
    const value = this.raw(name)
    if (!isPlainMap(value) || Object.keys(value).length > maxItems) throw this.bad(name, `a map of at most ${maxItems}`)
    for (const count of Object.values(value)) {
      if (!Number.isSafeInteger(count) || (count as number) < 0) throw this.bad(name, 'a map of names and counts')
    }
    return value as Record<string, number>
  }
}

function isPlainMap(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return !(value instanceof Uint8Array) && CID.asCID(value) === null
}
