import type { GlasId } from '../glas/glas-id.ts'

/** What a page looks at anew when it changes. */
export type Change =
  | { topic: 'glases'; glases: readonly GlasId[] }
  | { topic: 'taps' | 'peers' | 'transfers' | 'quarantine' | 'tokens' }

/** Whoever shows something hears here that it changed; what it is now they ask those who know. */
export class Changes {
  readonly #listeners = new Set<(change: Change) => void>()

  tell(change: Change): void {
    for (const listener of this.#listeners) listener(change)
  }

  /** Gives the function that ends it. */
  listen(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
