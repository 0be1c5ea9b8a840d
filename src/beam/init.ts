import { type Identity, id } from './identity.ts'
import type { Parts } from './parts.ts'

/** Sets a home up. Every verb does that by itself; this one only tells what there is. */
export function init(parts: Parts): Promise<Identity> {
  return id(parts)
}
