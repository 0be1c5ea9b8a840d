import type { CID } from 'multiformats/cid'
import type { KeyPair } from '../glas/keys.ts'
import { MAX_RECORDS_PER_CLAIM, signClaim } from './claim.ts'
import { MAX_RECORDS_PER_PEER } from './holder-table.ts'

/** Makes the claims of this peer, each with a higher sequence than the one before, also after a restart. */
export class Claimant {
  readonly #key: KeyPair
  #sequence = 0

  constructor(key: KeyPair) {
    this.#key = key
  }

  /** As many claims as it takes. What is beyond MAX_RECORDS_PER_PEER nobody would keep, so it is not claimed. */
  claims(held: CID[], dropped: CID[] = []): Uint8Array[] {
    const claims: Uint8Array[] = []
    for (const part of pieces(dropped)) claims.push(this.#claim([], part))
    for (const part of pieces(held.slice(0, MAX_RECORDS_PER_PEER))) claims.push(this.#claim(part, []))
    return claims
  }

  #claim(held: CID[], dropped: CID[]): Uint8Array {
    this.#sequence = Math.max(this.#sequence + 1, Date.now())
    return signClaim({ peer: this.#key.publicKey, sequence: this.#sequence, held, dropped }, this.#key).bytes
  }
}

function pieces(records: CID[]): CID[][] {
  const count = Math.ceil(records.length / MAX_RECORDS_PER_CLAIM)
  return Array.from({ length: count }, (_, i) =>
    records.slice(i * MAX_RECORDS_PER_CLAIM, (i + 1) * MAX_RECORDS_PER_CLAIM),
  )
}
