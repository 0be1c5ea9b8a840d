/**
 * Leases keep a sweep away from the blocks of a transfer that is still going on: those it wrote, and those it needs
 * and found here. A lease lives in the memory of the one process that may sweep; what a dead process left unpinned is
 * garbage.
 */
import type { CID } from 'multiformats/cid'
import { keyOf } from './cid.ts'

export class Lease {
  /** Keys of the blocks (see cid.ts): about 100 bytes of memory each. */
  readonly keys = new Set<string>()
  readonly #leases: Leases

  constructor(leases: Leases) {
    this.#leases = leases
  }

  keep(cid: CID): void {
    this.keys.add(keyOf(cid))
  }

  /** From now on only pins keep its blocks. May be called twice. */
  release(): void {
    this.#leases.release(this)
  }
}

export class Leases {
  readonly #open = new Set<Lease>()
  /** Released while a sweep was running: what the sweep has seen of the pins may be older than the release. */
  readonly #released = new Set<Lease>()
  #sweeps = 0

  open(): Lease {
    const lease = new Lease(this)
    this.#open.add(lease)
    return lease
  }

  release(lease: Lease): void {
    if (this.#open.delete(lease) && this.#sweeps > 0) this.#released.add(lease)
  }

  holds(key: string): boolean {
    for (const lease of this.#open) if (lease.keys.has(key)) return true
    for (const lease of this.#released) if (lease.keys.has(key)) return true
    return false
  }

  beginSweep(): void {
    this.#sweeps++
  }

  endSweep(): void {
    if (--this.#sweeps === 0) this.#released.clear()
  }
}
