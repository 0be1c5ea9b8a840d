/**
 * Work that serves everybody who asked before it began: a sync, a commit. One run at a time; calls that come while one
 * is running share the next. A run that fails fails for those whom it served, and says nothing about the next one.
 */
export class GroupRun {
  readonly #work: () => Promise<void>
  #running: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined

  constructor(work: () => Promise<void>) {
    this.#work = work
  }

  /** Settles with a run that began after this call. */
  run(): Promise<void> {
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = undefined
        this.#running = this.#work()
        return this.#running
      })
    return this.#next
  }

  /** Done when nothing is running; never fails. */
  async idle(): Promise<void> {
    await this.#next?.catch(() => {})
    await this.#running.catch(() => {})
  }
}
