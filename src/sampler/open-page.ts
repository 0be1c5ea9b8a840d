import { findGlas } from '../beam/lookup.ts'
import { isLoopback } from '../home/config.ts'
import type { Role } from '../home/tokens.ts'
import type { SamplerParts } from './parts.ts'

export interface OpenArgs {
  role: Role
  /** References of the only glases that it shall see; empty for all. */
  glases: string[]
}

export interface OpenedPage {
  url: string
  /** Good only for this user on this machine. */
  isLocal: boolean
}

/**
 * A link that signs in whoever opens it, once: by the first name for browsers elsewhere, or good here alone. The code
 * stands behind the `#`, which browsers send to nobody.
 */
export function openPage(
  { pintglas: { parts }, sessions }: SamplerParts,
  url: string,
  { role, glases }: OpenArgs,
): OpenedPage {
  const { http, httpHosts } = parts.home.config
  const [host] = httpHosts
  const isLocal = host === undefined && isLoopback(http)
  const limit = glases.length === 0 ? null : glases.map((reference) => findGlas(parts, reference).glasId)
  const code = sessions.newCode({ role, glases: limit }, { isLocal })
  return { url: `${host === undefined ? url : `https://${host}/`}#code=${code}`, isLocal }
}
