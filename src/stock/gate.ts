/** Lets so much work run at a time; the rest waits in order. */
export class Gate {
  readonly #limit: number
  #running = 0
  readonly #waiting: Array<() => void> = []

  constructor(limit: number) {
    this.#limit = limit
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running++
    try {
      return await work()
    } finally {
      // The place is handed over, so that nobody who comes now gets in between.
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}

/**
 * Work on bytes that goes on while its caller prepares more: `add` waits only while more than `limitBytes` are in
 * flight. The first failure is thrown by the next `add` or by `drain`.
 */
export class ByteWindow {
  readonly #limitBytes: number
  #bytes = 0
  #flights = 0
  #failure: { error: unknown } | undefined
  #landed = Promise.withResolvers<void>()

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  async add(bytes: number, work: Promise<unknown>): Promise<void> {
    this.#bytes += bytes
    this.#flights++
    work.then(
      () => this.#land(bytes),
      (error) => {
        this.#failure ??= { error }
        this.#land(bytes)
      },
    )
    while (this.#bytes > this.#limitBytes && this.#flights > 0) await this.#landed.promise
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #land(bytes: number): void {
    this.#bytes -= bytes
    this.#flights--
    this.#landed.resolve()
    this.#landed = Promise.withResolvers()
  }

  async drain(): Promise<void> {
    while (this.#flights > 0) await this.#landed.promise
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
