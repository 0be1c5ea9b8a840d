/** Unsigned LEB128 numbers up to 2^53 - 1, the shortest form only, and a writer and reader of them. */

/** 2^53 - 1 takes eight bytes of seven bits. */
const MAX_BYTES = 8
const MORE = 128

export class ByteWriter {
  #bytes: Uint8Array
  length = 0

  constructor(expectedBytes = 256) {
    this.#bytes = new Uint8Array(expectedBytes)
  }

  byte(value: number): void {
    this.#ensure(1)
    this.#bytes[this.length++] = value
  }

  varint(value: number): void {
    this.#ensure(MAX_BYTES)
    let rest = value
    while (rest >= MORE) {
      this.#bytes[this.length++] = (rest % MORE) | MORE
      rest = Math.floor(rest / MORE)
    }
    this.#bytes[this.length++] = rest
  }

  /** A number of either sign: 0, -1, 1, -2, ... become 0, 1, 2, 3, ... */
  signed(value: number): void {
    this.varint(value >= 0 ? value * 2 : -value * 2 - 1)
  }

  put(bytes: Uint8Array): void {
    this.#ensure(bytes.length)
    this.#bytes.set(bytes, this.length)
    this.length += bytes.length
  }

  /** What was written; valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.length)
  }

  #ensure(more: number): void {
    if (this.length + more <= this.#bytes.length) return
    const bigger = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + more))
    bigger.set(this.view())
    this.#bytes = bigger
  }
}

/** Reads what ByteWriter wrote. Where the bytes end too early or are no varint it calls `fail`, which must throw. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #fail: () => never
  position = 0

  constructor(bytes: Uint8Array, fail: () => never) {
    this.#bytes = bytes
    this.#fail = fail
  }

  get remaining(): number {
    return this.#bytes.length - this.position
  }

  byte(): number {
    return this.#bytes[this.position++] ?? this.#fail()
  }

  varint(): number {
    const first = this.byte()
    if (first < MORE) return first
    let value = first - MORE
    for (let at = 1, scale = MORE; at < MAX_BYTES; at++, scale *= MORE) {
      const byte = this.byte()
      value += (byte % MORE) * scale
      if (byte < MORE) return byte > 0 && Number.isSafeInteger(value) ? value : this.#fail()
    }
    return this.#fail()
  }

  signed(): number {
    const value = this.varint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  take(length: number): Uint8Array {
    if (length > this.remaining) this.#fail()
    this.position += length
    return this.#bytes.subarray(this.position - length, this.position)
  }
}
