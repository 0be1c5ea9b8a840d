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
  #failure: { error: unknown } | undefined
  readonly #flying = new Set<Promise<void>>()

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  async add(bytes: number, work: Promise<unknown>): Promise<void> {
    this.#bytes += bytes
    const flight: Promise<void> = work.then(
      () => this.#land(bytes, flight),
      (error) => {
        this.#failure ??= { error }
        this.#land(bytes, flight)
      },
    )
    this.#flying.add(flight)
    while (this.#bytes > this.#limitBytes && this.#flying.size > 0) await Promise.race(this.#flying)
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #land(bytes: number, flight: Promise<void>): void {
    this.#bytes -= bytes
    this.#flying.delete(flight)
  }

  async drain(): Promise<void> {
    await Promise.all(this.#flying)
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
