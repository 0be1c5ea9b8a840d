import type { Random } from './gen/random.ts'

/** Bytes that a careless or hostile peer might send: `good` with some bytes changed, cut, added, or all random. */
export function damaged(good: Uint8Array, random: Random): Uint8Array {
  const bytes = [...good]
  const kind = random.below(5)
  if (kind === 0) return Uint8Array.from({ length: random.below(2 * bytes.length + 8) }, () => random.below(256))
  if (kind === 1) return Uint8Array.from(bytes.slice(0, random.below(bytes.length)))
  if (kind === 2) return Uint8Array.from([...bytes, ...bytes.slice(random.below(bytes.length)), random.below(256)])
  for (let i = random.below(4); i >= 0; i--) bytes[random.below(bytes.length)] = random.below(256)
  if (kind === 3) bytes.splice(random.below(bytes.length), 1 + random.below(8))
  return Uint8Array.from(bytes)
}
