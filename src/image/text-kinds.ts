/** Which files are searched for secrets, as what, and which are not: decided by their names, size and first bytes. */

import type { TextKind } from './detectors.ts'
import { nameOf } from './entry.ts'
import type { Role } from './scan.ts'

/** A text without a known name, such as a log or a table of results, is searched up to this size. */
export const MAX_OTHER_TEXT_BYTES = 16 * 1024 * 1024
/** A NUL byte this early makes a file binary; git looks at as many. */
const BINARY_PROBE_BYTES = 8000

/** What is done with a file. `as` and `because` are the words that the record uses. */
export type Plan = { search: TextKind; as: string } | { search: null; because: string }

export interface PlannedFile {
  path: string
  sizeBytes: number
  role: Role
  broughtBack: boolean
}

const NOT = (because: string): Plan => ({ search: null, because })

const PHARO_TEXT = /\.(?:changes|st|ston|ombu|ph)$/i
const SETTINGS = /(?:^|\.)(?:env[^/]*|ini|cfg|conf|properties|ya?ml|toml|sh)$|^\.\w+rc$/i
const ARCHIVE = /\.(?:mcz|zip|gz|tgz|bz2|xz|zst|7z|rar|jar|whl)$/i
const GIT_OBJECT = /(?:^|\/)\.git\/(?:.*\/)?(?:objects\/.+|index|[^/]+\.pack)$/
const IN_GIT = /(?:^|\/)(?:\.git(?:\/|$)|\.gitmodules$)/
/** Iceberg clones into this folder what somebody has published or is about to publish. */
const CLONE = /(?:^|\/)iceberg\/[^/]+\/[^/]+\//

/** `firstBytes` is the beginning of the file, at least BINARY_PROBE_BYTES of it or all. */
export function planSearch(file: PlannedFile, firstBytes: Uint8Array): Plan {
  const { path } = file
  if (file.role === 'image' || /[^/]\.image(?:$|\/seg\d+\.data$)/.test(path)) return NOT('heap')
  if (file.broughtBack) return { search: 'settings', as: 'files that .pintglasignore brought back' }
  if (file.role === 'sources') return NOT('released sources')
  if (GIT_OBJECT.test(path)) return NOT('git objects')
  if (IN_GIT.test(path))
    return isBinary(firstBytes) ? NOT('other binary files') : { search: 'git', as: 'git settings and logs' }
  if (PHARO_TEXT.test(path) || path.endsWith('.json')) {
    return { search: CLONE.test(path) ? 'library' : 'typed', as: path.slice(path.lastIndexOf('.')).toLowerCase() }
  }
  if (ARCHIVE.test(path)) return NOT('archives')
  if (isBinary(firstBytes)) return NOT('other binary files')
  if (SETTINGS.test(nameOf(path))) return { search: 'settings', as: 'settings' }
  if (file.sizeBytes > MAX_OTHER_TEXT_BYTES) return NOT('other text over 16 MiB')
  return { search: CLONE.test(path) ? 'library' : 'typed', as: 'other text' }
}

function isBinary(firstBytes: Uint8Array): boolean {
  return firstBytes.subarray(0, BINARY_PROBE_BYTES).includes(0)
}
